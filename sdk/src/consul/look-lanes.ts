/**
 * How many looks are under way at once: two hundred watches that start, or that have lost their agent, come one after
 * the other instead of all together.
 */
import type { Clock, Timer } from "../call/clock.ts";

/** As many as keep an agent busy; each may be a connection. */
export const LOOKS_AT_ONCE = 8;
/** A look that takes longer hangs, and must not keep the others from finding out for themselves. */
const HANGS_AFTER_MS = 500;

export class LookLanes {
  readonly #clock: Clock;
  readonly #queue: (() => void)[] = [];
  #free = LOOKS_AT_ONCE;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    const lane = this.#lane();
    try {
      return await ask();
    } finally {
      lane.cancel();
    }
  }

  /** Hands the lane on when cancelled or when its look hangs, whichever comes first. */
  #lane(): Timer {
    let held = true;
    const handOn = (): void => {
      if (!held) return;
      held = false;
      timer.cancel();
      const next = this.#queue.shift();
      if (next === undefined) this.#free++;
      else next();
    };
    const timer = this.#clock.setBackgroundTimer(handOn, HANGS_AFTER_MS);
    return { cancel: handOn };
  }
}
