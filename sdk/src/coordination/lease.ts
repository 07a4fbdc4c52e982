/**
 * For how long a session is certainly alive, by our own clock: from the moment at which the last renewal that succeeded was
 * sent, since the store counts from when it got it, which is later. A margin is left for the drift of clocks.
 *
 * Two clocks are asked, and the one that is further on counts: the monotonic one stands still while the machine sleeps or its
 * virtual machine is suspended, the other can be set back.
 */
import type { Clock } from "../call/clock.ts";

/** What both clocks say at once. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.now(), wallMs: clock.wallTime() };
}

export class Lease {
  readonly #clock: Clock;
  /** Milliseconds that one renewal is good for. */
  readonly #lengthMs: number;
  #from: Moment;
  #over = false;

  /** @param sentAt when the request that opened the session was sent. */
  constructor(clock: Clock, lengthMs: number, sentAt: Moment) {
    this.#clock = clock;
    this.#lengthMs = lengthMs;
    this.#from = sentAt;
  }

  /** A renewal that was sent then has succeeded. Of no use once the lease is over: another may hold the key since. */
  renewed(sentAt: Moment): void {
    if (!this.over && sentAt.monotonicMs > this.#from.monotonicMs) this.#from = sentAt;
  }

  /** 0 once it is over. */
  get remainingMs(): number {
    if (this.#over) return 0;
    const remainingMs = this.#lengthMs - this.ageMs;
    this.#over = remainingMs <= 0;
    return Math.max(0, remainingMs);
  }

  /** Milliseconds since the last renewal that succeeded was sent. */
  get ageMs(): number {
    const { monotonicMs, wallMs } = momentOf(this.#clock);
    return Math.max(monotonicMs - this.#from.monotonicMs, wallMs - this.#from.wallMs);
  }

  /** Stays true. */
  get over(): boolean {
    return this.remainingMs === 0;
  }
}
