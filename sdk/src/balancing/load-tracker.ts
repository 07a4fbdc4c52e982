/**
 * A server's own view of its load, for its load reports: calls in flight, and what a call takes at present. Prequal's
 * estimate (Wydrowski et al., NSDI 2024, section 4) takes the latency of calls that came when as many were in flight as
 * now; at a few calls per second such a sample may be minutes old and keeps a server that has recovered out of use. So only
 * samples of the last second count, each scaled to the calls in flight now.
 */
import type { Clock } from "../call/clock.ts";
import type { Verdict } from "./endpoint-state.ts";
import type { LoadReport } from "./load-report.ts";

/** What happened earlier says nothing of now. */
const FRESH_MS = 1_000;
/** Of so many calls the median is good enough, and finding it costs little. */
const SAMPLES = 32;
/** Over which calls per second are counted, and the server is watched: one without the other says nothing (gRFC A58). */
const WINDOW_MS = 1_000;

export interface LoadTrackerOptions {
  readonly clock: Clock;
  /** The share of its capacity that the server has used since this was last asked. Default: 0, not known. */
  readonly used?: () => number;
}

export class LoadTracker {
  readonly #clock: Clock;
  readonly #used: (() => number) | undefined;
  #inFlight = 0;
  readonly #endedMs = new Float64Array(SAMPLES).fill(-Infinity);
  readonly #durationMs = new Float64Array(SAMPLES);
  readonly #alongside = new Float64Array(SAMPLES);
  readonly #sorted = new Float64Array(SAMPLES);
  #next = 0;
  #windowBegan = 0;
  #ended = 0;
  #failed = 0;
  #qps = 0;
  #eps = 0;
  #utilization = 0;

  constructor({ clock, used }: LoadTrackerOptions) {
    this.#clock = clock;
    this.#used = used;
    this.#windowBegan = clock.now();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** A call has begun; returns how many were in flight before it, for ended(). */
  began(): number {
    return this.#inFlight++;
  }

  /**
   * A call has ended by itself. Only successes say how long work takes: a server that turns calls away at once would look
   * fast. Calls that were turned away count as failed beside those that failed, or it would seem to manage many (gRFC A58).
   *
   * @param nowMs what the clock says: servers need it themselves.
   * @param durationMs undefined of streams, which last as long as they are wanted.
   */
  ended(nowMs: number, durationMs: number | undefined, inFlightBefore: number, verdict: Verdict): void {
    this.#inFlight--;
    this.#count(nowMs, verdict === "success" || verdict === "neutral" ? 0 : 1);
    if (verdict === "success") this.#sample(nowMs, durationMs, inFlightBefore);
  }

  /** A call has failed by its deadline: it would have taken longer, so a server that hangs does not look idle. */
  timedOut(nowMs: number, durationMs: number | undefined, inFlightBefore: number): void {
    this.#inFlight--;
    this.#count(nowMs, 1);
    this.#sample(nowMs, durationMs, inFlightBefore);
  }

  /** A call was given up by its caller. */
  abandoned(): void {
    this.#inFlight--;
  }

  /** @param utilization share of the server's capacity in use. Default: what was used in the last second. */
  report(utilization?: number): LoadReport {
    this.#roll(this.#clock.now());
    return {
      inFlight: this.#inFlight,
      latencyMs: this.#latencyMs(),
      utilization: utilization ?? this.#utilization,
      qps: this.#qps,
      eps: this.#eps,
    };
  }

  #latencyMs(): number | undefined {
    const since = this.#clock.now() - FRESH_MS;
    let count = 0;
    for (let at = 0; at < SAMPLES; at++) {
      if ((this.#endedMs[at] as number) < since) continue;
      const scaled = ((this.#durationMs[at] as number) * (this.#inFlight + 1)) / ((this.#alongside[at] as number) + 1);
      this.#sorted[count++] = scaled;
    }
    if (count === 0) return undefined;
    const samples = this.#sorted.subarray(0, count).sort();
    return samples[count >> 1];
  }

  #sample(now: number, durationMs: number | undefined, inFlightBefore: number): void {
    if (durationMs === undefined) return;
    const at = this.#next;
    this.#endedMs[at] = now;
    this.#durationMs[at] = durationMs;
    this.#alongside[at] = inFlightBefore;
    this.#next = (at + 1) % SAMPLES;
  }

  #count(now: number, failed: 0 | 1): void {
    this.#roll(now);
    this.#ended++;
    this.#failed += failed;
  }

  #roll(now: number): void {
    const elapsedMs = now - this.#windowBegan;
    if (elapsedMs < WINDOW_MS) return;
    this.#qps = (this.#ended * 1_000) / elapsedMs;
    this.#eps = (this.#failed * 1_000) / elapsedMs;
    this.#utilization = this.#used?.() ?? 0;
    this.#ended = 0;
    this.#failed = 0;
    this.#windowBegan = now;
  }
}
