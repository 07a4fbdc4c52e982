/**
 * Blocking queries: answer when the index passes the caller's, or when the wait is over.
 * https://developer.hashicorp.com/consul/api-docs/features/blocking
 */
import type { Clock } from "../clock.ts";
import type { Journal } from "./journal.ts";

/** What Consul waits when the caller names no wait. */
export const defaultWaitMs = 5 * 60_000;
/** What Consul shortens longer waits to. */
export const maxWaitMs = 10 * 60_000;
/** Consul adds up to a sixteenth of the wait, so that watchers that started together do not all come back together. */
const jitterFraction = 16;

/** One reading of the state: its index, and the topic that is announced when a newer reading may differ. */
export interface Reading {
  readonly index: number;
  readonly topic: string;
}

export interface Wait {
  /** Answer only with an index above this one; `0` answers at once. */
  readonly minIndex: number;
  /** Zero or less means {@link defaultWaitMs}; capped at {@link maxWaitMs}. */
  readonly waitMs: number;
  /** The caller went away: the query is forgotten and rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

export interface WaitRoom {
  readonly journal: Journal;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Reads until the index passes `minIndex`. An index from the future (of an agent that has since been restarted) waits
 * like any other. When the wait ends, the latest reading that was made is the answer, as with Consul.
 */
export function blockingQuery<T extends Reading>(room: WaitRoom, wait: Wait, read: () => T): Promise<T> {
  const { journal, clock, random } = room;
  const { minIndex, signal } = wait;
  let latest = read();
  if (minIndex === 0 || latest.index > minIndex) return Promise.resolve(latest);

  return new Promise((resolve, reject) => {
    let unwatch = journal.watch(latest.topic, again);
    const requestedMs = wait.waitMs > 0 ? Math.min(wait.waitMs, maxWaitMs) : defaultWaitMs;
    const cancelTimer = clock.after(requestedMs + (random() * requestedMs) / jitterFraction, () => {
      leave();
      resolve(latest);
    });
    signal.addEventListener("abort", abandon);
    if (signal.aborted) abandon();

    function again(): void {
      try {
        latest = read();
      } catch (error) {
        leave();
        reject(error);
        return;
      }
      if (latest.index > minIndex) {
        leave();
        resolve(latest);
        return;
      }
      unwatch();
      unwatch = journal.watch(latest.topic, again);
    }
    function abandon(): void {
      leave();
      reject(signal.reason);
    }
    function leave(): void {
      unwatch();
      cancelTimer();
      signal.removeEventListener("abort", abandon);
    }
  });
}
