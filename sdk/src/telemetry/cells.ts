/** What a histogram keeps of the values it has seen, and how it is spoken of as Prometheus's classic buckets. */

export interface Cells {
  /** Counts a value. A few array writes and no allocation: this is on the way of every call. */
  record(value: number): void;
  /** How many values were counted. */
  readonly count: number;
  /** Their sum. */
  readonly sum: number;
  /** For each bound of the shape, how many values were at most that; never falls from one bound to the next. */
  cumulative(): number[];
  /** Forgets everything. */
  reset(): void;
}

/** How the series of one histogram count, and the bounds they are written with. */
export interface HistogramShape {
  /** Ascending; +Inf is not among them. */
  readonly bounds: readonly number[];
  newCells(): Cells;
}
