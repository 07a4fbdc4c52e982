/**
 * What do callers feel when a fleet is not well? Greeters in processes of their own, found in our agent; all callers call at
 * the same time, each at the same steady rate, while
 *
 * - all are well,
 * - one of five is ten times slower, and so can do a tenth,
 * - one fails every call at once,
 * - three more come,
 * - five of the eight leave in order.
 *
 *     npm run bench -- balancing [--rate 100] [--seconds 10] [--json]
 *
 * grpc-js has a fixed list of addresses, those of the first five; so it is not measured when greeters leave. Fails when a
 * call of the default policy fails while greeters come or leave, or a newcomer gets no call of it within a second.
 */
import { parseArgs } from "node:util";
import { OpenLoop } from "../../services/demo/src/open-loop.ts";
import { type Caller, grpcJsCaller, meshCaller } from "./balancing/callers.ts";
import type { Health } from "./balancing/health.ts";
import { AgentProcess } from "./discovery/agent-process.ts";
import { Helper } from "./helper.ts";
import { UsageError } from "./usage-error.ts";

const AT_FIRST = 5;
const MORE = 3;
const LEFT = 3;
const SLOWNESS = 10;
const WELL: Health = { slowness: 1, failing: false };
const FOUND_WITHIN_MS = 1_000;
const MIN_SECONDS = 2;
const DEFAULT = "p2c";

interface Row {
  readonly phase: string;
  readonly caller: string;
  readonly calls: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Figures {
  readonly rows: readonly Row[];
  /** From when the newcomers were registered to the first answer of the last of them, by caller, in milliseconds. */
  readonly newcomersMs: Readonly<Record<string, number>>;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rate: { type: "string", default: "100" },
      seconds: { type: "string", default: "10" },
      json: { type: "boolean", default: false },
    },
  });
  const rate = wholeNumber("--rate", values.rate, 1);
  const seconds = wholeNumber("--seconds", values.seconds, MIN_SECONDS);
  const figures = await measure(rate, seconds * 1_000);
  if (values.json) console.log(JSON.stringify(figures, undefined, 2));
  else print(figures);
  const faults = faultsOf(figures);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}

async function measure(rate: number, phaseMs: number): Promise<Figures> {
  const agent = await AgentProcess.start();
  const fleet = new Fleet(agent.url);
  const callers: Caller[] = [];
  const loads: Load[] = [];
  try {
    const ports = await fleet.grow(AT_FIRST);
    const mesh = (name: string, options: object): Caller => meshCaller(name, agent.url, options);
    callers.push(
      mesh(DEFAULT, {}),
      mesh("p2c, nobody taken out", { outliers: false }),
      mesh("round_robin, nobody taken out", { balancing: "round_robin", outliers: false }),
      grpcJsCaller("grpc-js round_robin", ports),
    );
    loads.push(...callers.map((caller) => new Load(caller, rate)));
    await Promise.all(loads.map((load) => load.answeredBy(fleet.names)));
    const rows: Row[] = [];
    const phase = async (name: string, happen: () => Promise<unknown> | void, among = loads): Promise<void> => {
      for (const load of loads) load.begin();
      await Promise.all([happen(), new Promise((resolve) => setTimeout(resolve, phaseMs))]);
      await Promise.all(loads.map((load) => load.settle()));
      rows.push(...among.map((load) => load.row(name)));
    };
    await phase("programs warm up", () => {}, []);
    await phase("all are well", () => {});
    await phase("one of five is 10 times slower", () => fleet.tell(0, { ...WELL, slowness: SLOWNESS }));
    fleet.tell(0, WELL);
    await phase("well again", () => {}, []);
    await phase("one of five fails at once", () => fleet.tell(1, { ...WELL, failing: true }));
    fleet.tell(1, WELL);
    await phase("well again", () => {}, []);
    const discovering = loads.filter(({ name }) => !name.startsWith("grpc-js"));
    const newcomersMs: Record<string, number> = {};
    await phase("three more come", async () => {
      const came = fleet.grow(MORE);
      const names = fleet.names.slice(AT_FIRST);
      const answered = discovering.map(async (load) => [load.name, await load.answeredBy(names)] as const);
      await came;
      const startedAt = performance.now();
      for (const [name, at] of await Promise.all(answered)) newcomersMs[name] = Math.max(0, at - startedAt);
    });
    await phase("five of eight leave", () => fleet.shrink(LEFT), discovering);
    return { rows, newcomersMs };
  } finally {
    for (const load of loads) load.stop();
    await Promise.all(callers.map((caller) => caller.close()));
    await fleet.close();
    await agent.close();
  }
}

