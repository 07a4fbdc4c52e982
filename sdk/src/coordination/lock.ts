/**
 * A lock among processes, and what a leader holds: one key that one session has at a time. Its fencing token is the index of
 * the write that made the session hold the key.
 */
import type { Acquirable } from "./acquirable.ts";
import type { Contest } from "./contest.ts";
import type { CoordinationStore } from "./coordination-store.ts";
import type { Hold, Held } from "./hold.ts";
import type { Won } from "./standing.ts";

/** A lock that is held, as long as it is. */
export interface HeldLock extends Held {
  /**
   * The fencing token: greater than that of every holder before. Give it to whatever the lock protects, and have it refuse
   * a token lower than one it has seen: only that keeps out a holder that was paused and does not know yet.
   */
  readonly token: number;
}

export type Lock = Acquirable<HeldLock>;

export interface LockPlace extends Pick<Contest, "kind" | "name" | "terms" | "holder"> {
  readonly key: string;
}

export function lockContest(store: CoordinationStore, place: LockPlace): Contest {
  const { key, holder } = place;
  return {
    ...place,
    keys: "release",
    attempt: (session, bounds) => store.lock(key, Buffer.from(holder), session, bounds),
    watch: (look) =>
      store.watchKey(key, {
        changed: (entry) =>
          look(entry?.session === undefined ? { free: true } : { free: false, holder: textOf(entry.value) }),
        failed: () => {},
      }),
    letGo: (session, bounds) => store.unlock(key, session, bounds),
    heldKey: () => key,
    lostBy({ session, token }, entry) {
      if (entry === undefined) return "has lost its key: it was deleted, or the store has lost its data";
      if (entry.session === session || entry.index < token) return undefined;
      return entry.session === undefined
        ? "was taken from its holder: its session was ended, or its key written"
        : `was taken from its holder by ${textOf(entry.value)}`;
    },
  };
}

/** A hold with its token. */
export function lockFace(hold: Hold, { token }: Won): HeldLock {
  return {
    name: hold.name,
    token,
    get signal() {
      return hold.signal;
    },
    get held() {
      return hold.held;
    },
    get remainingMs() {
      return hold.remainingMs;
    },
    check: () => hold.check(),
    release: () => hold.release(),
    [Symbol.asyncDispose]: () => hold.release(),
  };
}

export function textOf(value: Uint8Array): string {
  return Buffer.from(value).toString();
}
