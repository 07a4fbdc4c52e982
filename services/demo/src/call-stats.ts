/** What the callers have seen: counts, and latencies by node's own histogram, for each instance and for all. */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Beyond the longest deadline there is, in microseconds. */
const HIGHEST_US = 60_000_000;
const FIGURES = 3;
/** Percentiles of a live view are those of the last one to two of these. */
const WINDOW_MS = 5_000;
/** Rates are those of this long: short enough to show a change, long enough to be calm at a few calls per second. */
const RATE_WINDOW_MS = 1_000;

export interface Percentiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Answers of one instance, or of all. */
export class AnswerStats {
  answered = 0;
  readonly #all = newHistogram();
  #recent = newHistogram();
  #before = newHistogram();
  #recentSince = 0;
  /** When each answer of the last RATE_WINDOW_MS came. */
  #times: number[] = [];

  record(nowMs: number, durationMs: number): void {
    this.answered++;
    this.#turn(nowMs);
    const microseconds = Math.min(Math.max(1, Math.round(durationMs * 1_000)), HIGHEST_US);
    this.#all.record(microseconds);
    this.#recent.record(microseconds);
    this.#times.push(nowMs);
  }

  /** Answers per second, lately. */
  rate(nowMs: number): number {
    const since = nowMs - RATE_WINDOW_MS;
    this.#times = this.#times.filter((time) => time > since);
    return (this.#times.length * 1_000) / RATE_WINDOW_MS;
  }

  /** Of all answers; undefined without any. */
  percentiles(): Percentiles | undefined {
    return percentilesOf(this.#all);
  }

  /** Of the last five to ten seconds; undefined without any. */
  recentPercentiles(nowMs: number): Percentiles | undefined {
    this.#turn(nowMs);
    const merged = newHistogram();
    for (const part of [this.#before, this.#recent]) if (part.count > 0) merged.add(part);
    return percentilesOf(merged);
  }

  #turn(nowMs: number): void {
    if (nowMs - this.#recentSince < WINDOW_MS) return;
    this.#before = nowMs - this.#recentSince < 2 * WINDOW_MS ? this.#recent : newHistogram();
    this.#recent = newHistogram();
    this.#recentSince = nowMs;
  }
}

export class CallStats {
  readonly total = new AnswerStats();
  inFlight = 0;
  failed = 0;
  readonly #instances = new Map<string, AnswerStats>();
  readonly #failures = new Map<string, number>();

  /** By id, in the order of their ids. */
  get instances(): ReadonlyMap<string, AnswerStats> {
    return new Map([...this.#instances].sort(([a], [b]) => a.localeCompare(b)));
  }

  /** How often calls failed for which reason, the most frequent first. */
  get failures(): readonly (readonly [reason: string, count: number])[] {
    return [...this.#failures].sort(([, a], [, b]) => b - a);
  }

  started(): void {
    this.inFlight++;
  }

  answered(instance: string, nowMs: number, durationMs: number): void {
    this.inFlight--;
    this.total.record(nowMs, durationMs);
    let stats = this.#instances.get(instance);
    if (stats === undefined) this.#instances.set(instance, (stats = new AnswerStats()));
    stats.record(nowMs, durationMs);
  }

  hasFailed(reason: string): void {
    this.inFlight--;
    this.failed++;
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
  }
}

function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: HIGHEST_US, figures: FIGURES });
}

function percentilesOf(histogram: RecordableHistogram): Percentiles | undefined {
  if (histogram.count === 0) return undefined;
  return { p50Ms: histogram.percentile(50) / 1_000, p99Ms: histogram.percentile(99) / 1_000 };
}
