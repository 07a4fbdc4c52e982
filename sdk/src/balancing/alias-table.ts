/**
 * Draws places by weight in the same time however many there are: the alias method (Walker, 1977), built as Vose has it
 * (A linear algorithm for generating random numbers with a given distribution, 1991). Every place has a cell; a cell holds
 * its own place up to a share, and beyond it the place of one that has more than a cell's worth.
 */
export class AliasTable {
  readonly #share: Float64Array;
  readonly #alias: Int32Array;

  /** @param weights positive numbers, one or more. */
  constructor(weights: readonly number[]) {
    const count = weights.length;
    const mean = weights.reduce((sum, weight) => sum + weight, 0) / count;
    this.#share = Float64Array.from(weights, (weight) => weight / mean);
    this.#alias = Int32Array.from(weights, (_, at) => at);
    const small: number[] = [];
    const large: number[] = [];
    for (let at = 0; at < count; at++) (this.#shareAt(at) < 1 ? small : large).push(at);
    for (let poor = small.pop(), rich = large.pop(); poor !== undefined && rich !== undefined;) {
      this.#alias[poor] = rich;
      const left = this.#shareAt(rich) - (1 - this.#shareAt(poor));
      this.#share[rich] = left;
      poor = left < 1 ? rich : small.pop();
      if (left < 1) rich = large.pop();
    }
  }

  /** The place for a number drawn from [0, 1). */
  at(drawn: number): number {
    const scaled = drawn * this.#share.length;
    const cell = Math.floor(scaled);
    return scaled - cell < this.#shareAt(cell) ? cell : (this.#alias[cell] as number);
  }

  #shareAt(at: number): number {
    return this.#share[at] as number;
  }
}
