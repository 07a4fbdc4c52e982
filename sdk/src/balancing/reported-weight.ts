/** What an endpoint can do, by its load reports, as gRFC A58 reckons it. */
import type { LoadReport } from "./load-report.ts";

export interface WeightRules {
  readonly blackoutMs: number;
  readonly expirationMs: number;
  readonly errorPenalty: number;
}

export class ReportedWeight {
  #weight = 0;
  #reportedMs = -Infinity;
  /** Since when there have been reports without a gap; undefined while there are none. */
  #sinceMs: number | undefined;

  reported({ qps, eps, utilization }: LoadReport, nowMs: number, { errorPenalty }: WeightRules): void {
    const used = utilization + (qps > 0 ? (eps / qps) * errorPenalty : 0);
    // Who has nothing to do cannot say how much it could do.
    if (!(qps > 0 && utilization > 0)) return;
    this.#weight = qps / used;
    this.#reportedMs = nowMs;
    this.#sinceMs ??= nowMs;
  }

  /** Calls per second that it could do, or 0 when that is not known now. */
  at(nowMs: number, { blackoutMs, expirationMs }: WeightRules): number {
    if (nowMs - this.#reportedMs >= expirationMs) this.#sinceMs = undefined;
    if (this.#sinceMs === undefined || nowMs - this.#sinceMs < blackoutMs) return 0;
    return this.#weight;
  }
}
