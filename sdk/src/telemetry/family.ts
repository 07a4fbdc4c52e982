/**
 * All series of one metric. What records holds a series' cells and never looks a label up again; a scrape walks the
 * series. A family is also what prom-client takes for a metric (name, help, type, aggregator, get, reset), so it can
 * stand in a user's registry beside the user's own.
 */
import type { Cells, HistogramShape } from "./cells.ts";
import { CLOSED_LABELS, type MetricDescription, type MetricType, OTHER } from "./metric-names.ts";

/** One number as it is written. */
export interface Sample {
  readonly suffix: "" | "_bucket" | "_sum" | "_count";
  /** Upper bound, of buckets. */
  readonly le?: string;
  readonly value: number;
}

/** How the cells of one kind of family are made, read and cleared. */
interface CellKind<C> {
  make(): C;
  samples(cells: C): readonly Sample[];
  reset(cells: C): void;
}

/** Bounds how many series a family holds. */
export interface SeriesLimit {
  /** Per family; those with only closed label values changed come on top once it is full. */
  readonly maxSeries: number;
  /** Told of every series that a full family refused. */
  onDropped(family: string): void;
}

/** A number that is added to or set. */
export class NumberCell {
  value = 0;
}

interface Series<C> {
  readonly values: readonly string[];
  /** The labels as they are written: `grpc_method="a",grpc_status="OK"`. */
  readonly text: string;
  readonly cells: C;
}

/** What prom-client's registry asks of a metric's values. */
interface PromValue {
  readonly metricName: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

export class Family<C = unknown> {
  /** prom-client cuts "_total" from it when it writes OpenMetrics, so it is not what we write. */
  name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly aggregator: "sum" | "max";
  readonly description: MetricDescription;
  readonly #kind: CellKind<C>;
  readonly #limit: SeriesLimit;
  readonly #series = new Map<string, Series<C>>();
  /** Brings cells up to date that nobody writes on change: called before the family is read. */
  refresh: (() => void) | undefined;

  constructor(description: MetricDescription, kind: CellKind<C>, limit: SeriesLimit) {
    this.name = description.name;
    this.help = description.help;
    this.type = description.type;
    this.aggregator = description.aggregator;
    this.description = description;
    this.#kind = kind;
    this.#limit = limit;
  }

  get size(): number {
    return this.#series.size;
  }

  /**
   * The cells of these label values, in the order of the description's labels. In a full family what is new shares one
   * series, whose open labels are "other".
   */
  cells(...values: readonly string[]): C {
    const series = this.#series.get(keyOf(values));
    if (series !== undefined) return series.cells;
    if (this.#series.size < this.#limit.maxSeries) return this.#add(values);
    this.#limit.onDropped(this.description.name);
    const shared = values.map((value, index) =>
      CLOSED_LABELS.has(this.description.labels[index] ?? "") ? value : OTHER,
    );
    return this.#series.get(keyOf(shared))?.cells ?? this.#add(shared);
  }

  /** Forgets a series: what it spoke of is gone. */
  remove(...values: readonly string[]): void {
    this.#series.delete(keyOf(values));
  }

  /** Reads each series in turn, each at one moment; the reader may pause between two. */
  *read(): Generator<{ readonly text: string; readonly samples: readonly Sample[] }> {
    this.refresh?.();
    for (const { text, cells } of this.#series.values()) yield { text, samples: this.#kind.samples(cells) };
  }

  /** For prom-client: every value with all its labels. */
  get(): Promise<object> {
    this.refresh?.();
    const values: PromValue[] = [];
    for (const series of this.#series.values()) {
      for (const { suffix, le, value } of this.#kind.samples(series.cells)) {
        const labels: Record<string, string> = le === undefined ? {} : { le };
        for (const [index, label] of this.description.labels.entries()) labels[label] = series.values[index] ?? "";
        values.push({ metricName: this.name + suffix, labels, value });
      }
    }
    return Promise.resolve({ name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values });
  }

  /** For prom-client's resetMetrics(). */
  reset(): void {
    for (const { cells } of this.#series.values()) this.#kind.reset(cells);
  }

  #add(values: readonly string[]): C {
    const text = values.map((value, index) => `${this.description.labels[index]}="${escapeLabel(value)}"`).join(",");
    const series = { values: [...values], text, cells: this.#kind.make() };
    this.#series.set(keyOf(values), series);
    return series.cells;
  }
}

/** A counter or a gauge. */
export function numberFamily(description: MetricDescription, limit: SeriesLimit): Family<NumberCell> {
  const kind: CellKind<NumberCell> = {
    make: () => new NumberCell(),
    samples: (cell) => [{ suffix: "", value: cell.value }],
    reset: (cell) => {
      cell.value = 0;
    },
  };
  return new Family(description, kind, limit);
}

export function histogramFamily(
  description: MetricDescription,
  shape: HistogramShape,
  limit: SeriesLimit,
): Family<Cells> {
  const names = shape.bounds.map(String);
  const kind: CellKind<Cells> = {
    make: () => shape.newCells(),
    samples: (cells) => {
      const count = cells.count;
      return [
        ...cells.cumulative().map((value, index): Sample => ({ suffix: "_bucket", le: names[index] ?? "", value })),
        { suffix: "_bucket", le: "+Inf", value: count },
        { suffix: "_sum", value: cells.sum },
        { suffix: "_count", value: count },
      ];
    },
    reset: (cells) => cells.reset(),
  };
  return new Family(description, kind, limit);
}

/** Label values hold no byte FF, which no UTF-8 text has; as a character it keeps neighbours apart. */
function keyOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? "") : values.join("\u00ff");
}

/** Backslash, quote and newline, as the text format asks. */
export function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
