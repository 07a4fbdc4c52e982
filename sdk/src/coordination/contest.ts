/** What is contended for: how one tries for it with a session, sees that it is free, and gives it back. */
import type { Watch } from "../discovery/directory.ts";
import type { HeldKind } from "./coordination-observer.ts";
import type { LockAttempt, StoreBounds, StoredKey } from "./coordination-store.ts";
import type { CompleteTerms } from "./terms.ts";

export interface Contest {
  readonly kind: HeldKind;
  readonly name: string;
  readonly terms: CompleteTerms;
  /** Who we are, for others to read. */
  readonly holder: string;
  /** What becomes of the keys of our session when it ends. */
  readonly keys: "release" | "delete";
  attempt(session: string, bounds: StoreBounds): Promise<LockAttempt>;
  /** Tells, first and after every change, whether it is worth a try, and else who has it if that is one. */
  watch(look: (state: ContestState) => void): Watch;
  /** Gives back what the session may hold. */
  letGo(session: string, bounds: StoreBounds): Promise<void>;
  /** The key that is the session's while it holds, and how a change of it reads: undefined while all is well. */
  heldKey(session: string): string;
  lostBy(won: { readonly session: string; readonly token: number }, entry: StoredKey | undefined): string | undefined;
}

export interface ContestState {
  readonly free: boolean;
  readonly holder?: string;
}

/** For people: "lock nightly". */
export function whatOf({ kind, name }: Pick<Contest, "kind" | "name">): string {
  return `${kind} ${name}`;
}
