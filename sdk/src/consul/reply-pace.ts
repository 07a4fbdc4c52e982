/**
 * The brake of a watch: an index that moves all the time, or a server that does not block, must not make a busy loop.
 * A token bucket, so that a burst of real changes is still seen without delay.
 */
import type { Clock } from "../call/clock.ts";

/** Replies that may follow each other at once. */
const BURST = 20;
/** Milliseconds that earn one more: ten a second when it never ends. */
const EARNED_EVERY_MS = 100;

export class ReplyPace {
  readonly #clock: Clock;
  #tokens = BURST;
  #countedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedAt = clock.now();
  }

  /** Counts one reply; returns milliseconds to wait before the next request, mostly 0. */
  take(): number {
    const now = this.#clock.now();
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#countedAt) / EARNED_EVERY_MS) - 1;
    this.#countedAt = now;
    return this.#tokens >= 0 ? 0 : -this.#tokens * EARNED_EVERY_MS;
  }
}
