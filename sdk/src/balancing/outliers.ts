/**
 * Takes endpoints out that do worse than their peers, after gRFC A50 (https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md)
 * and, for services too small for its statistics, after failures in a row as Linkerd and Finagle count them. An endpoint
 * that was taken out gets nothing for a while, then one call at a time: the first that succeeds brings it back, one that
 * fails sends it away for longer. It keeps its connection meanwhile.
 *
 * Nothing here has a timer: what time does is seen when calls are picked and end.
 */
import type { Clock } from "../call/clock.ts";
import { checkRanges } from "./check-ranges.ts";
import type { EndpointState, Verdict } from "./endpoint-state.ts";

export interface OutlierOptions {
  /** Failures in a row that take an endpoint out; 0: never. Default 5, Envoy's and Finagle's. */
  readonly consecutiveFailures?: number;
  /** Milliseconds between looks at all endpoints together, 100 or more. Default 10,000. */
  readonly intervalMs?: number;
  /** Milliseconds that an endpoint is out at first; each time in a row adds as much. Default 30,000. */
  readonly baseEjectionMs?: number;
  /** The longest it is out, at least baseEjectionMs. Default 300,000. */
  readonly maxEjectionMs?: number;
  /** The share of endpoints that may be out at a time, 0 to 1, though always one. Default 0.3; A50 has 0.1. */
  readonly maxEjectedShare?: number;
  /**
   * Panic: when less than this share of endpoints, 0 to 1, would be left, all get calls as if none were out, for then the
   * fault is hardly theirs, and those left could not carry the load. Default 0.5, Envoy's; above maxEjectedShare's rest
   * only where that was raised. 0: never.
   */
  readonly panicShare?: number;
  /** Deviations below the mean success rate that take an endpoint out; 0: never. Default 1.9. */
  readonly successRateDeviations?: number;
  /** Share of calls that fail, 0 to 1, that takes an endpoint out; 1: never. Default 0.85. */
  readonly failureShare?: number;
  /** Mean latency, in medians of all endpoints, that takes an endpoint out; 0: never. Default 0. */
  readonly latencyMedians?: number;
  /** Endpoints with calls enough that the three above need, so that there is something to compare. Default 5. */
  readonly minEndpoints?: number;
  /** Calls of an interval that make an endpoint one of them. Default 50; A50 has 100 for success rates. */
  readonly minCalls?: number;
}

const DEFAULTS: Required<OutlierOptions> = {
  consecutiveFailures: 5,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectedShare: 0.3,
  panicShare: 0.5,
  successRateDeviations: 1.9,
  failureShare: 0.85,
  latencyMedians: 0,
  minEndpoints: 5,
  minCalls: 50,
};

/** Why an endpoint is out. */
export type OutlierReason = "consecutive_failures" | "success_rate" | "failure_share" | "latency";

export interface Ejection {
  readonly reason: OutlierReason;
  readonly sinceMs: number;
  /** From then on it gets one call at a time. */
  readonly untilMs: number;
}

/** Told of what is taken out and what comes back. */
export interface OutlierObserver {
  /** An endpoint was taken out, or after a failed trial once more. */
  ejected(reason: OutlierReason): void;
  /** How many are out now. */
  changed(out: number): void;
}

/** What is counted of one endpoint. */
class Record {
  failuresInRow = 0;
  calls = 0;
  failures = 0;
  latencyMs = 0;
  /** Times in a row that it was out, less one for each interval in which it was not. */
  ejections = 0;
  ejection: Ejection | undefined;
}

export class Outliers {
  readonly #options: Required<OutlierOptions>;
  readonly #records = new Map<EndpointState, Record>();
  readonly #changed: () => void;
  readonly #observer: OutlierObserver | undefined;
  #ejected = 0;
  #lookedMs: number;
  /** When the next ejection ends. */
  #nextTrialMs = Infinity;

