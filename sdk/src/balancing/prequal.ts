/**
 * "prequal" (Wydrowski et al., Load is not what you should balance: Introducing Prequal, NSDI 2024,
 * https://arxiv.org/abs/2312.10172), asynchronous mode: every call asks a few endpoints at random for their load, and goes
 * by answers that earlier calls asked for. An endpoint is hot when it has more calls in flight than most; among those that
 * are not, the fastest is picked; when all are hot, the one with the fewest calls. So it sees what other clients do to a
 * server, which "p2c" cannot, at the price of the questions.
 *
 * Where it differs from the paper:
 * - Reports also come with answers, for nothing, and take the place of an earlier report of the same endpoint.
 * - Endpoints whose calls fail come last for as long as the penalty counts. The paper leaves its remedy against those that
 *   fail fast, and so look idle, unsaid.
 * - When it knows of fewer than two endpoints it picks as "p2c" does, where the paper picks at random: so at the start,
 *   after a pause, and always where endpoints report no load.
 * - Nothing is asked while no calls are made.
 */
import type { Clock } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import { drawIndex, endpointAt } from "./endpoint-at.ts";
import { levelAt } from "./endpoint-cost.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { LoadReport } from "./load-report.ts";
import { lighterOfTwo } from "./p2c.ts";
import type { PickPolicy, PickPolicyFactory, PolicyEnvironment } from "./pick-policy.ts";
import { ProbePool } from "./probe-pool.ts";

export interface PrequalOptions {
  /** Endpoints asked for each call, 0 to 10; fractions count. Default 3; the paper's production has 5. */
  readonly probesPerCall?: number;
  /** Reports kept, 2 to 64. Default 16. */
  readonly poolSize?: number;
  /** Milliseconds that a report counts. Default 1,000. */
  readonly maxAgeMs?: number;
  /** Reports forgotten with each call, alternately the oldest and the worst; fractions count. Default 1. */
  readonly removalsPerCall?: number;
  /**
   * Share of endpoints that are not hot, 0 to 1: 0 goes by calls in flight alone, 1 by latency alone, which does badly.
   * Default 0.84; the paper finds 0.6 to 0.9 alike.
   */
  readonly hotQuantile?: number;
}

/** The paper's baseline. */
const DEFAULTS: Required<PrequalOptions> = {
  probesPerCall: 3,
  poolSize: 16,
  maxAgeMs: 1_000,
  removalsPerCall: 1,
  hotQuantile: 0.84,
};
/** With fewer there is no choice. */
const MIN_REPORTS = 2;
/** How much the pool should grow with each call, the paper's delta. */
const GROWTH = 1;
const MAX_PROBES = 10;
const MAX_POOL = 64;
/** An endpoint whose failures cost less is as good as others again. */
const FAILING_MS = 1_000;

/** Throws INVALID_ARGUMENT for options out of range. */
export function prequal(given: PrequalOptions = {}): PickPolicyFactory {
  const options = { ...DEFAULTS, ...given };
  const { probesPerCall, poolSize, maxAgeMs, removalsPerCall, hotQuantile } = options;
  const faults = [
    probesPerCall >= 0 && probesPerCall <= MAX_PROBES
      ? ""
      : `probesPerCall is ${probesPerCall}: give 0 to ${MAX_PROBES}`,
    Number.isInteger(poolSize) && poolSize >= MIN_REPORTS && poolSize <= MAX_POOL
      ? ""
      : `poolSize is ${poolSize}: give a whole number, ${MIN_REPORTS} to ${MAX_POOL}`,
    maxAgeMs > 0 ? "" : `maxAgeMs is ${maxAgeMs}: give more than 0`,
    removalsPerCall >= 0 ? "" : `removalsPerCall is ${removalsPerCall}: give 0 or more`,
    hotQuantile >= 0 && hotQuantile <= 1 ? "" : `hotQuantile is ${hotQuantile}: give 0 to 1`,
  ].filter((fault) => fault !== "");
  if (faults.length > 0) throw new MeshError("INVALID_ARGUMENT", `options of prequal are wrong: ${faults.join("; ")}`);
  return (environment) => new Prequal(environment, options);
}

class Prequal implements PickPolicy {
  readonly name = "prequal";
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #probe: ((state: EndpointState) => void) | undefined;
  readonly #options: Required<PrequalOptions>;
  readonly #pool: ProbePool;
  #all: readonly EndpointState[] = [];
  #members: ReadonlySet<EndpointState> = new Set();
  /** Endpoints with more calls in flight are hot. */
  #hotAbove = 0;
  /** How often a report may be used. */
  #uses = 1;
  /** Fractions of probes and removals that are left over from earlier calls. */
  #probesDue = 0;
  #removalsDue = 0;
  #removeWorstNext = false;
  /** Places that this call has asked; used again, so that a pick allocates nothing. */
  readonly #asked = new Int32Array(MAX_PROBES);

