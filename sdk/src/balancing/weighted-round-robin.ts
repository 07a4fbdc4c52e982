/**
 * "weighted_round_robin" (gRFC A58): turns in proportion to weights. A weight is what an endpoint's load reports say that
 * it can do, calls per second over utilisation, so that all end up equally busy; without load reports it is the
 * registry's. An endpoint whose weight is not known yet counts as the mean of the others.
 */
import type { Clock } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import { EdfSchedule } from "./edf-schedule.ts";
import { endpointAt } from "./endpoint-at.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { LoadReport } from "./load-report.ts";
import type { PickPolicy, PickPolicyFactory } from "./pick-policy.ts";
import { ReportedWeight } from "./reported-weight.ts";

export interface WeightedRoundRobinOptions {
  /** Where weights come from: load reports where there are some, or the registry alone. Default "reports". */
  readonly weights?: "reports" | "registry";
  /** Milliseconds that an endpoint must have sent reports for before they count. Default 10,000. */
  readonly blackoutMs?: number;
  /** Milliseconds after which a report no longer counts. Default 180,000. */
  readonly expirationMs?: number;
  /** Milliseconds between changes of weights, 100 or more. Default 1,000. */
  readonly updateMs?: number;
  /** How much failures count: utilisation is taken to be higher by so many times their share of calls. Default 1. */
  readonly errorPenalty?: number;
}

/** gRFC A58's. */
const DEFAULTS: Required<WeightedRoundRobinOptions> = {
  weights: "reports",
  blackoutMs: 10_000,
  expirationMs: 180_000,
  updateMs: 1_000,
  errorPenalty: 1,
};
const MIN_UPDATE_MS = 100;

/** Throws INVALID_ARGUMENT for options out of range. */
export function weightedRoundRobin(given: WeightedRoundRobinOptions = {}): PickPolicyFactory {
  const options = { ...DEFAULTS, ...given };
  const { blackoutMs, expirationMs, updateMs, errorPenalty } = options;
  if (!(blackoutMs >= 0 && expirationMs > 0 && updateMs >= MIN_UPDATE_MS && errorPenalty >= 0)) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `options of weighted_round_robin are wrong: give blackoutMs (${blackoutMs}) and errorPenalty (${errorPenalty}) of 0 or more, expirationMs (${expirationMs}) above 0, updateMs (${updateMs}) of ${MIN_UPDATE_MS} or more`,
    );
  }
  return ({ clock, random }) => new WeightedRoundRobin(clock, random, options);
}

class WeightedRoundRobin implements PickPolicy {
  readonly name = "weighted_round_robin";
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #options: Required<WeightedRoundRobinOptions>;
  #all: readonly EndpointState[] = [];
  #places = new Map<EndpointState, number>();
  #weights = new Map<EndpointState, ReportedWeight>();
  #schedule: EdfSchedule | undefined;
  #scheduledMs = 0;
  /** Whether any endpoint has ever said what it can do: only then weights change with time. */
  #reported = false;

  constructor(clock: Clock, random: Random, options: Required<WeightedRoundRobinOptions>) {
    this.#clock = clock;
    this.#random = random;
    this.#options = options;
  }

  update(ready: readonly EndpointState[]): void {
    const before = this.#weights;
    this.#all = ready;
    this.#places = new Map(ready.map((state, at) => [state, at]));
    this.#weights = new Map(ready.map((state) => [state, before.get(state) ?? new ReportedWeight()]));
    this.#schedule = undefined;
  }

  reported(state: EndpointState, report: LoadReport): void {
    if (this.#options.weights === "registry") return;
    this.#weights.get(state)?.reported(report, this.#clock.now(), this.#options);
    this.#reported = true;
  }

  pick(ready: readonly EndpointState[]): EndpointState {
    if (this.#all.length === 0) this.update(ready);
    const schedule = this.#current();
    const place = ready === this.#all ? schedule.next : this.#earliestOf(ready, schedule);
    const state = endpointAt(this.#all, place);
    schedule.taken(place);
    return state;
  }

  #current(): EdfSchedule {
    const now = this.#clock.now();
    if (this.#schedule === undefined || (this.#reported && now - this.#scheduledMs >= this.#options.updateMs)) {
      this.#schedule = new EdfSchedule(this.#currentWeights(now), this.#random);
      this.#scheduledMs = now;
    }
    return this.#schedule;
  }

  /** gRFC A58 asks for two endpoints with weights at least: with one there is nothing to compare it with. */
  #currentWeights(now: number): number[] {
    const known = this.#all.map((state) => this.#weights.get(state)?.at(now, this.#options) ?? 0);
    const sure = known.filter((weight) => weight > 0);
    if (sure.length < 2) return this.#all.map((state) => state.weight);
    const mean = sure.reduce((sum, weight) => sum + weight, 0) / sure.length;
    return known.map((weight) => (weight > 0 ? weight : mean));
  }

  /** Whose turn it is among some: the others keep theirs. */
  #earliestOf(some: readonly EndpointState[], schedule: EdfSchedule): number {
    let earliest = this.#places.get(endpointAt(some, 0)) ?? 0;
    for (const state of some) {
      const place = this.#places.get(state);
      if (place !== undefined && schedule.deadlineOf(place) < schedule.deadlineOf(earliest)) earliest = place;
    }
    return earliest;
  }
}
