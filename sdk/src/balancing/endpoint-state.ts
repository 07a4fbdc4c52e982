/** What a client knows of one endpoint from its own calls. */
import { EndpointCost } from "./endpoint-cost.ts";
import type { Endpoint } from "./endpoint.ts";
import type { LoadReport } from "./load-report.ts";

/**
 * How a call's end speaks of its endpoint: "success"; "failure" (the endpoint could not do its work); "overload" (it
 * asked for less); "neutral" (the caller's own doing: cancelled, or a bad request).
 */
export type Verdict = "success" | "failure" | "overload" | "neutral";

/** What picks read comes first and holds small integers, so that they find it in one place of memory. */
export class EndpointState {
  /** Calls that were picked for it and have not ended. */
  inFlight = 0;
  /** What policies weigh it by: a positive number, the registry's (1 when it gives none, as in gRFC A58) times its share. */
  weight: number;
  #level: number;
  #known = false;
  #staleFrom: number;
  #penaltyLevel: number;
  #endpoint: Endpoint;
  /** Calls that were ever picked for it. */
  picks = 0;
  /** When it last told its load, what it told, and how many picks there had been. */
  reportedMs = -Infinity;
  report: LoadReport | undefined;
  reportedPicks = 0;
  #share = 1;
  readonly #cost = new EndpointCost();

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.weight = usableWeight(endpoint.weight);
    this.#level = this.#cost.level;
    this.#staleFrom = this.#cost.staleFrom;
    this.#penaltyLevel = this.#cost.penaltyLevel;
  }

  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /** Replaced when the registry changes its weight or metadata; the identity stays. */
  set endpoint(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.weight = this.fullWeight * this.#share;
  }

  /** Its weight with the whole of its share. */
  get fullWeight(): number {
    return usableWeight(this.#endpoint.weight);
  }

  /** The part of its weight that it is given while it is new, above 0 to 1. */
  get share(): number {
    return this.#share;
  }

  set share(share: number) {
    this.#share = share;
    this.weight = this.fullWeight * share;
  }

  /** Counts a pick; in the same synchronous step as the pick, so that a burst does not herd. */
  started(): void {
    this.inFlight++;
    this.picks++;
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
    this.#charge(nowMs, durationMs, verdict, pushbackMs);
    this.#level = this.#cost.level;
    this.#staleFrom = this.#cost.staleFrom;
    this.#penaltyLevel = this.#cost.penaltyLevel;
    this.#known = this.#cost.known;
  }

  #charge(nowMs: number, durationMs: number, verdict: Verdict, pushbackMs: number): void {
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

  /** Whether the end of some call has told anything of it. */
  get known(): boolean {
    return this.#known;
  }

  /** The level of the same cost, for comparing it with that of a peer: endpoint-cost.ts says what a level is. */
  level(floor: number, peer: EndpointState): number {
    const level = this.#level > floor ? this.#level : floor;
    if (this.#known || !peer.#known) return level;
    const { latencyLevel } = peer.#cost;
    return latencyLevel > level ? latencyLevel : level;
  }

  /** Whether it has been left alone for so long that its level says little: one call may find out. */
  isStale(floor: number): boolean {
    return floor >= this.#staleFrom && this.inFlight === 0;
  }

  /** The level of what its failures cost. */
  get penaltyLevel(): number {
    return this.#penaltyLevel;
  }
}

function usableWeight(weight: number): number {
  return weight > 0 && weight < Infinity ? weight : 1;
}
