/**
 * The port behind coordination: keys whose writes can be conditional, and sessions that hold keys until they are not
 * renewed any more. Consul is one; whatever keeps the promises below is another.
 */
import type { MeshError } from "../call/mesh-error.ts";
import type { Watch } from "../discovery/directory.ts";

export interface StoredKey {
  readonly key: string;
  readonly value: Uint8Array;
  /** Of the last write: every write of any key has a higher one than all before it. */
  readonly index: number;
  /** Id of the session that holds it. */
  readonly session?: string;
}

/** What is below a prefix at one moment. */
export interface Snapshot {
  readonly entries: readonly StoredKey[];
  /** Of two snapshots the one with the higher is the newer. */
  readonly index: number;
}

export interface SessionTerms {
  /** For people. */
  readonly name: string;
  /** A session that is not renewed lives at least so long after the store got its last renewal. */
  readonly ttlMs: number;
  /** What becomes of the keys that it holds when it ends. */
  readonly keys: "release" | "delete";
  /** For so long after a session has ended nobody gets what it held; not after it let go by itself. */
  readonly lockDelayMs: number;
}

export type LockAttempt =
  /** token: the index of the write that made the session hold the key. */
  | { readonly outcome: "acquired"; readonly token: number }
  /** Another session holds it; one that did has ended not long ago; ours does not exist any more. */
  | { readonly outcome: "taken" | "delayed" | "session-gone" };

/** One part of a commit. index: what the key must have; 0: there must be no such key. */
export type Change =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array; readonly index: number }
  | { readonly kind: "delete"; readonly key: string; readonly index: number }
  | { readonly kind: "unchanged"; readonly key: string; readonly index: number };

export interface StoreBounds {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** "background" lets the process end meanwhile. */
  readonly upkeep?: "foreground" | "background";
}

export interface StoreListener<T> {
  /** First what is there, then what differs. "after-outage": the store may have lost what is missing. */
  changed(value: T, circumstance: "steady" | "after-outage"): void;
  /** It says the same as before, or something new: it was asked with success. */
  confirmed?(): void;
  /** The store could not be asked: nothing is said about the keys. */
  failed(error: MeshError): void;
}

/** Everything rejects with a MeshError: UNAVAILABLE may pass, other codes will not by themselves. */
export interface CoordinationStore {
  openSession(terms: SessionTerms, bounds: StoreBounds): Promise<string>;
  renewSession(id: string, bounds: StoreBounds): Promise<"renewed" | "gone">;
  endSession(id: string, bounds: StoreBounds): Promise<void>;
  /** Done twice by one session, it is acquired twice, with tokens that do not go back. */
  lock(key: string, value: Uint8Array, session: string, bounds: StoreBounds): Promise<LockAttempt>;
  /** Lets go without lock delay; nothing happens when another holds it. */
  unlock(key: string, session: string, bounds: StoreBounds): Promise<void>;
  /** What was last written, in every case. */
  read(prefix: string, bounds: StoreBounds): Promise<Snapshot>;
  /** Rejects with PERMISSION_DENIED when we may not read it, for which read() and watches leave it out without a word. */
  mayRead(key: string, bounds: StoreBounds): Promise<void>;
  /** All or nothing. At most 32 changes. */
  commit(changes: readonly Change[], bounds: StoreBounds): Promise<"done" | "conflict">;
  watchKey(key: string, listener: StoreListener<StoredKey | undefined>): Watch;
  watchTree(prefix: string, listener: StoreListener<Snapshot>): Watch;
}
