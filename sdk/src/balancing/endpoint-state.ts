/** What a client knows of one endpoint from its own calls. */
import type { Endpoint } from "./endpoint.ts";

/**
 * How a call's end speaks of its endpoint: "success"; "failure" (the endpoint could not do its work); "overload" (it
 * asked for less); "neutral" (the caller's own doing: cancelled, or a bad request).
 */
export type Verdict = "success" | "failure" | "overload" | "neutral";

export class EndpointState {
  endpoint: Endpoint;
  /** Calls that were picked for it and have not ended. */
  inFlight = 0;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** Counts a pick; in the same synchronous step as the pick, so that a burst does not herd. */
  started(): void {
    this.inFlight++;
  }

  /** Counts an end, exactly once for every started(). */
  ended(_nowMs: number, _durationMs: number, _verdict: Verdict): void {
    this.inFlight--;
  }
}
