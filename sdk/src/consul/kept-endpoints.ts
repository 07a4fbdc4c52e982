/**
 * Whom a view keeps although Consul does not list them as well, and until when. Bad news is believed at once; these three
 * are no bad news, only a lack of good:
 *
 * - what is missing soon after an outage: an agent that restarts empty lists what the servers know, then takes it from them
 *   for it knows nobody, seconds before everybody has registered again;
 * - what is missing after the servers have lost their state: agents bring back what they know when they compare it with the
 *   catalog, which they do within one to two minutes in clusters of up to 128 nodes (Consul's anti-entropy,
 *   https://developer.hashicorp.com/consul/docs/concepts/consistency);
 * - who is not heard any more: a heartbeat that has run out, an agent that the others do not reach. That has taken its time
 *   already, and whoever is really dead gets no calls for lack of a connection.
 */
import type { Circumstance } from "./blocking-query.ts";
import type { Endpoint } from "../balancing/endpoint.ts";

/** An instance that its agent has forgotten notices by its next heartbeat, 3.5 s later at most, and needs a moment to register. */
export const RETURN_WITHIN_MS = 5_000;
/** An agent that is back compares itself with the servers within 3 s of finding one, and the first heartbeats go after that. */
const SHAKEN_MS = 10_000;
export const REBUILT_WITHIN_MS = 120_000;

export interface Absence {
  /** Of the view, but not of the answer. */
  readonly missing: readonly Endpoint[];
  readonly silent: ReadonlySet<string>;
  readonly circumstance: Circumstance;
  /** Whether the answer before this one is doubted still. */
  readonly doubting: boolean;
  readonly now: number;
}

export class KeptEndpoints {
  #until = new Map<string, number>();
  #shakenUntil = Number.NEGATIVE_INFINITY;

  /** Takes a new answer; returns those that stay. */
  take({ missing, silent, circumstance, doubting, now }: Absence): readonly Endpoint[] {
    const outage = circumstance !== "steady";
    if (outage) this.#shakenUntil = now + SHAKEN_MS;
    const troubled = doubting || now < this.#shakenUntil;
    const afterMs = circumstance === "after-reset" ? REBUILT_WITHIN_MS : RETURN_WITHIN_MS;
    const until = new Map<string, number>();
    for (const { id } of missing) {
      const before = this.#until.get(id);
      const mayReturn = before === undefined ? troubled || silent.has(id) : outage;
      if (mayReturn) until.set(id, Math.max(before ?? now, now + afterMs));
      else if (before !== undefined) until.set(id, before);
    }
    this.#until = until;
    return this.of(missing, now);
  }

  /** Those that still stay. */
  of(missing: readonly Endpoint[], now: number): readonly Endpoint[] {
    return missing.filter(({ id }) => (this.#until.get(id) ?? now) > now);
  }

  /** Milliseconds until the first of them is given up. */
  firstMs(kept: readonly Endpoint[], now: number): number {
    return Math.min(...kept.map(({ id }) => this.#until.get(id) ?? now)) - now;
  }
}
