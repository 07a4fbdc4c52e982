/**
 * What an instance says of itself at /metrics: calls under way and errors of every one, and for services that only
 * other instances call, speeds too, as far as the bounds of its histogram tell them apart.
 */
import type { Percentiles } from "./call-stats.ts";
import { readSamples, type Sample, sumOf } from "./metrics-text.ts";

const DURATION = "grpc_server_call_duration_seconds";
/** Percentiles are those of the last so many milliseconds, rates of the last second. */
const WINDOW_MS = 5_000;
const RATE_WINDOW_MS = 1_000;
/** A caller that hung up is no error of who was called. */
const NO_ERRORS = new Set(["OK", "CANCELLED"]);

/** Counts since the instance started. */
export interface Snapshot {
  readonly atMs: number;
  readonly ended: number;
  readonly errors: number;
  readonly inFlight: number;
  /** How many calls took at most so many seconds; the last bound is Infinity. */
  readonly buckets: readonly (readonly [bound: number, count: number])[];
}

export function readSnapshot(text: string, atMs: number): Snapshot {
  const samples = readSamples(text);
  const ended = sumOf(samples, `${DURATION}_count`);
  const fine = sumOf(samples, `${DURATION}_count`, (labels) => NO_ERRORS.has(labels["grpc_status"] ?? ""));
  return {
    atMs,
    ended,
    errors: ended - fine,
    inFlight: sumOf(samples, "mesh_server_calls_in_flight"),
    buckets: readBuckets(samples),
  };
}

export class InstanceReport {
  /** The last few seconds, oldest first. */
  #snapshots: Snapshot[] = [];

  add(snapshot: Snapshot): void {
    const last = this.#snapshots.at(-1);
    // Counts that fall are those of a new process.
    if (last !== undefined && snapshot.ended < last.ended) this.#snapshots = [];
    this.#snapshots.push(snapshot);
    const [, second] = this.#snapshots;
    if (second !== undefined && snapshot.atMs - second.atMs > WINDOW_MS) this.#snapshots.shift();
  }

  get last(): Snapshot | undefined {
    return this.#snapshots.at(-1);
  }

  /** Calls ended per second, lately; undefined before the second snapshot. */
  rate(): number | undefined {
    const { last } = this;
    if (last === undefined) return undefined;
    const before = this.#snapshots.findLast(({ atMs }) => last.atMs - atMs >= RATE_WINDOW_MS) ?? this.#snapshots[0];
    if (before === undefined || before === last) return undefined;
    return ((last.ended - before.ended) * 1_000) / (last.atMs - before.atMs);
  }

  /** Of the last seconds' calls; undefined without any. */
  percentiles(): Percentiles | undefined {
    const [first] = this.#snapshots;
    const { last } = this;
    if (first === undefined || last === undefined || last.ended === first.ended) return undefined;
    const before = new Map(first.buckets);
    const counts = last.buckets.map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const);
    return { p50Ms: quantile(counts, 0.5) * 1_000, p99Ms: quantile(counts, 0.99) * 1_000 };
  }
}

/**
 * Which value a share of the counts lies below, taken to be spread evenly between two bounds, as Prometheus's
 * histogram_quantile does. NaN without counts.
 */
export function quantile(buckets: Snapshot["buckets"], share: number): number {
  const rank = share * (buckets.at(-1)?.[1] ?? 0);
  let [lower, below] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= rank && count > below) {
      return bound === Infinity ? lower : lower + ((bound - lower) * (rank - below)) / (count - below);
    }
    [lower, below] = [bound, count];
  }
  return Number.NaN;
}

function readBuckets(samples: readonly Sample[]): Snapshot["buckets"] {
  const buckets = new Map<number, number>();
  for (const { name, labels, value } of samples) {
    if (name !== `${DURATION}_bucket`) continue;
    const bound = labels["le"] === "+Inf" ? Infinity : Number(labels["le"]);
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  return [...buckets].sort(([a], [b]) => a - b);
}
