/**
 * What a client of Prequal knows at present: one load report each of a few endpoints (Wydrowski et al., NSDI 2024,
 * section 4). Reports are used a few times only and not for long, and the number of calls in flight of the endpoint
 * that was picked is counted up meanwhile, so that the next call sees what this one has changed.
 *
 * There are a dozen or two, so all is done by walking through them; arrays are made once.
 */
import type { EndpointState } from "./endpoint-state.ts";

const NOWHERE = -1;

export class ProbePool {
  readonly #states: EndpointState[] = [];
  readonly #inFlight: Float64Array;
  readonly #latencyMs: Float64Array;
  readonly #receivedMs: Float64Array;
  readonly #usesLeft: Int32Array;
  readonly #sorted: Float64Array;
  #size = 0;

  constructor(capacity: number) {
    this.#inFlight = new Float64Array(capacity);
    this.#latencyMs = new Float64Array(capacity);
    this.#receivedMs = new Float64Array(capacity);
    this.#usesLeft = new Int32Array(capacity);
    this.#sorted = new Float64Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  stateAt(at: number): EndpointState {
    return this.#states[at] as EndpointState;
  }

  inFlightAt(at: number): number {
    return this.#inFlight[at] as number;
  }

  latencyAt(at: number): number {
    return this.#latencyMs[at] as number;
  }

  /** A report has come: it takes the place of an earlier one of the same endpoint, else of the oldest when all are taken. */
  add(state: EndpointState, inFlight: number, latencyMs: number, nowMs: number, uses: number): void {
    let at = this.#placeOf(state);
    if (at === NOWHERE && this.#size === this.#inFlight.length) at = this.#oldest();
    if (at === NOWHERE) at = this.#size++;
    this.#states[at] = state;
    this.#inFlight[at] = inFlight;
    this.#latencyMs[at] = latencyMs;
    this.#receivedMs[at] = nowMs;
    this.#usesLeft[at] = uses;
  }

  /** Forgets what came before a time. */
  expire(beforeMs: number): void {
    for (let at = this.#size - 1; at >= 0; at--) if ((this.#receivedMs[at] as number) < beforeMs) this.#remove(at);
  }

  /** Forgets endpoints that are not there any more. */
  keep(states: ReadonlySet<EndpointState>): void {
    for (let at = this.#size - 1; at >= 0; at--) if (!states.has(this.stateAt(at))) this.#remove(at);
  }

  /** A call goes to an endpoint, whoever chose it. */
  used(state: EndpointState): void {
    const at = this.#placeOf(state);
    if (at === NOWHERE) return;
    this.#inFlight[at] = this.inFlightAt(at) + 1;
    const left = (this.#usesLeft[at] as number) - 1;
    this.#usesLeft[at] = left;
    if (left <= 0) this.#remove(at);
  }

  /** Calls in flight that a share of the endpoints does not exceed. */
  quantile(share: number): number {
    const sorted = this.#sorted;
    for (let count = 0; count < this.#size; count++) {
      const value = this.inFlightAt(count);
      let at = count;
      for (; at > 0 && (sorted[at - 1] as number) > value; at--) sorted[at] = sorted[at - 1] as number;
      sorted[at] = value;
    }
    return sorted[Math.floor(share * (this.#size - 1))] ?? 0;
  }

  removeOldest(): void {
    if (this.#size > 0) this.#remove(this.#oldest());
  }

  /** Forgets who should be picked last: the one with the most calls of those above a bound, else the slowest. */
  removeWorst(hotAbove: number): void {
    let worst = NOWHERE;
    for (let at = 0; at < this.#size; at++) if (worst === NOWHERE || this.#isWorse(at, worst, hotAbove)) worst = at;
    if (worst !== NOWHERE) this.#remove(worst);
  }

  #isWorse(at: number, other: number, hotAbove: number): boolean {
    const most = Math.max(this.inFlightAt(at), this.inFlightAt(other));
    if (most > hotAbove) return this.inFlightAt(at) > this.inFlightAt(other);
    return this.latencyAt(at) > this.latencyAt(other);
  }

  #oldest(): number {
    let oldest = 0;
    for (let at = 1; at < this.#size; at++) {
      if ((this.#receivedMs[at] as number) < (this.#receivedMs[oldest] as number)) oldest = at;
    }
    return oldest;
  }

  #placeOf(state: EndpointState): number {
    for (let at = 0; at < this.#size; at++) if (this.#states[at] === state) return at;
    return NOWHERE;
  }

  /** The last one moves into its place. */
  #remove(at: number): void {
    const last = --this.#size;
    this.#states[at] = this.#states[last] as EndpointState;
    this.#inFlight[at] = this.inFlightAt(last);
    this.#latencyMs[at] = this.latencyAt(last);
    this.#receivedMs[at] = this.#receivedMs[last] as number;
    this.#usesLeft[at] = this.#usesLeft[last] as number;
    this.#states.length = last;
  }
}
