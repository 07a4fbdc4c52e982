/** A client and the endpoints it calls, in virtual time: the shipped policies and cost, only the servers are made up. */
import { EndpointState, type Verdict } from "../../../sdk/src/balancing/endpoint-state.ts";
import type { Endpoint } from "../../../sdk/src/balancing/endpoint.ts";
import type { PickPolicyFactory } from "../../../sdk/src/balancing/pick-policy.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

export function endpoint(id: string, weight = 1): Endpoint {
  return { id, address: { host: "127.0.0.1", port: 1 }, weight, metadata: {} };
}

export function states(count: number, weight = 1): EndpointState[] {
  return Array.from({ length: count }, (_, at) => new EndpointState(endpoint(`e${at}`, weight)));
}

/** How a server answers a call that comes to it. */
export interface Answer {
  readonly afterMs: number;
  readonly verdict: Verdict;
}

export interface Experiment {
  readonly policy: PickPolicyFactory;
  readonly seed: number;
  readonly servers: number;
  readonly callsPerSecond: number;
  readonly seconds: number;
  readonly answer: (server: number, nowMs: number, chance: () => number) => Answer;
  /** What the client makes of a verdict; by default it believes it. */
  readonly reading?: (verdict: Verdict) => Verdict;
}

/** A call that has ended. */
export interface Call {
  readonly server: number;
  readonly startedMs: number;
  readonly durationMs: number;
  readonly verdict: Verdict;
}

/** Runs calls that arrive at random (Poisson) and gives all that ended. */
export function run(experiment: Experiment): Call[] {
  const clock = new VirtualClock();
  const random = seededRandom(experiment.seed);
  const fleet = states(experiment.servers);
  const policy = experiment.policy({ clock, random });
  const calls: Call[] = [];
  const endMs = experiment.seconds * 1000;

  const arrive = () => {
    const state = policy.pick(fleet, { hash: undefined });
    state.started();
    const server = fleet.indexOf(state);
    const startedMs = clock.now();
    const { afterMs, verdict } = experiment.answer(server, startedMs, random);
    clock.setTimer(() => {
      state.ended(clock.now(), afterMs, experiment.reading?.(verdict) ?? verdict);
      calls.push({ server, startedMs, durationMs: afterMs, verdict });
    }, afterMs);
    if (startedMs < endMs) clock.setTimer(arrive, (-Math.log(1 - random()) * 1000) / experiment.callsPerSecond);
  };
  arrive();
  clock.advance(endMs + 60_000);
  return calls;
}

/** The share of calls that meet a condition. */
export function share(calls: readonly Call[], condition: (call: Call) => boolean): number {
  return calls.filter(condition).length / calls.length;
}

/** How often each endpoint is picked, by id. */
export function tally(pick: () => EndpointState, times: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let at = 0; at < times; at++) {
    const { id } = pick().endpoint;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** Endpoints e0, e1, … of these weights. */
export function weighing(...weights: readonly number[]): EndpointState[] {
  return weights.map((weight, at) => new EndpointState(endpoint(`e${at}`, weight)));
}