  constructor({ clock, random, probe }: PolicyEnvironment, options: Required<PrequalOptions>) {
    this.#clock = clock;
    this.#random = random;
    this.#probe = probe;
    this.#options = options;
    this.#pool = new ProbePool(options.poolSize);
  }

  update(ready: readonly EndpointState[]): void {
    this.#all = ready;
    this.#members = new Set(ready);
    this.#pool.keep(this.#members);
    this.#uses = usesOf(this.#options, ready.length);
  }

  reported(state: EndpointState, { inFlight, latencyMs }: LoadReport): void {
    if (inFlight === undefined || !this.#members.has(state)) return;
    const uses = Math.floor(this.#uses + this.#random());
    // Who has no fresh sample has had next to nothing to do.
    this.#pool.add(state, inFlight, latencyMs ?? 0, this.#clock.now(), uses);
  }

  pick(ready: readonly EndpointState[]): EndpointState {
    if (this.#all.length === 0) this.update(ready);
    const nowMs = this.#clock.now();
    // First, since an answer may be at hand, which knows of earlier picks and not of this one.
    this.#ask();
    this.#pool.expire(nowMs - this.#options.maxAgeMs);
    this.#hotAbove = this.#pool.quantile(this.#options.hotQuantile);
    const state = this.#best(ready, levelAt(nowMs, FAILING_MS)) ?? lighterOfTwo(ready, this.#random, nowMs);
    this.#pool.used(state);
    this.#remove();
    return state;
  }

  /** undefined when too little is known. */
  #best(ready: readonly EndpointState[], failing: number): EndpointState | undefined {
    const pool = this.#pool;
    let best = -1;
    let known = 0;
    for (let at = 0; at < pool.size; at++) {
      if (ready !== this.#all && !ready.includes(pool.stateAt(at))) continue;
      if (pool.stateAt(at).penaltyLevel >= failing) continue;
      known++;
      if (best < 0 || this.#isBetter(at, best)) best = at;
    }
    return known < MIN_REPORTS ? undefined : pool.stateAt(best);
  }

  /** The paper's rule of hot and cold; of two that are alike the one with fewer calls. */
  #isBetter(at: number, other: number): boolean {
    const pool = this.#pool;
    const inFlight = pool.inFlightAt(at);
    const otherInFlight = pool.inFlightAt(other);
    const hot = inFlight > this.#hotAbove;
    if (hot !== otherInFlight > this.#hotAbove) return !hot;
    const latencyMs = pool.latencyAt(at);
    const otherMs = pool.latencyAt(other);
    if (hot || latencyMs === otherMs) return inFlight < otherInFlight;
    return latencyMs < otherMs;
  }

  #remove(): void {
    this.#removalsDue += this.#options.removalsPerCall;
    for (; this.#removalsDue >= 1; this.#removalsDue--) {
      if (this.#removeWorstNext) this.#pool.removeWorst(this.#hotAbove);
      else this.#pool.removeOldest();
      this.#removeWorstNext = !this.#removeWorstNext;
    }
  }

  #ask(): void {
    if (this.#probe === undefined) return;
    this.#probesDue += this.#options.probesPerCall;
    const most = Math.min(Math.floor(this.#probesDue), this.#all.length);
    this.#probesDue -= Math.floor(this.#probesDue);
    for (let count = 0; count < most; count++) {
      let place = drawIndex(this.#random, this.#all.length);
      while (this.#hasAsked(place, count)) place = drawIndex(this.#random, this.#all.length);
      this.#asked[count] = place;
      this.#probe(endpointAt(this.#all, place));
    }
  }

  #hasAsked(place: number, count: number): boolean {
    for (let at = 0; at < count; at++) if (this.#asked[at] === place) return true;
    return false;
  }
}

/**
 * How often a report may be used, so that the pool neither runs dry nor goes stale (the paper's equation 1). Where the pool
 * holds all endpoints, reports are replaced rather than used up.
 */
function usesOf({ poolSize, probesPerCall, removalsPerCall }: Required<PrequalOptions>, endpoints: number): number {
  const gain = (1 - Math.min(1, poolSize / endpoints)) * probesPerCall - removalsPerCall;
  return gain > 0 ? Math.min(Math.max(1, (1 + GROWTH) / gain), poolSize) : poolSize;
}
