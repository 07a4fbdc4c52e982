/**
 * What settings are, given what was stored and is: each its last good value. Pure. A value that cannot be used replaces
 * nothing; a key that is deleted goes back to its default; keys that are all gone when the store comes back after an outage
 * are taken for lost data, and their values kept until they are written again.
 */
import { isDeepStrictEqual } from "node:util";
import { MeshError } from "../call/mesh-error.ts";
import type { Snapshot, StoredKey } from "./coordination-store.ts";
import { decodeSetting, frozen, reasonOf, type SettingShape } from "./setting.ts";

interface Known {
  readonly value: unknown;
  /** Whether the value came from the store; else it is the default. */
  readonly stored: boolean;
  /** Index of what was looked at last, good or not; 0: nothing is there. */
  readonly index: number;
  readonly fault?: MeshError;
}

export interface ViewChange<T> {
  readonly changed: ReadonlySet<keyof T & string>;
  /** Faults that were not there before, and the settings that are good again. */
  readonly faulty: readonly MeshError[];
  readonly mended: readonly string[];
}

export class SettingsView<T extends object> {
  readonly prefix: string;
  readonly names: readonly (keyof T & string)[];
  readonly #shape: SettingShape<T>;
  readonly #known = new Map<string, Known>();
  #index = 0;
  #current: Readonly<T>;

  /** @param prefix with its slash. */
  constructor(prefix: string, shape: SettingShape<T>) {
    this.prefix = prefix;
    this.#shape = shape;
    this.names = Object.keys(shape) as (keyof T & string)[];
    for (const name of this.names) {
      this.#known.set(name, { value: frozen(structuredClone(shape[name].default)), stored: false, index: 0 });
    }
    this.#current = this.#collect();
  }

  get current(): Readonly<T> {
    return this.#current;
  }

  /** By the name of the setting. */
  get faults(): ReadonlyMap<keyof T & string, MeshError> {
    const faults = new Map<keyof T & string, MeshError>();
    for (const name of this.names) {
      const fault = this.#of(name).fault;
      if (fault !== undefined) faults.set(name, fault);
    }
    return faults;
  }

  /** Whether an answer without any of them would take something away. */
  get hasStored(): boolean {
    return this.names.some((name) => this.#of(name).stored);
  }

  accept(snapshot: Snapshot, circumstance: "steady" | "after-outage"): ViewChange<T> {
    const change = { changed: new Set<keyof T & string>(), faulty: [] as MeshError[], mended: [] as string[] };
    // Answers can overtake each other; after an outage lower numbers may be the newer.
    if (circumstance === "steady" && snapshot.index < this.#index) return change;
    this.#index = snapshot.index;
    const stored = this.#entries(snapshot);
    const doubted = circumstance === "after-outage" && stored.size === 0 && this.hasStored;
    for (const name of this.names) {
      const before = this.#of(name);
      const after = this.#next(name, before, stored.get(name), doubted);
      this.#known.set(name, after);
      if (after.value !== before.value) change.changed.add(name);
      if (after.fault !== undefined && after.fault.reason !== before.fault?.reason) change.faulty.push(after.fault);
      if (after.fault === undefined && before.fault !== undefined) change.mended.push(name);
    }
    if (change.changed.size > 0) this.#current = this.#collect();
    return change;
  }

  /** What a snapshot says by itself, for a change that depends on it; where it holds nothing good, what is in use. */
  base(snapshot: Snapshot): { readonly values: Readonly<T>; readonly indexes: ReadonlyMap<string, number> } {
    const stored = this.#entries(snapshot);
    const values: Record<string, unknown> = {};
    const indexes = new Map<string, number>();
    for (const name of this.names) {
      const entry = stored.get(name);
      indexes.set(name, entry?.index ?? 0);
      values[name] = this.#next(name, this.#of(name), entry, false).value;
    }
    return { values: Object.freeze(values) as Readonly<T>, indexes };
  }

  #next(name: keyof T & string, before: Known, entry: StoredKey | undefined, doubted: boolean): Known {
    if (entry === undefined) return this.#missing(name, before, doubted);
    const { fault: _fault, ...kept } = before;
    try {
      const read: unknown = frozen(decodeSetting(this.#shape[name], entry.value));
      const value = isDeepStrictEqual(read, before.value) ? before.value : read;
      return { value, stored: true, index: entry.index };
    } catch (cause) {
      return { ...kept, index: entry.index, fault: this.#unusable(name, before, cause) };
    }
  }

  #missing(name: keyof T & string, before: Known, doubted: boolean): Known {
    // Once doubted, it stays so until it is written.
    if (before.stored && (doubted || (before.index === 0 && before.fault !== undefined))) {
      const reason = `setting ${this.prefix}${name} is gone since an outage, with all others: its last value is kept; write it again`;
      return { ...before, index: 0, fault: new MeshError("DATA_LOSS", reason) };
    }
    if (!before.stored && before.index === 0) return before;
    const fallback: unknown = this.#shape[name].default;
    const value = isDeepStrictEqual(fallback, before.value) ? before.value : frozen(structuredClone(fallback));
    return { value, stored: false, index: 0 };
  }

  #unusable(name: string, before: Known, cause: unknown): MeshError {
    const kept = before.stored ? "the last good value" : "the default";
    const reason = `setting ${this.prefix}${name} holds what cannot be used (${reasonOf(cause)}): ${kept} stays in use`;
    return new MeshError("INVALID_ARGUMENT", reason, { cause });
  }

  #entries({ entries }: Snapshot): Map<string, StoredKey> {
    const found = new Map<string, StoredKey>();
    for (const entry of entries) {
      const name = entry.key.slice(this.prefix.length);
      if (this.#known.has(name)) found.set(name, entry);
    }
    return found;
  }

  #collect(): Readonly<T> {
    return Object.freeze(Object.fromEntries(this.names.map((name) => [name, this.#of(name).value]))) as Readonly<T>;
  }

  #of(name: string): Known {
    const known = this.#known.get(name);
    if (known === undefined) throw new RangeError(`no setting ${name}`);
    return known;
  }
}
