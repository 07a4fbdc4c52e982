/**
 * Time as a parameter: everything that waits or measures takes a Clock, so tests and the simulator run the shipped code
 * in virtual time.
 */

/** A timer that has been set. */
export interface Timer {
  /** Ends it; a second call does nothing. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds on a monotonic scale with an arbitrary start; fractions count. */
  now(): number;
  /** Milliseconds since 1970, for people and for peers; it can jump. */
  wallTime(): number;
  /** Calls back once after delayMs (0 or more; Infinity never fires). The process stays alive for it. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /** Like setTimer, but the process may end before it fires: for upkeep that nobody awaits. */
  setBackgroundTimer(callback: () => void, delayMs: number): Timer;
}

/** Node's timers fire at once above this many milliseconds (2^31-1, 24.8 days), so longer waits go in steps. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;
  #cancelled = false;

  constructor(callback: () => void, delayMs: number, background: boolean) {
    this.#arm(callback, delayMs, background);
  }

  #arm(callback: () => void, delayMs: number, background: boolean): void {
    if (delayMs === Infinity || this.#cancelled) return;
    const step = Math.min(delayMs, MAX_TIMEOUT_MS);
    this.#handle = setTimeout(
      () => (step < delayMs ? this.#arm(callback, delayMs - step, background) : callback()),
      step,
    );
    if (background) this.#handle.unref();
  }

  cancel(): void {
    this.#cancelled = true;
    clearTimeout(this.#handle);
  }
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer: (callback, delayMs) => new SystemTimer(callback, delayMs, false),
  setBackgroundTimer: (callback, delayMs) => new SystemTimer(callback, delayMs, true),
};
