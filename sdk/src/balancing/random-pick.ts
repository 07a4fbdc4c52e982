/** "random": any endpoint, with a chance in proportion to its weight; blind to load and speed. */
import type { Random } from "../call/random.ts";
import { AliasTable } from "./alias-table.ts";
import { drawByWeight } from "./draw-by-weight.ts";
import { drawIndex, endpointAt } from "./endpoint-at.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { PickPolicy, PickPolicyFactory } from "./pick-policy.ts";

export const randomPick: PickPolicyFactory = ({ random }) => new RandomPick(random);

class RandomPick implements PickPolicy {
  readonly name = "random";
  readonly #random: Random;
  #all: readonly EndpointState[] = [];
  /** undefined: all weigh the same. */
  #table: AliasTable | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  update(ready: readonly EndpointState[]): void {
    this.#all = ready;
    const [first] = ready;
    const even = ready.every((state) => state.weight === first?.weight);
    this.#table = even ? undefined : new AliasTable(ready.map((state) => state.weight));
  }

  pick(ready: readonly EndpointState[]): EndpointState {
    if (this.#all.length === 0) this.update(ready);
    if (ready !== this.#all) return drawByWeight(this.#random, ready);
    const at = this.#table === undefined ? drawIndex(this.#random, ready.length) : this.#table.at(this.#random());
    return endpointAt(ready, at);
  }
}
