/**
 * Time as a parameter: TTLs, waits and the reaper run on whatever clock they are given, so tests move it by hand.
 */

/** Undoes what returned it; calling it late or twice is harmless. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds that never run backwards; only differences mean something. */
  now(): number;
  /** Milliseconds since 1970, for what is shown and for certificates; they jump when somebody sets the clock. */
  wallMs(): number;
  /** Runs `run` once after `delayMs` milliseconds, whatever their number. */
  after(delayMs: number, run: () => void): Cancel;
}

/** `setTimeout` fires at once when asked for more than this, about 24.8 days. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The process's own clock. Its timers do not keep the process alive; the listening socket does. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, run) {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, longestTimeoutMs);
      timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : run()), stepMs).unref();
    };
    arm(Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};
