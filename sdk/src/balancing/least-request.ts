/**
 * "least_request": of a few endpoints drawn at random the one with the fewest calls in flight from this client, for its
 * weight (gRFC A48 and Envoy's least request). It knows nothing of latency or failures: "p2c" is the better choice but
 * where calls of one client differ wildly in what they take.
 *
 * gRFC A48 draws with replacement, which wastes draws on small fleets; here all drawn are different.
 */
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import { drawIndex, endpointAt } from "./endpoint-at.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { PickPolicy, PickPolicyFactory } from "./pick-policy.ts";

/** gRFC A48's: two draws do most of what there is to gain. */
const DEFAULT_CHOICES = 2;
/** gRFC A48's bounds. */
const MIN_CHOICES = 2;
const MAX_CHOICES = 10;

export interface LeastRequestOptions {
  /** How many endpoints are drawn, 2 to 10. Default 2. */
  readonly choices?: number;
}

/** Throws INVALID_ARGUMENT for choices out of range. */
export function leastRequest({ choices = DEFAULT_CHOICES }: LeastRequestOptions = {}): PickPolicyFactory {
  if (!(Number.isInteger(choices) && choices >= MIN_CHOICES && choices <= MAX_CHOICES)) {
    throw new MeshError("INVALID_ARGUMENT", `choices of least_request is ${choices}: give a whole number, 2 to 10`);
  }
  return ({ random }) => new LeastRequest(random, choices);
}

class LeastRequest implements PickPolicy {
  readonly name = "least_request";
  readonly #random: Random;
  /** The places drawn for a pick; used again, so that a pick allocates nothing. */
  readonly #drawn: Int32Array;

  constructor(random: Random, choices: number) {
    this.#random = random;
    this.#drawn = new Int32Array(choices);
  }

  pick(ready: readonly EndpointState[]): EndpointState {
    const count = ready.length;
    const choices = Math.min(this.#drawn.length, count);
    let best = endpointAt(ready, this.#draw(count, 0));
    for (let at = 1; at < choices; at++) {
      const state = endpointAt(ready, this.#draw(count, at));
      if ((state.inFlight + 1) * best.weight < (best.inFlight + 1) * state.weight) best = state;
    }
    return best;
  }

  /** A place that was not among the first `drawn` ones: the next free one after a number drawn for those left over. */
  #draw(count: number, drawn: number): number {
    const places = this.#drawn;
    let place = drawIndex(this.#random, count - drawn);
    let at = 0;
    // They are kept in order: each one at or before the place moves it on by one.
    while (at < drawn && (places[at] as number) <= place) {
      place++;
      at++;
    }
    for (let later = drawn; later > at; later--) places[later] = places[later - 1] as number;
    places[at] = place;
    return place;
  }
}
