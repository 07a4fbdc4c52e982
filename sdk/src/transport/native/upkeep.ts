/** One slow timer that looks after all connections: timeouts, keepalive, ages. No connection has a timer of its own. */
import type { Clock, Timer } from "../../call/clock.ts";

export interface Kept {
  check(now: number): void;
}

/** Timeouts of connections are in seconds; being late by one tick does no harm. */
const MAX_TICK_MS = 1000;
const MIN_TICK_MS = 5;
/** A timeout that is shorter than usual is watched so many times as closely. */
const TICKS_PER_TIMEOUT = 4;

export class Upkeep {
  readonly #clock: Clock;
  readonly #kept = new Map<Kept, number>();
  readonly #fire = (): void => this.#tick();
  #timer: Timer | undefined;
  #tickMs = MAX_TICK_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What it looks after. */
  get kept(): Iterable<Kept> {
    return this.#kept.keys();
  }

  /** @param shortestMs the shortest time that it watches over. */
  add(kept: Kept, shortestMs: number): void {
    this.#kept.set(kept, Math.min(MAX_TICK_MS, Math.max(MIN_TICK_MS, shortestMs / TICKS_PER_TIMEOUT)));
    this.#rearm();
  }

  remove(kept: Kept): void {
    this.#kept.delete(kept);
    if (this.#kept.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #rearm(): void {
    const tickMs = Math.min(...this.#kept.values());
    if (this.#timer !== undefined && tickMs >= this.#tickMs) return;
    this.#timer?.cancel();
    this.#tickMs = tickMs;
    this.#timer = this.#clock.setBackgroundTimer(this.#fire, tickMs);
  }

  #tick(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    try {
      for (const kept of this.#kept.keys()) kept.check(now);
    } finally {
      if (this.#kept.size > 0) this.#rearm();
    }
  }
}
