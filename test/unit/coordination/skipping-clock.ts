/** The clock of one process, for pauses: time that passes while it does not run, so no timer has fired yet when it is asked. */
import type { Clock, Timer } from "../../../sdk/src/call/clock.ts";

export class SkippingClock implements Clock {
  readonly #clock: Clock;
  #skipped = 0;
  #slept = 0;
  #frozen = false;
  /** What was due meanwhile. */
  readonly #late: (() => void)[] = [];
  readonly #foreground = new Set<object>();

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

  /** The process does not run any more: what comes due waits. */
  freeze(): void {
    this.#frozen = true;
  }

  /** It goes on, with what was due. @param unnoticedMs of the pause that its monotonic clock has not counted. */
  thaw(unnoticedMs: number, before: () => void): void {
    this.#frozen = false;
    this.#skipped -= unnoticedMs;
    this.#slept += unnoticedMs;
    before();
    for (const callback of this.#late.splice(0)) callback();
  }

  now(): number {
    return this.#clock.now() + this.#skipped;
  }

  wallTime(): number {
    return this.#clock.wallTime() + this.#skipped + this.#slept;
  }

  /** Timers that are set and for which the process stays alive. */
  get keptAliveBy(): number {
    return this.#foreground.size;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const kept = {};
    this.#foreground.add(kept);
    const timer = this.setBackgroundTimer(() => {
      this.#foreground.delete(kept);
      callback();
    }, delayMs);
    return {
      cancel: () => {
        this.#foreground.delete(kept);
        timer.cancel();
      },
    };
  }

  setBackgroundTimer(callback: () => void, delayMs: number): Timer {
    let cancelled = false;
    const fire = (): void => {
      if (cancelled) return;
      if (this.#frozen) this.#late.push(fire);
      else callback();
    };
    const timer = this.#clock.setTimer(fire, delayMs);
    return {
      cancel() {
        cancelled = true;
        timer.cancel();
      },
    };
  }
}
