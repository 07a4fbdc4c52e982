/** The face of coordination: makes locks, elections, semaphores and settings over one store, and ends them in order. */
import { z } from "zod";
import { MeshError } from "../call/mesh-error.ts";
import { Acquirable } from "./acquirable.ts";
import type { HeldKind } from "./coordination-observer.ts";
import { claimNumber, type HeldNumber } from "./claim-number.ts";
import { Election } from "./election.ts";
import { type Lock, lockContest, lockFace, type LockPlace } from "./lock.ts";
import { checkName } from "./names.ts";
import type { Parts } from "./parts.ts";
import { type HeldSlot, type Semaphore, semaphoreContest } from "./semaphore.ts";
import type { WaitBounds } from "./standing.ts";
import { encodeSetting, type SettingShape } from "./setting.ts";
import { Settings } from "./settings.ts";
import { type HoldTerms, readOptions, readTerms, termsShape } from "./terms.ts";

export interface LockOptions extends HoldTerms {
  /** Who this process is, for others to read; at most 1,024 characters. Default: service and instance of the mesh. */
  readonly value?: string;
}

export interface SemaphoreOptions extends LockOptions {
  /** How many may hold it at a time, 1 to 1,000; the same in every process. */
  readonly limit: number;
}

/** The document that lists them stays small beside what a key can hold. */
const MAX_LIMIT = 1_000;

/** Where keys are: a policy of Consul can name it. */
export const KEY_PREFIX = "meshwork/";
const FOLDERS: Readonly<Record<HeldKind, string>> = { lock: "lock", leader: "leader", semaphore: "semaphore" };

const lockOptions = z.strictObject({ ...termsShape, value: z.string().max(1024).optional() });

export class Coordination {
  readonly #parts: Parts;
  #closing: Promise<void> | undefined;

  constructor(parts: Omit<Parts, "open">) {
    this.#parts = { ...parts, open: new Set() };
  }

  lock(name: string, options: LockOptions): Lock {
    const contest = lockContest(this.#parts.store, this.#place("lock", name, options));
    return new Acquirable(this.#parts, contest, lockFace);
  }

  semaphore(name: string, { limit, ...options }: SemaphoreOptions): Semaphore {
    const { key, ...place } = this.#place("semaphore", name, options);
    readOptions("mesh.semaphore", z.object({ limit: z.int().min(1).max(MAX_LIMIT) }), { limit });
    const contest = semaphoreContest(this.#parts.store, { ...place, prefix: `${key}/`, limit });
    return new Acquirable<HeldSlot>(this.#parts, contest, (hold) => hold);
  }

  election(name: string, options: LockOptions): Election {
    return new Election(this.#parts, this.#place("leader", name, options));
  }

  /** The lowest number that no other process of the name holds. */
  async claimNumber(name: string, bounds: WaitBounds): Promise<HeldNumber> {
    this.#refuseClosed();
    const { store, holder } = this.#parts;
    checkName("mesh.claimNumber", name);
    const prefix = `${KEY_PREFIX}number/${name}/`;
    const lockOf = (number: number): Lock => {
      const place = { kind: "lock", name: `${name}/${number}`, key: `${prefix}${number}`, holder } as const;
      return new Acquirable(this.#parts, lockContest(store, { ...place, terms: readTerms("", {}) }), lockFace);
    };
    return claimNumber({ store, prefix, lockOf }, bounds);
  }

  settings<T extends object>(prefix: string, shape: SettingShape<T>): Settings<T> {
    this.#refuseClosed();
    checkName("mesh.settings", prefix);
    checkShape(prefix, shape);
    return new Settings(this.#parts, `${prefix}/`, shape);
  }

  /** Gives up all that is held and ends all that waits. Never rejects; the store is needed until it resolves. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { open } = this.#parts;
    // What was won while we closed is there afterwards.
    while (open.size > 0) {
      await Promise.all([...open].map(async (one) => one.close().finally(() => open.delete(one))));
      await Promise.resolve();
    }
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw new MeshError("FAILED_PRECONDITION", "mesh is closed: make a new one");
  }

  #place(kind: HeldKind, name: string, options: LockOptions): LockPlace {
    this.#refuseClosed();
    const what = `mesh.${kind === "leader" ? "election" : kind}`;
    checkName(what, name);
    readOptions(what, lockOptions, options);
    const { value = this.#parts.holder, ...terms } = options;
    const key = `${KEY_PREFIX}${FOLDERS[kind]}/${name}`;
    return { kind, name, key, terms: readTerms(what, terms), holder: value };
  }
}

/** What one transaction can change: Consul 1.8 takes 64 operations, and a deletion is two. */
export const MAX_SETTINGS = 32;
const SETTING = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

function checkShape<T extends object>(prefix: string, shape: SettingShape<T>): void {
  const names = Object.keys(shape) as (keyof T & string)[];
  if (names.length === 0 || names.length > MAX_SETTINGS) {
    throw new MeshError("INVALID_ARGUMENT", `settings ${prefix} are ${names.length}: give 1 to ${MAX_SETTINGS}`);
  }
  for (const name of names) {
    if (!SETTING.test(name)) {
      throw new MeshError(
        "INVALID_ARGUMENT",
        `setting ${JSON.stringify(name)} of ${prefix} is no name: write letters, digits, _, . and -`,
      );
    }
    encodeSetting(shape[name], `${prefix}/${name}`, shape[name].default);
  }
}
