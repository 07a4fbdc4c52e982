/**
 * "pick_first": all calls to one endpoint for as long as it is there: no balancing at all, for followers of one leader
 * and for comparison. Which one is drawn by weight (gRFC A62 and A113 shuffle the list), so that clients do not all meet
 * at the same. Unlike gRPC's it keeps connections to the others, and moves to one of them without a wait.
 */
import type { Random } from "../call/random.ts";
import { drawByWeight } from "./draw-by-weight.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { PickPolicy, PickPolicyFactory } from "./pick-policy.ts";

export const pickFirst: PickPolicyFactory = ({ random }) => new PickFirst(random);

class PickFirst implements PickPolicy {
  readonly name = "pick_first";
  readonly #random: Random;
  #all: readonly EndpointState[] = [];
  #chosen: EndpointState | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  update(ready: readonly EndpointState[]): void {
    this.#all = ready;
    if (this.#chosen !== undefined && !ready.includes(this.#chosen)) this.#chosen = undefined;
  }

  pick(ready: readonly EndpointState[]): EndpointState {
    if (this.#all.length === 0) this.update(ready);
    if (ready === this.#all) return (this.#chosen ??= drawByWeight(this.#random, ready));
    // A retry goes elsewhere; what other calls do stays as it is.
    if (this.#chosen !== undefined && ready.includes(this.#chosen)) return this.#chosen;
    return drawByWeight(this.#random, ready);
  }
}
