/** One load on all sides in turns: rounds are interleaved, so that whatever else the machine does meets every side. */
import type { Load, Plan, Side } from "./plan.ts";
import { type Ends, endPair, type Keys, startPair } from "./start-pair.ts";
import { median } from "./statistics.ts";

/** Medians over the rounds. CPU is of client and server together, unless it says which. */
export interface SideResult {
  readonly callsPerCpuSecond: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of both processes; about half of it is Node and what loads TypeScript. */
  readonly rssMb: number;
  /** CPU per call. */
  readonly clientUs: number;
  readonly serverUs: number;
}

/** null where a side was not run or cannot be made. */
export type LoadResult = Load & { readonly [name in Side]: SideResult | null } & {
  /** Calls per CPU-second, the first by the second: the median of the rounds' ratios. */
  readonly ratio: number | null;
  /** What load reports cost. */
  readonly sdkNativeToSilent: number | null;
  readonly sdkGrpcJsToBareGrpcJs: number | null;
  readonly sdkNativeToCpp: number | null;
};

/** What warming up begins with, for each worker. */
const FIRST_CALLS = 20;
/** Code that is not compiled yet misleads about how many calls a turn takes: the number grows in steps. */
const MOST_GROWTH = 8;
/** A run this much faster than the one before it says that the code was still being compiled. */
const WARM_GAIN = 1.1;
/** Of about a turn: one may be slow by chance. */
const LEAST_WARM_RUNS = 2;
/** With fewer, much of the code is not compiled yet, however long they took. */
const LEAST_WARM_CALLS = 6_000;
/** Large messages come to fewer calls, and a machine that is busy never comes to rest. */
const MOST_WARM_MS = 15_000;
/** What counts as about a turn. */
const TURN_SHARE = 0.5;

class Pair {
  readonly ends: Ends;
  readonly rounds: SideResult[] = [];
  calls: number;
  readonly #step: number;

  constructor(ends: Ends, { concurrency }: Load) {
    this.ends = ends;
    this.#step = concurrency;
    this.calls = FIRST_CALLS * concurrency;
  }

  /** Warms up both ends, and finds meanwhile how many calls a turn takes. */
  async warmUp(seconds: number): Promise<void> {
    const turnMs = seconds * 1000;
    const begun = performance.now();
    let [rate, runs, done] = [0, 0, 0];
    for (;;) {
      const { ms } = await this.ends.client.ask({ ask: "run", calls: this.calls });
      const gain = this.calls / ms / rate;
      rate = this.calls / ms;
      done += this.calls;
      const calls = Math.min(turnMs * rate, this.calls * MOST_GROWTH);
      this.calls = Math.max(1, Math.round(calls / this.#step)) * this.#step;
      if (ms < turnMs * TURN_SHARE) continue;
      runs++;
      const warm = runs >= LEAST_WARM_RUNS && done >= LEAST_WARM_CALLS && gain < WARM_GAIN;
      if (warm || performance.now() - begun >= MOST_WARM_MS) return;
    }
  }

  async round(): Promise<void> {
    const { calls, ends } = this;
    await ends.server.ask({ ask: "usage" });
    const client = await ends.client.ask({ ask: "run", calls });
    const server = await ends.server.ask({ ask: "usage" });
    this.rounds.push({
      callsPerCpuSecond: (calls * 1e6) / (client.cpuUs + server.cpuUs),
      callsPerSecond: (calls * 1000) / client.ms,
      p50Ms: client.p50Ms,
      p99Ms: client.p99Ms,
      rssMb: client.rssMb + server.rssMb,
      clientUs: client.cpuUs / calls,
      serverUs: server.cpuUs / calls,
    });
  }
}

/** Every load has processes of its own: what the load before it compiled and kept would change the answer. */
export async function compare(load: Load, plan: Plan, keys: Keys): Promise<LoadResult> {
  const pairs = new Map<Side, Pair>();
  try {
    for (const side of plan.sides) {
      const ends = await startPair(side, load, keys);
      if (ends !== undefined) pairs.set(side, new Pair(ends, load));
    }
    for (const pair of pairs.values()) await pair.warmUp(plan.seconds);
    for (let round = 0; round < plan.rounds; round++) {
      for (const pair of pairs.values()) await pair.round();
    }
  } finally {
    await Promise.all([...pairs.values()].map(({ ends }) => endPair(ends)));
  }
  const result = (side: Side): SideResult | null => medians(pairs.get(side)?.rounds ?? []);
  const ratio = (one: Side, other: Side): number | null =>
    medianRatio(pairs.get(one)?.rounds, pairs.get(other)?.rounds);
  return {
    ...load,
    bareGrpcJs: result("bareGrpcJs"),
    sdkGrpcJs: result("sdkGrpcJs"),
    sdkNative: result("sdkNative"),
    sdkNativeSilent: result("sdkNativeSilent"),
    bareNative: result("bareNative"),
    cpp: result("cpp"),
    ratio: ratio("sdkNative", "bareGrpcJs"),
    sdkNativeToSilent: ratio("sdkNative", "sdkNativeSilent"),
    sdkGrpcJsToBareGrpcJs: ratio("sdkGrpcJs", "bareGrpcJs"),
    sdkNativeToCpp: ratio("sdkNative", "cpp"),
  };
}

function medians(rounds: readonly SideResult[]): SideResult | null {
  if (rounds.length === 0) return null;
  const of = (name: keyof SideResult): number => median(rounds.map((round) => round[name]));
  return {
    callsPerCpuSecond: of("callsPerCpuSecond"),
    callsPerSecond: of("callsPerSecond"),
    p50Ms: of("p50Ms"),
    p99Ms: of("p99Ms"),
    rssMb: of("rssMb"),
    clientUs: of("clientUs"),
    serverUs: of("serverUs"),
  };
}

function medianRatio(
  ones: readonly SideResult[] | undefined,
  others: readonly SideResult[] | undefined,
): number | null {
  if (ones === undefined || others === undefined) return null;
  return median(ones.map((one, at) => one.callsPerCpuSecond / (others[at]?.callsPerCpuSecond ?? Number.NaN)));
}
