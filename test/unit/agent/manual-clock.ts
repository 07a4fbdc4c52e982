/** A clock that tests move by hand: `advance` runs what falls due, in order. */
import type { Clock } from "../../../agent/src/clock.ts";

const startedAtMs = Date.UTC(2030, 0, 1);

export class ManualClock implements Clock {
  #nowMs = 0;
  #nextId = 0;
  readonly #timers = new Map<number, { readonly atMs: number; readonly run: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return startedAtMs + this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const id = this.#nextId++;
    this.#timers.set(id, { atMs: this.#nowMs + delayMs, run });
    return () => this.#timers.delete(id);
  }

  /** How many timers are set; leaks show here. */
  get pending(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= untilMs);
      const next = due.sort(([a, { atMs: x }], [b, { atMs: y }]) => x - y || a - b)[0];
      if (next === undefined) break;
      const [id, { atMs, run }] = next;
      this.#timers.delete(id);
      this.#nowMs = atMs;
      run();
    }
    this.#nowMs = untilMs;
  }
}
