/**
 * Earliest deadline first, as gRFC A58 has it for weighted round robin: everyone comes up once in each period of theirs,
 * which is the shorter the more they weigh. So shares are kept exactly, over short stretches too, and nobody comes up
 * twice in a row while others are due. A turn costs the logarithm of their number and allocates nothing.
 */
import type { Random } from "../call/random.ts";

export class EdfSchedule {
  readonly #periods: Float64Array;
  readonly #deadlines: Float64Array;
  /** Places as a heap, the earliest deadline on top; and where in it each place is. */
  readonly #heap: Int32Array;
  readonly #position: Int32Array;

  /**
   * The first deadlines are drawn from the first period, so that clients made together do not walk in step.
   *
   * @param weights positive numbers.
   */
  constructor(weights: readonly number[], random: Random) {
    this.#periods = Float64Array.from(weights, (weight) => 1 / weight);
    this.#deadlines = this.#periods.map((period) => period * random());
    this.#heap = Int32Array.from(weights, (_, at) => at);
    this.#position = this.#heap.slice();
    for (let at = (weights.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** Whose turn it is. */
  get next(): number {
    return this.#heap[0] as number;
  }

  deadlineOf(place: number): number {
    return this.#deadlines[place] as number;
  }

  /** A place has had its turn. */
  taken(place: number): void {
    this.#deadlines[place] = (this.#deadlines[place] as number) + (this.#periods[place] as number);
    this.#sink(this.#position[place] as number);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const place = heap[from] as number;
    const deadline = this.deadlineOf(place);
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#deadlineAt(child + 1) < this.#deadlineAt(child)) child++;
      if (this.#deadlineAt(child) >= deadline) break;
      this.#put(heap[child] as number, at);
      at = child;
    }
    this.#put(place, at);
  }

  #deadlineAt(position: number): number {
    return this.deadlineOf(this.#heap[position] as number);
  }

  #put(place: number, position: number): void {
    this.#heap[position] = place;
    this.#position[place] = position;
  }
}
