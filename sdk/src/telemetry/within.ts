/** A bound on waiting for what others answer: a check or a metric of the user's may hang for ever, a scrape may not. */
import type { Clock } from "../call/clock.ts";

/**
 * What the work comes to, or undefined when it takes longer than timeoutMs; what it comes to then is dropped, a failure
 * too. Rejects as the work does. The wait does not keep the process alive.
 */
export async function within<T>(work: Promise<T>, timeoutMs: number, clock: Clock): Promise<T | undefined> {
  let giveUp = (): void => {};
  const late = new Promise<undefined>((resolve) => {
    giveUp = () => resolve(undefined);
  });
  const timer = clock.setBackgroundTimer(giveUp, timeoutMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.cancel();
  }
}
