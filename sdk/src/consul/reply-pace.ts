/**
 * The brake of a watch: an index that moves all the time, or a server that does not block, must not make a busy loop.
 * A token bucket, so that a burst of real changes is still seen without delay.
 */
import type { Clock } from "../call/clock.ts";

/** Replies without news that may follow each other at once; of those with news five times as many. */
const BURST = 20;
/** Milliseconds that earn one more: ten a second when it never ends. */
const EARNED_EVERY_MS = 100;
/** News is what a watch is for: fifty a second, so that not even a storm of changes delays one by more than 20 ms. */
const COST_OF_NEWS = 0.2;

export class ReplyPace {
  readonly #clock: Clock;
  #tokens = BURST;
  #countedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedAt = clock.now();
  }

  /** Counts one reply; returns milliseconds to wait before the next request, mostly 0. */
  take(content: "new" | "same"): number {
    const now = this.#clock.now();
    const cost = content === "new" ? COST_OF_NEWS : 1;
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#countedAt) / EARNED_EVERY_MS) - cost;
    this.#countedAt = now;
    return this.#tokens >= 0 ? 0 : -this.#tokens * EARNED_EVERY_MS;
  }
}
