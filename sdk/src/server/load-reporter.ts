/**
 * What a server says of its own load, beside its answers: calls in flight, what they take, how busy the event loop is, and how
 * many end and fail (gRFC A51). A report is made at most every 5 ms, whatever the number of calls, and each peer gets each
 * at most once; it is made of what calls leave behind, so a server without calls does nothing.
 */
import { performance } from "node:perf_hooks";
import { encodeLoadReport } from "../balancing/orca.ts";
import { LoadTracker } from "../balancing/load-tracker.ts";
import type { LoadReport } from "../balancing/load-report.ts";
import type { Clock } from "../call/clock.ts";

/** Milliseconds that a report is good for. */
const REPORT_MS = 5;
/** Milliseconds over which the event loop is watched: less would show single calls. */
const WATCHED_MS = 100;
/** Peers that are remembered; when there are more all are forgotten, and get a report too many. */
const MAX_PEERS = 4_096;

export class LoadReporter {
  readonly tracker: LoadTracker;
  readonly #utilization: () => number;
  #bytes: Uint8Array = new Uint8Array();
  #madeMs = -Infinity;
  /** Those that got the present report. */
  readonly #told = new Set<string>();

  /** @param utilization share of its capacity that the server uses, 0 to 1. Default: the event loop's of the last 100 ms. */
  constructor(clock: Clock, utilization: () => number = eventLoopUtilization(clock)) {
    this.#utilization = utilization;
    this.tracker = new LoadTracker({ clock });
  }

  /** The load now. */
  report(): LoadReport {
    return this.tracker.report(this.#utilization());
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

/** Looks at the loop when it is asked: there is no timer. */
function eventLoopUtilization(clock: Clock): () => number {
  let since = performance.eventLoopUtilization();
  let lookedMs = clock.now();
  let share = 0;
  return () => {
    const now = clock.now();
    if (now - lookedMs >= WATCHED_MS) {
      const until = performance.eventLoopUtilization();
      share = performance.eventLoopUtilization(until, since).utilization;
      since = until;
      lookedMs = now;
    }
    return share;
  };
}
