/** Cells with bounds that somebody chose: exact at every bound, found by binary search. */
import { MeshError } from "../call/mesh-error.ts";
import type { Cells, HistogramShape } from "./cells.ts";

export class BoundedCells implements Cells {
  readonly #bounds: Float64Array;
  /** One per bound, then those above the last. */
  readonly #counts: Float64Array;
  /** An array of one: a number that is written in place, where a field would be boxed anew. */
  readonly #sum = new Float64Array(1);

  /** @param bounds ascending. */
  constructor(bounds: Float64Array) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] ?? Infinity)) high = middle;
      else low = middle + 1;
    }
    this.#counts[low] = (this.#counts[low] ?? 0) + 1;
    this.#sum[0] = (this.#sum[0] ?? 0) + value;
  }

  get count(): number {
    return this.#counts.reduce((total, count) => total + count, 0);
  }

  get sum(): number {
    return this.#sum[0] ?? 0;
  }

  cumulative(): number[] {
    let below = 0;
    return Array.from(this.#bounds, (_, index) => (below += this.#counts[index] ?? 0));
  }

  reset(): void {
    this.#counts.fill(0);
    this.#sum[0] = 0;
  }
}

/** A histogram that is exact at these bounds. Throws INVALID_ARGUMENT unless they are finite and ascending. */
export function boundedShape(bounds: readonly number[]): HistogramShape {
  const wrong = bounds.findIndex(
    (bound, index) => !Number.isFinite(bound) || bound <= (bounds[index - 1] ?? -Infinity),
  );
  if (wrong >= 0 || bounds.length === 0) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `histogram bounds [${bounds.join(", ")}] must be one or more finite numbers, each above the one before: ` +
        (bounds.length === 0 ? "there is none" : `look at number ${wrong + 1}, ${bounds[wrong]}`),
    );
  }
  const shared = Float64Array.from(bounds);
  return { bounds: [...bounds], newCells: () => new BoundedCells(shared) };
}
