/**
 * What happens when, in virtual time: the simulator's loop, and the Clock that the shipped code under it reads. Events at
 * the same time happen in the order in which they were set, so a run is decided by its seed.
 */
import type { Clock, Timer } from "../../sdk/src/call/clock.ts";
import { MinHeap } from "./min-heap.ts";

class Event implements Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;

  constructor(at: number, order: number, run: () => void) {
    this.at = at;
    this.order = order;
    this.run = run;
  }

  /** It stays where it is and does nothing when its time comes: taking it out would cost more. */
  cancel(): void {
    this.run = undefined;
  }
}

export class Agenda implements Clock {
  readonly #events = new MinHeap<Event>(before);
  #now = 0;
  #order = 0;

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#now;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const event = new Event(this.#now + Math.max(0, delayMs), this.#order++, callback);
    if (event.at < Infinity) this.#events.push(event);
    return event;
  }

  setBackgroundTimer(callback: () => void, delayMs: number): Timer {
    return this.setTimer(callback, delayMs);
  }

  /** Runs everything up to and at a time. */
  runUntil(endMs: number): void {
    for (let next = this.#events.first; next !== undefined && next.at <= endMs; next = this.#events.first) {
      this.#events.pop();
      if (next.run === undefined) continue;
      this.#now = next.at;
      next.run();
    }
    this.#now = endMs;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}
