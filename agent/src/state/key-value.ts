/**
 * The key/value store. Deleted keys leave tombstones, so that a prefix remembers that something under it went. A key may
 * be held by a session, which makes it a lock; holding it keeps nobody from writing it otherwise.
 */
import { compare } from "./compare.ts";
import type { Write } from "./write.ts";

/** Everything in the store shares a topic: a reading's own index decides whether a write concerned it. */
export const keyValueTopic = "kv";

/** What a caller says of a key. */
export interface Draft {
  readonly key: string;
  readonly value: Buffer;
  /** A number of the caller's own, 64 bits unsigned. */
  readonly flags: bigint;
}

export interface Entry extends Draft {
  /** Who holds the key; empty when nobody does. */
  readonly session: string;
  /** How often the key changed hands; a write that is no lock sets it to 0, as in Consul. */
  readonly lockIndex: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** Write only if the key's modify index is this one; 0 means only if it does not exist. `undefined` writes always. */
export type CompareAndSet = bigint | undefined;

/** Consul forgets tombstones after 15 minutes; forgetting the oldest beyond this many bounds memory without a timer. */
const maxTombstones = 10_000;

export class KeyValue {
  readonly #entries = new Map<string, Entry>();
  readonly #tombstones = new Map<string, number>();
  /** The index of the last change to any key; Consul shows 1 when there was none. */
  #index = 1;

  /** The index of a query for the key: its own, or that of the whole store while it is missing. */
  get(key: string): { entry: Entry | undefined; index: number } {
    const entry = this.#entries.get(key);
    return { entry, index: entry?.modifyIndex ?? this.#index };
  }

  /** What begins with the prefix, by key; the index also remembers what was deleted under it. */
  list(prefix: string): { entries: Entry[]; index: number } {
    const entries = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
    entries.sort((a, b) => compare(a.key, b.key));
    if (prefix === "") return { entries, index: this.#index };
    let index = 0;
    for (const entry of entries) index = Math.max(index, entry.modifyIndex);
    for (const [key, deleted] of this.#tombstones) if (key.startsWith(prefix)) index = Math.max(index, deleted);
    return { entries, index: index === 0 ? this.#index : index };
  }

  /** What a session holds, by key. */
  heldBy(session: string): Entry[] {
    const held = [...this.#entries.values()].filter((entry) => entry.session.toLowerCase() === session);
    return held.sort((a, b) => compare(a.key, b.key));
  }

  /** `false` when the compare-and-set found another index. The same value and flags again change nothing. */
  set(write: Write, draft: Draft, cas: CompareAndSet): boolean {
    const before = this.#entries.get(draft.key);
    if (cas !== undefined && cas !== BigInt(before?.modifyIndex ?? 0)) return false;
    this.#put(write, draft, before?.session ?? "", 0);
    return true;
  }

  /** Sets the key and makes it the session's; `false` when another session holds it. */
  acquire(write: Write, draft: Draft, session: string): boolean {
    const before = this.#entries.get(draft.key);
    const isOurs = before?.session === session;
    if (before !== undefined && before.session !== "" && !isOurs) return false;
    const lockIndex = before?.lockIndex ?? 0;
    this.#put(write, draft, session, isOurs ? lockIndex : lockIndex + 1);
    return true;
  }

  /** Sets the key and makes it nobody's; `false` unless this session holds it. */
  release(write: Write, draft: Draft, session: string): boolean {
    const before = this.#entries.get(draft.key);
    if (before === undefined || before.session !== session) return false;
    this.#put(write, draft, "", before.lockIndex);
    return true;
  }

  /** `false` when the compare-and-set found another index. Deleting what is not there succeeds. */
  delete(write: Write, key: string, cas: CompareAndSet): boolean {
    const before = this.#entries.get(key);
    if (before === undefined) return true;
    if (cas !== undefined && cas !== BigInt(before.modifyIndex)) return false;
    write.delete(this.#entries, key);
    this.#bury(write, key);
    this.#changed(write);
    return true;
  }

  deleteUnder(write: Write, prefix: string): void {
    const doomed = [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
    if (doomed.length === 0) return;
    for (const key of doomed) write.delete(this.#entries, key);
    // Every reading of the whole store has the index of the whole store.
    if (prefix !== "") this.#bury(write, prefix);
    this.#changed(write);
  }

  #put(write: Write, { key, value, flags }: Draft, session: string, lockIndex: number): void {
    const before = this.#entries.get(key);
    if (
      before !== undefined &&
      before.flags === flags &&
      before.value.equals(value) &&
      before.session === session &&
      before.lockIndex === lockIndex
    ) {
      return;
    }
    const index = write.index();
    const createIndex = before?.createIndex ?? index;
    write.set(this.#entries, key, { key, value, flags, session, lockIndex, createIndex, modifyIndex: index });
    this.#changed(write);
  }

  #bury(write: Write, keyOrPrefix: string): void {
    write.delete(this.#tombstones, keyOrPrefix);
    write.set(this.#tombstones, keyOrPrefix, write.index());
    const [oldest] = this.#tombstones.keys();
    if (this.#tombstones.size > maxTombstones && oldest !== undefined) write.delete(this.#tombstones, oldest);
  }

  #changed(write: Write): void {
    const before = this.#index;
    write.onRollback(() => (this.#index = before));
    this.#index = write.index();
    write.wake(keyValueTopic);
  }
}

/**
 * The keys of a listing; with a separator, cut after its first occurrence beyond the prefix, each once: what a file
 * browser shows of a folder.
 */
export function keysOf(entries: readonly Entry[], prefix: string, separator: string): string[] {
  if (separator === "") return entries.map(({ key }) => key);
  const cut = entries.map(({ key }) => {
    const end = key.indexOf(separator, prefix.length);
    return end < 0 ? key : key.slice(0, end + separator.length);
  });
  return [...new Set(cut)];
}
