/**
 * The index of a blocking query, by the rules of https://developer.hashicorp.com/consul/api-docs/features/blocking: it
 * comes from good answers only (errors carry a false 1), is at least 1, and starts over when it goes backwards. A value
 * higher than the server's would block in silence until the wait is over, so every doubt ends in starting over.
 */
import type { ConsulReply } from "./consul-http.ts";

/** Consul's own limit is 10 minutes; shorter notices dead peers sooner and stays below what proxies cut off at a minute. */
const WAIT_SECONDS = 55;
/** Some builds of 1.22 cut every answer off after 30 s. */
const SHORT_WAIT_SECONDS = 25;
const CUT_OFF_AFTER_MS = { from: 28_000, to: 33_000 } as const;
const CUT_OFFS_BEFORE_SHORT_WAIT = 2;
/** Consul adds up to a sixteenth of the wait as jitter. */
const WAIT_JITTER = 1 / 16;
/** For the way there and back, and a busy server. */
const SLACK_MS = 5_000;
/** For an answer that does not wait: a server without a leader takes 7 s to say so. */
export const IMMEDIATE_TIMEOUT_MS = 10_000;

export class QueryIndex {
  #index = 0n;
  #seen = 0n;
  #waitSeconds = WAIT_SECONDS;
  #cutOffs = 0;

  /** Whether the next question can wait at the server: without an index the answer comes at once. */
  get waits(): boolean {
    return this.#index !== 0n;
  }

  /** What to ask with. */
  query(): Record<string, string> {
    return this.#index === 0n ? {} : { index: String(this.#index), wait: `${this.#waitSeconds}s` };
  }

  /** Milliseconds after which no answer is coming any more. */
  get timeoutMs(): number {
    return this.#index === 0n
      ? IMMEDIATE_TIMEOUT_MS
      : Math.ceil(this.#waitSeconds * (1 + WAIT_JITTER) * 1_000) + SLACK_MS;
  }

  /** Takes the index of a good answer. "backwards": the server has lost its state or is another one. */
  accept(index: bigint): "forwards" | "backwards" {
    const next = index < 1n ? 1n : index;
    const backwards = next < this.#seen;
    this.#seen = next;
    this.#index = backwards && this.#index !== 0n ? 0n : next;
    return backwards ? "backwards" : "forwards";
  }

  startOver(): void {
    this.#index = 0n;
  }

  /** A connection broke after so long; twice at the known limit means that waits must be shorter. */
  noteReset(afterMs: number): void {
    if (afterMs < CUT_OFF_AFTER_MS.from || afterMs > CUT_OFF_AFTER_MS.to) return;
    this.#cutOffs++;
    if (this.#cutOffs >= CUT_OFFS_BEFORE_SHORT_WAIT) this.#waitSeconds = SHORT_WAIT_SECONDS;
  }
}

/** X-Consul-Index of a reply; undefined when the header is missing or no number. */
export function indexOf({ headers }: ConsulReply): bigint | undefined {
  const text = headers["x-consul-index"];
  return typeof text === "string" && /^\d+$/.test(text) ? BigInt(text) : undefined;
}
