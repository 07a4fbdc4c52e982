/**
 * The key/value store. Deleted keys leave tombstones, so that a prefix remembers that something under it went.
 */
import { compare } from "./catalog.ts";
import type { Journal } from "./journal.ts";

/** Everything in the store shares a topic: a reading's own index decides whether a write concerned it. */
export const keyValueTopic = "kv";

export interface Entry {
  readonly key: string;
  readonly value: Buffer;
  /** A number of the caller's own, 64 bits unsigned. */
  readonly flags: bigint;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** Write only if the key's modify index is this one; 0 means only if it does not exist. `undefined` writes always. */
export type CompareAndSet = bigint | undefined;

/** Consul forgets tombstones after 15 minutes; forgetting the oldest beyond this many bounds memory without a timer. */
const maxTombstones = 10_000;

export class KeyValue {
  readonly #journal: Journal;
  readonly #entries = new Map<string, Entry>();
  readonly #tombstones = new Map<string, number>();
  /** The index of the last change to any key; Consul shows 1 when there was none. */
  #index = 1;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

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

  /** `false` when the compare-and-set found another index. The same value and flags again change nothing. */
  set(key: string, value: Buffer, flags: bigint, cas: CompareAndSet): boolean {
    const before = this.#entries.get(key);
    if (cas !== undefined && cas !== BigInt(before?.modifyIndex ?? 0)) return false;
    if (before !== undefined && before.flags === flags && before.value.equals(value)) return true;
    const index = this.#journal.advance();
    this.#entries.set(key, { key, value, flags, createIndex: before?.createIndex ?? index, modifyIndex: index });
    this.#announce(index);
    return true;
  }

  /** `false` when the compare-and-set found another index. Deleting what is not there succeeds. */
  delete(key: string, cas: CompareAndSet): boolean {
    const before = this.#entries.get(key);
    if (before === undefined) return true;
    if (cas !== undefined && cas !== BigInt(before.modifyIndex)) return false;
    this.#entries.delete(key);
    this.#bury(key);
    return true;
  }

  deleteUnder(prefix: string): void {
    const doomed = [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
    if (doomed.length === 0) return;
    for (const key of doomed) this.#entries.delete(key);
    this.#bury(prefix);
  }

  #bury(keyOrPrefix: string): void {
    const index = this.#journal.advance();
    this.#tombstones.delete(keyOrPrefix);
    this.#tombstones.set(keyOrPrefix, index);
    const [oldest] = this.#tombstones.keys();
    if (this.#tombstones.size > maxTombstones && oldest !== undefined) this.#tombstones.delete(oldest);
    this.#announce(index);
  }

  #announce(index: number): void {
    this.#index = index;
    this.#journal.announce([keyValueTopic]);
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
