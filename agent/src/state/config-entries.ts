/**
 * The config entries and the index that watchers of them compare: one for all, moved by every write. Entries are found
 * by kind and name without regard to case, as in Consul's table of them.
 */
import { ConfigEntryError } from "../config-entries/config-entry-error.ts";
import type { ConfigEntry, ConfigEntryKind, EntryOfKind } from "../config-entries/config-entry.ts";
import type { FindEntry } from "../discovery-chain/chain-entries.ts";
import { checkGraph } from "../discovery-chain/check-graph.ts";
import { compare } from "./catalog.ts";
import type { Journal } from "./journal.ts";
import type { CompareAndSet } from "./key-value.ts";

/** Topics to watch. Whoever waits for an entry that is not there watches its kind. */
export const configTopics = {
  all: "config",
  kind: (kind: string): string => `config ${kind}`,
  entry: (kind: string, name: string): string => `config ${kind} ${name.toLowerCase()}`,
} as const;

export interface StoredEntry {
  readonly entry: ConfigEntry;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

export class ConfigEntries {
  readonly #journal: Journal;
  readonly #stored = new Map<string, StoredEntry>();
  /** Consul shows 1 when there was no write. */
  #index = 1;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** The index of every query about config entries. */
  get index(): number {
    return this.#index;
  }

  get(kind: string, name: string): StoredEntry | undefined {
    return this.#stored.get(key(kind, name));
  }

  /** All, or those of one kind, by kind and name. */
  list(kind?: string): StoredEntry[] {
    const all = [...this.#stored].sort(([a], [b]) => compare(a, b)).map(([, stored]) => stored);
    return kind === undefined ? all : all.filter(({ entry }) => entry.kind === kind);
  }

  readonly find: FindEntry = <K extends ConfigEntryKind>(kind: K, name: string) =>
    this.get(kind, name)?.entry as EntryOfKind<K> | undefined;

  /**
   * Writes an entry, even if nothing about it changes. `false` when the compare-and-set found another index.
   *
   * @throws ChainError when a chain would no longer compile; nothing is written then.
   */
  put(entry: ConfigEntry, cas: CompareAndSet): boolean {
    const { kind, name } = entry;
    const before = this.get(kind, name);
    if (cas !== undefined && cas !== BigInt(before?.modifyIndex ?? 0)) return false;
    this.#check(kind, name, entry);
    if (name === "") throw new ConfigEntryError("failed inserting config entry: missing value for index 'id'");
    const index = this.#journal.advance();
    this.#stored.set(key(kind, name), { entry, createIndex: before?.createIndex ?? index, modifyIndex: index });
    this.#announce(kind, name, index);
    return true;
  }

  /**
   * Removing what is not there is fine.
   *
   * @throws ChainError when a chain would no longer compile; the entry stays then.
   */
  delete(kind: ConfigEntryKind, name: string): void {
    if (this.get(kind, name) === undefined) return;
    this.#check(kind, name, undefined);
    this.#stored.delete(key(kind, name));
    this.#announce(kind, name, this.#journal.advance());
  }

  #check(kind: ConfigEntryKind, name: string, next: ConfigEntry | undefined): void {
    const stored = this.list().map(({ entry }) => entry);
    checkGraph(stored, this.find, { kind, name, next });
  }

  #announce(kind: ConfigEntryKind, name: string, index: number): void {
    this.#index = index;
    this.#journal.announce([configTopics.all, configTopics.kind(kind), configTopics.entry(kind, name)]);
  }
}

/** A name cannot forge another kind's key: kinds have no NUL. */
function key(kind: string, name: string): string {
  return `${kind}\0${name.toLowerCase()}`;
}
