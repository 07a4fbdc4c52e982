/**
 * One timer for the deadlines of all calls: a wheel of slots, each a list of the calls that expire in it (Varghese and
 * Lauck, "Hashed and Hierarchical Timing Wheels", 1987). Adding and removing cost a few writes, and the timer is set for
 * the first slot that holds anything, so calls that end in time cost no timer at all.
 */
import type { Clock, Timer } from "../../call/clock.ts";

/** What expires. The links are the wheel's. */
export interface Expiring {
  /** On the wheel's clock. */
  readonly deadline: number;
  wheelSlot: number;
  wheelBefore: Expiring | undefined;
  wheelAfter: Expiring | undefined;
  expire(): void;
}

/** Not in the wheel. */
export const NO_SLOT = -1;

/** A call ends at most so much after its deadline, never before. */
const TICK_MS = 5;
/** 20 s a turn: what is further off comes round again. */
const SLOTS = 4096;

export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #slots: (Expiring | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #fire = (): void => this.#turn();
  #count = 0;
  /** Ticks up to this one are done. */
  #tick = 0;
  #timer: Timer | undefined;
  #timerTick = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What has yet to expire or to be removed. */
  get size(): number {
    return this.#count;
  }

  /** Nothing is added for a deadline of Infinity. */
  add(entry: Expiring): void {
    if (entry.deadline === Infinity) return;
    if (this.#count === 0) this.#tick = Math.floor(this.#clock.now() / TICK_MS);
    const tick = Math.max(Math.ceil(entry.deadline / TICK_MS), this.#tick + 1);
    const slot = tick % SLOTS;
    const first = this.#slots[slot];
    entry.wheelSlot = slot;
    entry.wheelBefore = undefined;
    entry.wheelAfter = first;
    if (first !== undefined) first.wheelBefore = entry;
    this.#slots[slot] = entry;
    this.#count++;
    if (tick < this.#timerTick) this.#setTimer(tick);
  }

  remove(entry: Expiring): void {
    const slot = entry.wheelSlot;
    if (slot === NO_SLOT) return;
    entry.wheelSlot = NO_SLOT;
    this.#count--;
    if (entry.wheelBefore === undefined) this.#slots[slot] = entry.wheelAfter;
    else entry.wheelBefore.wheelAfter = entry.wheelAfter;
    if (entry.wheelAfter !== undefined) entry.wheelAfter.wheelBefore = entry.wheelBefore;
    entry.wheelBefore = undefined;
    entry.wheelAfter = undefined;
  }

  /** The timer may come too early for what it was set for has gone: that is cheaper than setting it anew each time. */
  #turn(): void {
    this.#timer = undefined;
    this.#timerTick = Infinity;
    const now = this.#clock.now();
    const last = Math.floor(now / TICK_MS);
    const from = Math.max(this.#tick + 1, last - SLOTS + 1);
    try {
      for (let tick = from; tick <= last && this.#count > 0; tick++) {
        this.#expireSlot(tick % SLOTS, now);
        this.#tick = tick;
      }
      this.#tick = Math.max(this.#tick, last);
    } finally {
      // What expire() threw is its own doing: the others must expire all the same.
      if (this.#count > 0) this.#setTimer(this.#nextTick());
    }
  }

  #expireSlot(slot: number, now: number): void {
    let entry = this.#slots[slot];
    while (entry !== undefined) {
      const after: Expiring | undefined = entry.wheelAfter;
      if (entry.deadline <= now) {
        this.remove(entry);
        entry.expire();
        // What expire() did may have taken the next one out: then the slot is read again from its start.
        entry = after === undefined || after.wheelSlot === slot ? after : this.#slots[slot];
      } else {
        entry = after;
      }
    }
  }

  #nextTick(): number {
    for (let ahead = 1; ahead <= SLOTS; ahead++) {
      if (this.#slots[(this.#tick + ahead) % SLOTS] !== undefined) return this.#tick + ahead;
    }
    return this.#tick + SLOTS;
  }

  #setTimer(tick: number): void {
    this.#timer?.cancel();
    this.#timerTick = tick;
    const delayMs = Math.max(0, tick * TICK_MS - this.#clock.now());
    this.#timer = this.#clock.setBackgroundTimer(this.#fire, delayMs);
  }
}
