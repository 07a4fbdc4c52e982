/**
 * The one counter behind every `X-Consul-Index`, and the queries that wait for it to move.
 *
 * Consul numbers every write with its Raft index; we number them ourselves. A blocked query waits on topics, not on the
 * counter, so an unrelated write does not even run it again.
 */
import type { Cancel } from "../clock.ts";
import { Write } from "./write.ts";

/**
 * A fresh Consul has written its own node, leader and configuration before anyone registers anything. Starting above 1
 * also keeps real indexes apart from the 1 that error replies carry.
 */
export const firstIndex = 10;

export class Journal {
  #index = firstIndex;
  readonly #waiting = new Map<string, Set<() => void>>();

  /** The index of the latest write. */
  get index(): number {
    return this.#index;
  }

  /** The index of the write that is about to be made. */
  advance(): number {
    this.#index += 1;
    return this.#index;
  }

  /** Makes a write; when `change` throws, it is taken back and the error goes on. */
  write<T>(change: (write: Write) => T): T {
    const write = new Write(this);
    let result: T;
    try {
      result = change(write);
    } catch (error) {
      write.rollback();
      throw error;
    }
    write.commit();
    return result;
  }

  /** Tells whoever watches one of the topics, once each. Call it when the write is complete: they read at once. */
  announce(topics: Iterable<string>): void {
    const woken = new Set<() => void>();
    for (const topic of topics) {
      for (const wake of this.#waiting.get(topic) ?? []) woken.add(wake);
    }
    for (const wake of woken) wake();
  }

  watch(topic: string, wake: () => void): Cancel {
    const waiting = this.#waiting.get(topic) ?? new Set();
    this.#waiting.set(topic, waiting.add(wake));
    return () => {
      waiting.delete(wake);
      if (waiting.size === 0 && this.#waiting.get(topic) === waiting) this.#waiting.delete(topic);
    };
  }

  isWatched(topic: string): boolean {
    return this.#waiting.has(topic);
  }

  /** How many queries are blocked; leaks show here. */
  get waiting(): number {
    let count = 0;
    for (const wakes of this.#waiting.values()) count += wakes.size;
    return count;
  }
}
