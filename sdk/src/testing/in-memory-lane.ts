/**
 * One direction of a call in memory: messages are held until the far end asks for them, and the near end is told to wait
 * while too many are held, as HTTP/2's flow control does it.
 */
import type { Clock } from "../call/clock.ts";
import { keptBytes } from "../transport/kept-bytes.ts";

/** Messages on their way and not yet taken before the sender is asked to wait. */
export const HIGH_WATER_MESSAGES = 16;

/** Carries what is put into it in order, each thing as late as its delay says; a clean stack in between. */
export class InMemoryPipe {
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  readonly #due: (() => void)[] = [];
  #lastDueAt = -Infinity;

  constructor(clock: Clock, delayMs: () => number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  put(deliver: () => void): void {
    const now = this.#clock.now();
    this.#lastDueAt = Math.max(now + this.#delayMs(), this.#lastDueAt);
    this.#due.push(deliver);
    // Whoever comes first delivers what was put in first, so a delay that changes reorders nothing.
    const next = (): void => this.#due.shift()?.();
    if (this.#lastDueAt > now) this.#clock.setTimer(next, this.#lastDueAt - now);
    else queueMicrotask(next);
  }
}

export interface LaneEnds {
  /** At the far end: a message that was asked for. */
  message(body: Uint8Array): void;
  /** At the near end: there is room again after send() returned false. */
  drained(): void;
}

export class InMemoryLane {
  readonly #pipe: InMemoryPipe;
  readonly #ends: LaneEnds;
  readonly #arrived: Uint8Array[] = [];
  #wanted = 0;
  #untaken = 0;
  #full = false;
  #stopped = false;
  #atEnd: (() => void) | undefined;

  constructor(pipe: InMemoryPipe, ends: LaneEnds) {
    this.#pipe = pipe;
    this.#ends = ends;
  }

  send(body: Uint8Array): boolean {
    if (this.#stopped) return true;
    const kept = keptBytes(body);
    this.#untaken++;
    this.#full = this.#untaken >= HIGH_WATER_MESSAGES;
    this.#pipe.put(() => {
      if (this.#stopped) return;
      this.#arrived.push(kept);
      this.#flow();
    });
    return !this.#full;
  }

  request(): void {
    this.#wanted++;
    if (this.#arrived.length > 0) queueMicrotask(() => this.#flow());
  }

  /** Calls back at the far end once every message sent before was taken. */
  end(atEnd: () => void): void {
    this.#pipe.put(() => {
      this.#atEnd = atEnd;
      this.#flow();
    });
  }

  /** Forgets what was not taken; nothing is called any more. */
  stop(): void {
    this.#stopped = true;
    this.#arrived.length = 0;
    this.#atEnd = undefined;
  }

  #flow(): void {
    while (this.#wanted > 0 && !this.#stopped) {
      const body = this.#arrived.shift();
      if (body === undefined) break;
      this.#wanted--;
      this.#untaken--;
      this.#ends.message(body);
    }
    if (this.#full && this.#untaken === 0) {
      this.#full = false;
      queueMicrotask(() => {
        if (!this.#stopped) this.#ends.drained();
      });
    }
    if (this.#arrived.length > 0 || this.#atEnd === undefined) return;
    const atEnd = this.#atEnd;
    this.#atEnd = undefined;
    atEnd();
  }
}
