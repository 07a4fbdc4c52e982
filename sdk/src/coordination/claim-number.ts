/**
 * Numbers among processes of one name: each holds the lowest that was free when it came, as a lock, so that they are numbered
 * from 0 with few gaps, and a number is free again when its process has gone.
 */
import type { Acquirable } from "./acquirable.ts";
import type { CoordinationStore } from "./coordination-store.ts";
import type { HeldLock } from "./lock.ts";
import type { WaitBounds } from "./standing.ts";

export interface HeldNumber {
  /** From 0. */
  readonly number: number;
  /** Held until it is released, or the mesh closes. */
  readonly held: HeldLock;
}

export interface NumberPlace {
  readonly store: CoordinationStore;
  /** Above all keys of the name, with its slash. */
  readonly prefix: string;
  readonly lockOf: (number: number) => Acquirable<HeldLock>;
}

/** Rejects as tryAcquire() does. Each turn is lost only to somebody who came, or to the delay after a crash. */
export async function claimNumber({ store, prefix, lockOf }: NumberPlace, bounds: WaitBounds): Promise<HeldNumber> {
  const taken = new Set<number>();
  for (;;) {
    const { signal, timeoutMs } = bounds;
    const { entries } = await store.read(prefix, { ...(signal && { signal }), ...(timeoutMs && { timeoutMs }) });
    for (const { key, session } of entries) if (session !== undefined) taken.add(Number(key.slice(prefix.length)));
    let number = 0;
    while (taken.has(number)) number++;
    const held = await lockOf(number).tryAcquire(bounds);
    if (held !== undefined) return { number, held };
    taken.add(number);
  }
}
