/** What a scenario is made of, and how one run of it goes. */
import type { PickPolicyFactory } from "../../sdk/src/balancing/pick-policy.ts";
import { seededRandom } from "../../sdk/src/call/random.ts";
import type { Recording } from "./recording.ts";
import type { SimServer } from "./server.ts";
import type { Simulation } from "./simulation.ts";

export interface Parameter {
  readonly value: number;
  readonly about: string;
}

export type Parameters = Readonly<Record<string, Parameter>>;

/** A parameter's value for this run. */
export type Settings<P extends Parameters> = { readonly [Name in keyof P]: number };

export interface World {
  readonly policy: PickPolicyFactory;
  /** Chance of clients and balancers. */
  readonly random: () => number;
  /** Chance of servers, another one: what happens to them is the same whatever policy calls them. */
  readonly fate: () => number;
}

/** Ready to run. */
export interface Prepared {
  readonly simulation: Simulation;
  readonly servers: readonly SimServer[];
  /** Within what calls should succeed. */
  readonly sloMs: number;
  /** When what the scenario is about begins. */
  readonly onsetMs: number;
  /** What it is about beside calls, read when all have ended. */
  readonly figures?: (recording: Recording) => Figures;
}

/** By name. */
export type Figures = Readonly<Record<string, number>>;

/** Pick policies by the names that results have. */
export type Policies = Readonly<Record<string, PickPolicyFactory>>;

export interface Scenario {
  readonly about: string;
  readonly parameters: Parameters;
  /** What it compares. Default: every policy of the mesh's. */
  readonly policies?: Policies;
  prepare(settings: Readonly<Record<string, number>>, world: World): Prepared;
}

/** Keeps the names of parameters known to the scenario's own code. */
export function defineScenario<P extends Parameters>(
  about: string,
  parameters: P,
  prepare: (settings: Settings<P>, world: World) => Prepared,
  policies?: Policies,
): Scenario {
  return {
    about,
    parameters,
    prepare: (settings, world) => prepare(settings as Settings<P>, world),
    ...(policies && { policies }),
  };
}

export interface Outcome {
  /** Of all calls recorded. */
  readonly errorRate: number;
  /** Of calls in the second after the onset. */
  readonly errorRateWithin1s: number;
  /** Of calls that began 5 s after the onset or later. */
  readonly errorRateAfter5s: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Share of calls that succeeded within the scenario's objective. */
  readonly withinSlo: number;
  /** Standard deviation of calls per server over their mean. */
  readonly loadVariation: number;
}

/** The names of an outcome's figures. */
export const OUTCOME_NAMES: readonly (keyof Outcome)[] = [
  "errorRate",
  "errorRateWithin1s",
  "errorRateAfter5s",
  "p50Ms",
  "p99Ms",
  "p999Ms",
  "withinSlo",
  "loadVariation",
];

export interface Run {
  readonly outcome: Outcome & Figures;
  readonly recording: Recording;
}

/** @param settings instead of the parameters' own values. */
export function runScenario(
  scenario: Scenario,
  policy: PickPolicyFactory,
  seed: number,
  settings: Readonly<Record<string, number>> = {},
): Run {
  const values = Object.fromEntries(Object.entries(scenario.parameters).map(([name, { value }]) => [name, value]));
  const world = { policy, random: seededRandom(seed), fate: seededRandom(seed + 1_000_003) };
  const { simulation, servers, sloMs, onsetMs, figures } = scenario.prepare({ ...values, ...settings }, world);
  const recording = simulation.run();
  return {
    recording,
    outcome: {
      errorRate: recording.errorRate,
      errorRateWithin1s: recording.errorRateBetween(onsetMs, onsetMs + 1_000),
      errorRateAfter5s: recording.errorRateBetween(onsetMs + 5_000, Infinity),
      p50Ms: recording.percentile(0.5),
      p99Ms: recording.percentile(0.99),
      p999Ms: recording.percentile(0.999),
      withinSlo: recording.within(sloMs),
      loadVariation: variation(servers.map((server) => recording.byServer.get(server) ?? 0)),
      ...figures?.(recording),
    },
  };
}

function variation(counts: readonly number[]): number {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const square = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length;
  return mean === 0 ? 0 : Math.sqrt(square) / mean;
}

/** The middle of each figure over several runs. */
export function medianOutcome(outcomes: readonly (Outcome & Figures)[]): Outcome & Figures {
  const [first] = outcomes;
  if (first === undefined) throw new Error("no run was made: ask for one seed at least");
  const medians = Object.keys(first).map((name) => [name, median(outcomes.map((one) => one[name] as number))]);
  return Object.fromEntries(medians) as Outcome & Figures;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}