/** The greeters, each in a process. */
class Fleet {
  readonly #url: string;
  readonly #greeters: Helper[] = [];
  /** In the order in which they were started. */
  readonly names: string[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  /** Resolves with the ports of those that were started, once they are registered. */
  async grow(count: number): Promise<number[]> {
    const names = Array.from({ length: count }, (_, at) => `g${this.names.length + at}`);
    this.names.push(...names);
    const fresh = names.map((name) => new Helper("balancing/greeter.ts", [this.#url, name]));
    this.#greeters.push(...fresh);
    return Promise.all(fresh.map((greeter) => greeter.hear<number>()));
  }

  /** The last ones leave in order, one after another; so many stay. */
  async shrink(left: number): Promise<void> {
    while (this.#greeters.length > left) {
      this.names.pop();
      await this.#greeters.pop()?.leave();
    }
  }

  tell(at: number, health: Health): void {
    this.#greeters[at]?.tell(health);
  }

  async close(): Promise<void> {
    await Promise.all(this.#greeters.map((greeter) => greeter.end()));
  }
}

/** The calls of one caller. */
class Load {
  readonly #caller: Caller;
  readonly #loop: OpenLoop;
  readonly #open = new Set<Promise<void>>();
  readonly #awaited = new Map<string, (at: number) => void>();
  #tookMs: number[] = [];
  #failed = 0;

  constructor(caller: Caller, rate: number) {
    this.#caller = caller;
    this.#loop = new OpenLoop({
      rate,
      send: () => {
        const call = this.#call().finally(() => this.#open.delete(call));
        this.#open.add(call);
      },
    });
  }

  get name(): string {
    return this.#caller.name;
  }

  /** Forgets what was before. */
  begin(): void {
    this.#tookMs = [];
    this.#failed = 0;
  }

  /** Resolves when the calls that are under way now have ended. */
  async settle(): Promise<void> {
    await Promise.all(this.#open);
  }

  /** Resolves with when the last of these first answered a call from now on. */
  async answeredBy(names: readonly string[]): Promise<number> {
    const first = names.map((name) => new Promise<number>((resolve) => this.#awaited.set(name, resolve)));
    return Math.max(...(await Promise.all(first)));
  }

  row(phase: string): Row {
    const sorted = this.#tookMs.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? NaN;
    const counts = { calls: sorted.length, failed: this.#failed };
    return { phase, caller: this.name, ...counts, p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  stop(): void {
    this.#loop.stop();
  }

  async #call(): Promise<void> {
    const startedAt = performance.now();
    try {
      const name = await this.#caller.call();
      this.#awaited.get(name)?.(performance.now());
      this.#awaited.delete(name);
    } catch {
      this.#failed++;
    }
    this.#tookMs.push(performance.now() - startedAt);
  }
}

function faultsOf({ rows, newcomersMs }: Figures): string[] {
  const moving = rows.filter(({ phase }) => phase === "three more come" || phase === "five of eight leave");
  const failed = moving
    .filter(({ caller, failed }) => caller === DEFAULT && failed > 0)
    .map(({ phase, failed }) => `${DEFAULT}: ${failed} calls failed while ${phase}`);
  const tookMs = newcomersMs[DEFAULT] ?? Infinity;
  const late =
    tookMs > FOUND_WITHIN_MS ? [`${DEFAULT}: newcomers got their first call after ${tookMs.toFixed(0)} ms`] : [];
  return [...failed, ...late];
}

function print({ rows, newcomersMs }: Figures): void {
  let last = "";
  for (const { phase, caller, calls, failed, p50Ms, p99Ms } of rows) {
    if (phase !== last) console.log(`\n${phase.padEnd(34)}   calls  failed  p50 ms  p99 ms`);
    last = phase;
    const times = [p50Ms, p99Ms].map((ms) => ms.toFixed(1).padStart(8)).join("");
    console.log(`  ${caller.padEnd(32)}${String(calls).padStart(8)}${String(failed).padStart(8)}${times}`);
  }
  const told = Object.entries(newcomersMs).map(([name, ms]) => `${name} ${ms.toFixed(0)} ms`);
  console.log(`\nfrom registration to the first call of the last newcomer: ${told.join("; ")}`);
}

function wholeNumber(option: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  throw new UsageError(`${option} is ${text}: write a whole number, ${least} or more`);
}
