/**
 * What a server says of its own load, beside its answers: calls in flight, what they take, how busy the process is, and how
 * many end and fail (gRFC A51). A report is made at most every 5 ms, whatever the number of calls, and each peer gets each
 * at most once; it is made of what calls leave behind, so a server without calls does nothing.
 */
import { encodeLoadReport } from "../balancing/orca.ts";
import { LoadTracker } from "../balancing/load-tracker.ts";
import type { LoadReport } from "../balancing/load-report.ts";
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { processUtilization } from "./process-utilization.ts";

export interface LoadReportOptions {
  /**
   * The share of the server's capacity that is in use now: 0 to 1, more when it is overloaded, 0 when that is not known. For
   * servers that something else than CPU limits, as a pool of connections or a GPU. Called at most every 5 ms. What it throws
   * counts as 0 and is logged once. Default: that of the event loop or of the CPUs in the last second, whichever is more.
   */
  readonly utilization?: () => number;
}

export interface LoadReporterOptions extends LoadReportOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds that a report is good for. */
const REPORT_MS = 5;
/** Peers that are remembered; when there are more all are forgotten, and get a report too many. */
const MAX_PEERS = 4_096;

export class LoadReporter {
  readonly tracker: LoadTracker;
  readonly #utilization: (() => number) | undefined;
  #bytes: Uint8Array = new Uint8Array();
  #madeMs = -Infinity;
  /** Those that got the present report. */
  readonly #told = new Set<string>();

  constructor({ clock, log, utilization }: LoadReporterOptions) {
    this.#utilization = utilization && checked(utilization, log);
    this.tracker = new LoadTracker({ clock, ...(utilization === undefined && { used: processUtilization() }) });
  }

  /** The load now. */
  report(): LoadReport {
    return this.tracker.report(this.#utilization?.());
  }

  /** A report to send to a peer with its answer; undefined when it has the present one. */
  forPeer(peer: string, nowMs: number): Uint8Array | undefined {
    if (nowMs - this.#madeMs >= REPORT_MS) {
      this.#bytes = encodeLoadReport(this.report());
      this.#madeMs = nowMs;
      this.#told.clear();
    } else if (this.#told.has(peer)) return undefined;
    if (this.#told.size >= MAX_PEERS) this.#told.clear();
    this.#told.add(peer);
    return this.#bytes;
  }
}

/** The user's own function, which must not fail the call that its figure goes with. */
function checked(utilization: () => number, log: Logger): () => number {
  let logged = false;
  const refuse = (err: unknown): number => {
    if (!logged) log.error({ err }, "loadReports.utilization gives no utilization: it counts as 0, not known");
    logged = true;
    return 0;
  };
  return () => {
    try {
      const share = utilization();
      return share >= 0 && share < Infinity ? share : refuse(new RangeError(`${share} is not a number of 0 or more`));
    } catch (error) {
      return refuse(error);
    }
  };
}
