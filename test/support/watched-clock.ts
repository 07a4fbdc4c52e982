/** A virtual clock that tells of every timer as it is set, so a test knows when the code under it has begun to wait. */
import type { Timer } from "../../sdk/src/call/clock.ts";
import { VirtualClock } from "../../sdk/src/testing/virtual-clock.ts";
import { Inbox } from "./inbox.ts";

export class WatchedClock extends VirtualClock {
  /** Milliseconds of each timer, in the order in which they were set. */
  readonly delays = new Inbox<number>();

  override setTimer(callback: () => void, delayMs: number): Timer {
    this.delays.put(delayMs);
    return super.setTimer(callback, delayMs);
  }

  /** Waits for the next timer that is none of the ordinary ones. */
  async nextDelay(ordinaryMs: readonly number[]): Promise<number> {
    let delayMs = await this.delays.next();
    while (ordinaryMs.includes(delayMs)) delayMs = await this.delays.next();
    return delayMs;
  }
}
