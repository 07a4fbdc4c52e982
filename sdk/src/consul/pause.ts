/** Waiting, by a clock, until a signal ends it. */
import type { Clock } from "../call/clock.ts";

/** Resolves after delayMs or as soon as the signal aborts; the process may end meanwhile. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.setBackgroundTimer(done, delayMs);
    signal.addEventListener("abort", done, { once: true });
  });
}
