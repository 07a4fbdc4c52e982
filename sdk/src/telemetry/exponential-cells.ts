/**
 * Cells that grow by a constant factor, as in Prometheus's native and OpenTelemetry's exponential histograms
 * (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram): 2^scale cells to each doubling,
 * so the relative error of a quantile is the same from microseconds to minutes. The cell of a value is read from its
 * bits: no logarithm, no search. test/bench/metrics.bench.ts compares it with a prom-client histogram.
 */
import type { Cells, HistogramShape } from "./cells.ts";

/** The bits of a double, as two words. */
const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer);
scratch[0] = 1;
const HIGH = words[1] === 0 ? 0 : 1;
const LOW = 1 - HIGH;

/** A double's high word: 1 sign bit, 11 of exponent (with this bias), 20 of mantissa. */
const EXPONENT_BIAS = 1023;
const MANTISSA_BITS = 20;
const MANTISSA_MASK = 2 ** MANTISSA_BITS - 1;

/** What stands before the cells of the grid. */
const SUM = 0;
/** Values that are not above zero. */
const ZERO = 1;
/** Values above zero, up to the grid's start. The cells of the grid follow, then what is above its end. */
const UNDERFLOW = 2;

/** Where the cells lie. Made once per kind of value and shared by all series. */
export class CellGrid {
  /** Cells to a doubling. */
  readonly perOctave: number;
  /** Exponent bits of the first octave. */
  readonly firstExponent: number;
  /** Cells in all, with underflow and overflow. */
  readonly size: number;
  /** Lower end (exclusive) of each cell; the next one's is its upper end (inclusive). One longer than size. */
  readonly edges: Float64Array;
  /** An octave in equal slots, so narrow that at most one cell begins in each: the cell a slot begins in. */
  readonly slots: Uint8Array;
  readonly slotShift: number;
  /** The mantissa bits at which the cell after this one begins. */
  readonly nextCell: Uint32Array;

  /**
   * @param scale 0 to 4: 2^scale cells to each doubling, each 2^(1/2^scale) times as wide as the one before.
   * @param from the exponent of 2 where the grid begins.
   * @param to the exponent of 2 where it ends.
   */
  constructor(scale: number, from: number, to: number) {
    const perOctave = 2 ** scale;
    // Edges are cut to the mantissa bits that record() looks at, so both agree to the last bit; powers of 2 are exact.
    const mantissas = Array.from({ length: perOctave + 1 }, (_, cell) =>
      Math.round((2 ** (cell / perOctave) - 1) * 2 ** MANTISSA_BITS),
    );
    this.perOctave = perOctave;
    this.firstExponent = from + EXPONENT_BIAS;
    this.size = (to - from) * perOctave + 2;
    this.edges = new Float64Array(this.size + 1);
    for (let cell = 0; cell <= (to - from) * perOctave; cell++) {
      const mantissa = mantissas[cell % perOctave] ?? 0;
      this.edges[cell + 1] = (1 + mantissa / 2 ** MANTISSA_BITS) * 2 ** (from + Math.floor(cell / perOctave));
    }
    this.edges[this.size] = Infinity;
    this.nextCell = Uint32Array.from(mantissas.slice(1));
    this.slotShift = MANTISSA_BITS - (scale + 1);
    this.slots = Uint8Array.from({ length: 2 * perOctave }, (_, slot) => {
      const begin = slot << this.slotShift;
      return mantissas.findLastIndex((mantissa) => mantissa <= begin);
    });
  }
}

export class ExponentialCells implements Cells {
  readonly #grid: CellGrid;
  readonly #bounds: readonly number[];
  readonly #cells: Float64Array;
  readonly #last: number;

  constructor(grid: CellGrid, bounds: readonly number[]) {
    this.#grid = grid;
    this.#bounds = bounds;
    this.#cells = new Float64Array(UNDERFLOW + grid.size);
    this.#last = this.#cells.length - 1;
  }

  /** A value that is not a finite number above zero counts as 0. */
  record(value: number): void {
    const cells = this.#cells;
    if (!(value > 0 && value < Infinity)) {
      cells[ZERO] = (cells[ZERO] ?? 0) + 1;
      return;
    }
    const grid = this.#grid;
    scratch[0] = value;
    let high = words[HIGH] ?? 0;
    // One step down: a value on an edge belongs to the cell that ends there, as "le" asks.
    if (words[LOW] === 0) high--;
    const mantissa = high & MANTISSA_MASK;
    const cell = grid.slots[mantissa >>> grid.slotShift] ?? 0;
    // The sign bit is 1 at and above the next cell's edge: half of all values are, so a branch would be mispredicted.
    const next = ((grid.nextCell[cell] ?? 0) - 1 - mantissa) >>> 31;
    let index = ((high >>> MANTISSA_BITS) - grid.firstExponent) * grid.perOctave + cell + next + UNDERFLOW + 1;
    if (index < UNDERFLOW) index = UNDERFLOW;
    else if (index > this.#last) index = this.#last;
    cells[index] = (cells[index] ?? 0) + 1;
    cells[SUM] = (cells[SUM] ?? 0) + value;
  }

  get count(): number {
    let total = 0;
    for (let index = ZERO; index <= this.#last; index++) total += this.#cells[index] ?? 0;
    return total;
  }

  get sum(): number {
    return this.#cells[SUM] ?? 0;
  }

  /**
   * Exact at bounds that are edges of the grid. A bound inside a cell takes its share of the cell as if the values lay
   * evenly in it: off by less than the cell holds, and never falling as counts grow.
   */
  cumulative(): number[] {
    const { edges, size } = this.#grid;
    let below = this.#cells[ZERO] ?? 0;
    let cell = 0;
    return this.#bounds.map((bound) => {
      while (cell < size && (edges[cell + 1] ?? Infinity) <= bound) below += this.#cells[UNDERFLOW + cell++] ?? 0;
      const lower = edges[cell] ?? 0;
      if (bound <= lower) return below;
      const share = (bound - lower) / ((edges[cell + 1] ?? Infinity) - lower);
      return below + Math.floor((this.#cells[UNDERFLOW + cell] ?? 0) * share);
    });
  }

  /**
   * The value that a share q (0 to 1) of the values does not exceed, NaN when there is none. Within the grid it is off
   * by at most half a cell: a factor of 2^(1/2^(scale+1)), 4.4 % at scale 3.
   */
  quantile(q: number): number {
    const rank = Math.max(1, Math.ceil(q * this.count));
    let seen = this.#cells[ZERO] ?? 0;
    if (seen >= rank) return 0;
    for (let cell = 0; cell < this.#grid.size; cell++) {
      seen += this.#cells[UNDERFLOW + cell] ?? 0;
      if (seen >= rank) return middle(this.#grid.edges[cell] ?? 0, this.#grid.edges[cell + 1] ?? Infinity);
    }
    return NaN;
  }

  reset(): void {
    this.#cells.fill(0);
  }
}

/** A histogram that counts on a grid and is written with these bounds, which ascend. */
export function exponentialShape(grid: CellGrid, bounds: readonly number[]): HistogramShape {
  return { bounds: [...bounds], newCells: () => new ExponentialCells(grid, bounds) };
}

/** Geometric middle, so the error is the same factor both ways; the open cells answer with the edge they have. */
function middle(lower: number, upper: number): number {
  if (lower === 0) return upper;
  return upper === Infinity ? lower : Math.sqrt(lower * upper);
}
