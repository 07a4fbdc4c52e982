/** A clock for pauses: time that passes while nothing runs, so that no timer has fired yet when it is asked. */
import type { Clock, Timer } from "../../../sdk/src/call/clock.ts";

export class SkippingClock implements Clock {
  readonly #clock: Clock;
  #skipped = 0;
  #slept = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The process was stopped for so long, and goes on. */
  skip(ms: number): void {
    this.#skipped += ms;
  }

  /** The machine was suspended for so long: its monotonic clock has not noticed. */
  sleep(ms: number): void {
    this.#slept += ms;
  }

  now(): number {
    return this.#clock.now() + this.#skipped;
  }

  wallTime(): number {
    return this.#clock.wallTime() + this.#skipped + this.#slept;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    return this.#clock.setTimer(callback, delayMs);
  }

  setBackgroundTimer(callback: () => void, delayMs: number): Timer {
    return this.#clock.setBackgroundTimer(callback, delayMs);
  }
}
