/**
 * Lock delays: for a while after a session was lost, nobody may take over its locks, so that whoever held them has time
 * to notice. https://developer.hashicorp.com/consul/docs/dynamic-app-config/sessions#session-design
 */
import type { Clock } from "../clock.ts";
import type { Write } from "./write.ts";

/** Longer ones are cut to this, as Consul does. */
export const maxLockDelayMs = 60_000;

export class LockDelays {
  readonly #clock: Clock;
  /** By key, when its delay ends. */
  readonly #ends = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isDelayed(key: string): boolean {
    return (this.#ends.get(key) ?? 0) > this.#clock.now();
  }

  /** Zero or less delays nothing. */
  start(write: Write, key: string, delayMs: number): void {
    this.#forgetPast();
    if (delayMs > 0) write.set(this.#ends, key, this.#clock.now() + Math.min(delayMs, maxLockDelayMs));
  }

  #forgetPast(): void {
    const now = this.#clock.now();
    for (const [key, endMs] of this.#ends) if (endMs <= now) this.#ends.delete(key);
  }
}
