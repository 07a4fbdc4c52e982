/**
 * "round_robin": every endpoint in turn, blind to load, speed and weight: the baseline. It starts anywhere, so that
 * many clients started together do not walk in step.
 *
 * The turn belongs to an endpoint, not to a number: when the array changes (an endpoint came or went, or a retry leaves
 * out what it has tried) it goes on after the endpoint that was picked last. With a bare counter the one after an
 * endpoint that always fails would lose its turn to the retries, every time.
 */
import type { Random } from "../call/random.ts";
import { drawIndex, endpointAt } from "./endpoint-at.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { PickPolicy, PickPolicyFactory } from "./pick-policy.ts";

export const roundRobin: PickPolicyFactory = ({ random }) => new RoundRobin(random);

class RoundRobin implements PickPolicy {
  readonly name = "round_robin";
  readonly #random: Random;
  #ready: readonly EndpointState[] | undefined;
  #last: EndpointState | undefined;
  /** Where #last stood in #ready. */
  #index = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  pick(ready: readonly EndpointState[]): EndpointState {
    const index = this.#next(ready);
    this.#index = index < ready.length ? index : 0;
    this.#ready = ready;
    this.#last = endpointAt(ready, this.#index);
    return this.#last;
  }

  #next(ready: readonly EndpointState[]): number {
    if (this.#last === undefined) return drawIndex(this.#random, ready.length);
    if (ready === this.#ready) return this.#index + 1;
    const at = ready.indexOf(this.#last);
    // When the last one is gone, the endpoint after it has moved into its place.
    return at < 0 ? this.#index : at + 1;
  }
}