  /**
   * @param changed called when endpoints were taken out or came back.
   * @throws MeshError INVALID_ARGUMENT that names every option out of range.
   */
  constructor(options: OutlierOptions, clock: Clock, changed: () => void, observer?: OutlierObserver) {
    this.#options = checkOutliers(options);
    this.#changed = changed;
    this.#observer = observer;
    this.#lookedMs = clock.now();
  }

  /** The endpoints there are now; what is known of others is forgotten. */
  update(states: readonly EndpointState[]): void {
    const before = new Map(this.#records);
    this.#records.clear();
    for (const state of states) this.#records.set(state, before.get(state) ?? new Record());
    this.#recount();
    if (this.#ejected > this.#most) this.#forgive(this.#ejected - this.#most);
  }

  /** Whether some endpoint gets no calls: one is out, and there is no panic. */
  get any(): boolean {
    return this.#ejected > 0 && !this.panicking;
  }

  /** Whether so many are out that all get calls. */
  get panicking(): boolean {
    const size = this.#records.size;
    return size - this.#ejected < size * this.#options.panicShare;
  }

  /** Why an endpoint is out, and since when; undefined when it is not. */
  ejectionOf(state: EndpointState): Ejection | undefined {
    return this.#records.get(state)?.ejection;
  }

  /** An endpoint that is out and should get this call to show whether it is well again; costs nothing while none is. */
  trial(tried: readonly EndpointState[], now: number): EndpointState | undefined {
    if (!this.any) return undefined;
    if (now < this.#nextTrialMs) return undefined;
    for (const [state, { ejection }] of this.#records) {
      if (ejection !== undefined && ejection.untilMs <= now && state.inFlight === 0 && !tried.includes(state)) {
        return state;
      }
    }
    return undefined;
  }

  /** An attempt has ended. */
  ended(state: EndpointState, durationMs: number, verdict: Verdict, now: number): void {
    const record = this.#records.get(state);
    if (record === undefined || verdict === "neutral") return;
    const failed = verdict === "failure";
    record.calls++;
    if (failed) record.failures++;
    else record.latencyMs += durationMs;
    record.failuresInRow = failed ? record.failuresInRow + 1 : 0;
    if (record.ejection !== undefined) this.#trialEnded(record, record.ejection, now, failed);
    else if (failed) this.#countRow(record, now);
    if (now - this.#lookedMs >= this.#options.intervalMs) this.#look(now);
  }

  #trialEnded(record: Record, ejection: Ejection, now: number, failed: boolean): void {
    // Calls that were under way when it was taken out say nothing new.
    if (now < ejection.untilMs) return;
    if (failed) {
      this.#eject(record, ejection.reason, now);
    } else {
      record.ejection = undefined;
      this.#recount();
      this.#changed();
    }
  }

  #countRow(record: Record, now: number): void {
    const { consecutiveFailures } = this.#options;
    if (consecutiveFailures === 0 || record.failuresInRow < consecutiveFailures) return;
    if (this.#mayEject()) this.#eject(record, "consecutive_failures", now);
  }

  #look(now: number): void {
    this.#lookedMs = now;
    const { minCalls, minEndpoints } = this.#options;
    const busy = [...this.#records.values()].filter((record) => record.calls >= minCalls);
    if (busy.length >= minEndpoints) {
      const [rateBound, latencyBound] = [this.#successRateBound(busy), this.#latencyBound(busy)];
      for (const record of busy) {
        if (record.ejection !== undefined || !this.#mayEject()) continue;
        const reason = this.#verdictOn(record, rateBound, latencyBound);
        if (reason !== undefined) this.#eject(record, reason, now);
      }
    }
    for (const record of this.#records.values()) {
      if (record.ejection === undefined && record.ejections > 0) record.ejections--;
      record.calls = 0;
      record.failures = 0;
      record.latencyMs = 0;
    }
  }

  #verdictOn(record: Record, rateBound: number, latencyBound: number): OutlierReason | undefined {
    const failures = record.failures / record.calls;
    if (failures > this.#options.failureShare) return "failure_share";
    if (1 - failures < rateBound) return "success_rate";
    const successes = record.calls - record.failures;
    return successes > 0 && record.latencyMs / successes > latencyBound ? "latency" : undefined;
  }

  #successRateBound(busy: readonly Record[]): number {
    const { successRateDeviations } = this.#options;
    if (successRateDeviations === 0) return -Infinity;
    const rates = busy.map(({ calls, failures }) => 1 - failures / calls);
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
    return mean - successRateDeviations * Math.sqrt(variance);
  }

  #latencyBound(busy: readonly Record[]): number {
    const { latencyMedians } = this.#options;
    if (latencyMedians === 0) return Infinity;
    const means = busy
      .filter(({ calls, failures }) => calls > failures)
      .map(({ latencyMs, calls, failures }) => latencyMs / (calls - failures))
      .sort((a, b) => a - b);
    return (means[means.length >> 1] ?? Infinity) * latencyMedians;
  }

  /** How many may be out: the share allowed, though always one; the last endpoint is better than none, however bad. */
  get #most(): number {
    const { size } = this.#records;
    return Math.min(Math.max(1, Math.floor(size * this.#options.maxEjectedShare)), Math.max(0, size - 1));
  }

  #mayEject(): boolean {
    return this.#ejected < this.#most;
  }

  #eject(record: Record, reason: OutlierReason, now: number): void {
    const { baseEjectionMs, maxEjectionMs } = this.#options;
    record.ejections++;
    record.failuresInRow = 0;
    const forMs = Math.min(baseEjectionMs * record.ejections, maxEjectionMs);
    record.ejection = { reason, sinceMs: record.ejection?.sinceMs ?? now, untilMs: now + forMs };
    this.#observer?.ejected(reason);
    this.#recount();
    this.#changed();
  }

  /** When good ones have gone, those come back that have been out for the most of their time. */
  #forgive(count: number): void {
    const out = [...this.#records.values()].filter(({ ejection }) => ejection !== undefined);
    out.sort((a, b) => (a.ejection as Ejection).untilMs - (b.ejection as Ejection).untilMs);
    for (const record of out.slice(0, count)) record.ejection = undefined;
    this.#recount();
  }

  #recount(): void {
    const before = this.#ejected;
    this.#ejected = 0;
    this.#nextTrialMs = Infinity;
    for (const { ejection } of this.#records.values()) {
      if (ejection === undefined) continue;
      this.#ejected++;
      if (ejection.untilMs < this.#nextTrialMs) this.#nextTrialMs = ejection.untilMs;
    }
    if (this.#ejected !== before) this.#observer?.changed(this.#ejected);
  }
}

/** The options with the defaults in the gaps. Throws INVALID_ARGUMENT that names every one out of range. */
export function checkOutliers(given: OutlierOptions): Required<OutlierOptions> {
  const options = { ...DEFAULTS, ...given };
  return checkRanges("outlier ejection", options, [
    ["consecutiveFailures", 0, Number.MAX_SAFE_INTEGER],
    ["intervalMs", 100, Number.MAX_SAFE_INTEGER],
    ["baseEjectionMs", 1, Number.MAX_SAFE_INTEGER],
    ["maxEjectionMs", options.baseEjectionMs, Number.MAX_SAFE_INTEGER],
    ["maxEjectedShare", 0, 1],
    ["panicShare", 0, 1],
    ["successRateDeviations", 0, Number.MAX_SAFE_INTEGER],
    ["failureShare", 0, 1],
    ["latencyMedians", 0, Number.MAX_SAFE_INTEGER],
    ["minEndpoints", 1, Number.MAX_SAFE_INTEGER],
    ["minCalls", 1, Number.MAX_SAFE_INTEGER],
  ]);
}
