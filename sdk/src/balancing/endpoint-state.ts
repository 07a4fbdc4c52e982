/** What a client knows of one endpoint from its own calls. */
import { EndpointCost } from "./endpoint-cost.ts";
import type { Endpoint } from "./endpoint.ts";

/**
 * How a call's end speaks of its endpoint: "success"; "failure" (the endpoint could not do its work); "overload" (it
 * asked for less); "neutral" (the caller's own doing: cancelled, or a bad request).
 */
export type Verdict = "success" | "failure" | "overload" | "neutral";

export class EndpointState {
  /** Replaced when the registry changes its weight or metadata; the identity stays. */
  endpoint: Endpoint;
  /** Calls that were picked for it and have not ended. */
  inFlight = 0;
  readonly #cost = new EndpointCost();

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** Counts a pick; in the same synchronous step as the pick, so that a burst does not herd. */
  started(): void {
    this.inFlight++;
  }

  /**
   * Counts an end, exactly once for every started(); an end without a start is ignored.
   *
   * @param nowMs on the clock that the policies read.
   * @param durationMs from the pick to the end.
   * @param pushbackMs with "overload": how long the endpoint asks to be left alone.
   */
  ended(nowMs: number, durationMs: number, verdict: Verdict, pushbackMs = 0): void {
    if (this.inFlight === 0) return;
    this.inFlight--;
    switch (verdict) {
      case "success":
        return this.#cost.answered(nowMs, durationMs);
      case "failure":
        return this.#cost.penalised(nowMs, durationMs, "failure", 0);
      case "overload":
        return this.#cost.penalised(nowMs, durationMs, "overload", pushbackMs);
      case "neutral":
        return this.#cost.waited(nowMs, durationMs);
    }
  }

  /**
   * What one more call costs here, against a peer: milliseconds, 1 or more. Peak EWMA of its answers or the penalty of
   * its failures, whichever is more; the peer's latency while it has not answered yet.
   */
  costMs(nowMs: number, peer: EndpointState): number {
    return this.#cost.readMs(nowMs, peer.#cost);
  }
}
