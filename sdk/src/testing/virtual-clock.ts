/** A clock that moves when told to: tests and simulations run hours of waiting in no time, in a fixed order. */
import type { Clock, Timer } from "../call/clock.ts";

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #alarms = new Set<Alarm>();
  readonly #epoch: number;

  /** @param epochMs what wallTime() starts from. */
  constructor(epochMs = 0) {
    this.#epoch = epochMs;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#epoch + this.#now;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const alarm = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback };
    if (delayMs !== Infinity) this.#alarms.add(alarm);
    return { cancel: () => this.#alarms.delete(alarm) };
  }

  setBackgroundTimer(callback: () => void, delayMs: number): Timer {
    return this.setTimer(callback, delayMs);
  }

  /** Timers that are set and have not fired. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Moves time on, firing every timer on the way in the order of its time, also those set meanwhile. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#alarms.delete(next);
      this.#now = next.at;
      next.callback();
    }
    this.#now = until;
  }

  /** advance(), letting promises settle after every timer: for code that awaits. */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#alarms.delete(next);
      this.#now = next.at;
      next.callback();
      await settle();
    }
    this.#now = until;
  }

  /** Moves time on as a process sees it that was blocked for so long: what was due meanwhile fires late, in order. */
  stall(ms: number): void {
    this.#now += ms;
    for (let next = this.#next(this.#now); next !== undefined; next = this.#next(this.#now)) {
      this.#alarms.delete(next);
      next.callback();
    }
  }

  #next(until: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.at > until) continue;
      if (first === undefined || alarm.at < first.at || (alarm.at === first.at && alarm.order < first.order))
        first = alarm;
    }
    return first;
  }
}

/** Every promise reaction that is due has run once the check phase comes round. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
