/**
 * Live configuration: typed values from keys of the store, the same in every process that asks for them, changed without a
 * restart. What is in use is always good: see settings-view.ts.
 */
import type { Clock } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import { backoffMs } from "../consul/backoff.ts";
import { pause } from "../consul/pause.ts";
import type { Watch } from "../discovery/directory.ts";
import type { SettingsObserver } from "./coordination-observer.ts";
import type { Change, Snapshot } from "./coordination-store.ts";
import type { Closing, Parts } from "./parts.ts";
import { encodeSetting, type SettingShape } from "./setting.ts";
import { SettingsView, type ViewChange } from "./settings-view.ts";
import type { WaitBounds } from "./standing.ts";

/** undefined takes what is stored away, so that the default is used. */
export type SettingsChanges<T> = { readonly [K in keyof T]?: T[K] | undefined };

export interface SettingsState<T> {
  /** "unknown": Consul has not answered yet, and the defaults are in use. "stale": it does not answer now. */
  readonly freshness: "unknown" | "live" | "stale";
  /** Milliseconds since Consul last confirmed them, up to a minute and a bit while all is well; undefined: never yet. */
  readonly ageMs: number | undefined;
  /** Why it is not live. */
  readonly error: MeshError | undefined;
  /** Settings whose stored value cannot be used; what is in use is the last that could. */
  readonly faults: ReadonlyMap<keyof T & string, MeshError>;
}

export type SettingsListener<T> = (current: Readonly<T>, changed: ReadonlySet<keyof T & string>) => void;

/** Each is lost only to somebody whose change was made. */
const MAX_TURNS = 16;
const MAX_BACKOFF_MS = 500;
const PROBE_WITHIN_MS = 5_000;
const PROBE_AGAIN_MS = 1_000;

export class Settings<T extends object> implements Closing {
  readonly #parts: Parts;
  readonly #shape: SettingShape<T>;
  readonly #view: SettingsView<T>;
  readonly #observer: SettingsObserver;
  readonly #watch: Watch;
  readonly #closed = new AbortController();
  readonly #listeners = new Set<SettingsListener<T>>();
  readonly #waiting = new Set<() => void>();
  #freshness: SettingsState<T>["freshness"] = "unknown";
  #confirmedAt: number | undefined;
  /** Counts answers: what is asked about an older one comes too late. */
  #turn = 0;
  /** Asks anew whether an answer without anything can be believed. */
  #doubted: (() => void) | undefined;
  #error: MeshError | undefined;

  /** Use mesh.settings(). Begins to follow the store. */
  constructor(parts: Parts, prefix: string, shape: SettingShape<T>) {
    this.#parts = parts;
    this.#shape = shape;
    this.#view = new SettingsView(prefix, shape);
    this.#observer = parts.observer.settings(prefix);
    parts.open.add(this);
    this.#watch = parts.store.watchTree(prefix, {
      changed: (snapshot, circumstance) => this.#take(snapshot, circumstance),
      confirmed: () => this.#confirmed(),
      failed: (error) => this.#failed(error),
    });
  }

  /** What is in use: never changes, another takes its place. The defaults until Consul has answered. */
  get current(): Readonly<T> {
    return this.#view.current;
  }

  get state(): SettingsState<T> {
    const ageMs = this.#confirmedAt === undefined ? undefined : this.#clock.now() - this.#confirmedAt;
    return { freshness: this.#freshness, ageMs, error: this.#error, faults: this.#view.faults };
  }

  /** Calls back after every change of what is in use; the returned function ends that. What it throws is logged. */
  onChange(listener: SettingsListener<T>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Resolves once Consul has said what is stored, with that. Rejects with DEADLINE_EXCEEDED after timeoutMs, by default never,
   * CANCELLED by the signal, FAILED_PRECONDITION when closed.
   */
  loaded({ timeoutMs = Infinity, signal }: WaitBounds = {}): Promise<Readonly<T>> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        const error = this.#notLoaded(signal);
        if (error === undefined && this.#freshness === "unknown") return;
        end();
        if (error === undefined) resolve(this.current);
        else reject(error);
      };
      const end = (): void => {
        timer.cancel();
        signal?.removeEventListener("abort", settle);
        this.#waiting.delete(settle);
      };
      const timer = this.#clock.setTimer(() => {
        end();
        const why = this.#error === undefined ? "" : `: ${this.#error.reason}`;
        reject(
          new MeshError("DEADLINE_EXCEEDED", `settings ${this.#prefix} were not had within ${timeoutMs} ms${why}`),
        );
      }, timeoutMs);
      signal?.addEventListener("abort", settle, { once: true });
      this.#waiting.add(settle);
      settle();
    });
  }

  /**
   * Changes some, all or none, if nobody else has changed any meanwhile; else asks anew what to change. Resolves with what is in
   * use then.
   *
   * @param changes or what makes them of what is stored, called again after a change of somebody else's.
   * @param bounds of each request: its milliseconds, by default 10,000, and what cancels it.
   * @returns Rejects with INVALID_ARGUMENT for a value that the setting would not take, ABORTED after 16 turns that others won,
   *   UNAVAILABLE when Consul does not answer, in which case the change may have been made.
   * @example
   * await settings.update(({ maxItems }) => ({ maxItems: maxItems * 2 }));
   */
  async update(
    changes: SettingsChanges<T> | ((current: Readonly<T>) => SettingsChanges<T>),
    bounds: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
  ): Promise<Readonly<T>> {
    const { store, random, clock } = this.#parts;
    for (let turn = 1; turn <= MAX_TURNS; turn++) {
      const { values, indexes } = this.#view.base(await store.read(this.#prefix, bounds));
      const wanted = typeof changes === "function" ? changes(values) : changes;
      const outcome = await store.commit(this.#changesFor(wanted, indexes), bounds);
      if (outcome === "done") return this.#seen(bounds);
      await pause(clock, backoffMs(1, MAX_BACKOFF_MS, random), bounds.signal ?? this.#closed.signal);
    }
    throw new MeshError(
      "ABORTED",
      `settings ${this.#prefix} were changed by others ${MAX_TURNS} times while they were to be changed: try again later`,
    );
  }

  /** Follows the store no longer; current stays what it is. */
  close(): Promise<void> {
    this.#closed.abort();
    this.#turn++;
    this.#watch.close();
    this.#parts.open.delete(this);
    this.#observer.closed();
    for (const settle of this.#waiting) settle();
    return Promise.resolve();
  }

  get #clock(): Clock {
    return this.#parts.clock;
  }

  get #prefix(): string {
    return this.#view.prefix;
  }

  /** A change that is made is not undone by an answer that does not come: the watch brings it. */
  async #seen(bounds: { readonly signal?: AbortSignal; readonly timeoutMs?: number }): Promise<Readonly<T>> {
    const snapshot = await this.#parts.store.read(this.#prefix, bounds).catch(() => undefined);
    if (snapshot !== undefined && !this.#closed.signal.aborted) this.#apply(snapshot, "steady");
    return this.current;
  }

  #changesFor(wanted: SettingsChanges<T>, indexes: ReadonlyMap<string, number>): readonly Change[] {
    const unknown = Object.keys(wanted).filter((name) => !indexes.has(name));
    if (unknown.length > 0) {
      throw new MeshError("INVALID_ARGUMENT", `settings ${this.#prefix} have no ${unknown.join(", ")}`);
    }
    return this.#view.names.map((name): Change => {
      const place = { key: `${this.#prefix}${name}`, index: indexes.get(name) ?? 0 };
      if (!(name in wanted)) return { kind: "unchanged", ...place };
      const value = wanted[name];
      if (value === undefined)
        return place.index === 0 ? { kind: "unchanged", ...place } : { kind: "delete", ...place };
      return { kind: "put", value: encodeSetting(this.#shape[name], place.key, value), ...place };
    });
  }

  /** Whoever may not read is answered that nothing is there, so one is asked for by name before that is believed. */
  #take(snapshot: Snapshot, circumstance: "steady" | "after-outage"): void {
    const turn = ++this.#turn;
    this.#doubted = undefined;
    if (snapshot.entries.length > 0 || (this.#freshness === "live" && !this.#view.hasStored)) {
      this.#apply(snapshot, circumstance);
      return;
    }
    const { store, clock } = this.#parts;
    const key = `${this.#prefix}${this.#view.names[0] ?? ""}`;
    const bounds = { signal: this.#closed.signal, timeoutMs: PROBE_WITHIN_MS, upkeep: "background" } as const;
    const again = (): void => {
      if (turn === this.#turn) this.#take(snapshot, circumstance);
    };
    store.mayRead(key, bounds).then(
      () => {
        if (turn === this.#turn) this.#apply(snapshot, circumstance);
      },
      (error: MeshError) => {
        if (turn !== this.#turn || this.#closed.signal.aborted) return;
        this.#failed(error);
        // Somebody may give us the right, which is not a change of the keys.
        if (error.code === "PERMISSION_DENIED") this.#doubted = again;
        else clock.setBackgroundTimer(again, PROBE_AGAIN_MS);
      },
    );
  }

  #apply(snapshot: Snapshot, circumstance: "steady" | "after-outage"): void {
    if (this.#closed.signal.aborted) return;
    const change = this.#view.accept(snapshot, circumstance);
    this.#live();
    this.#tell(change);
  }

  #confirmed(): void {
    if (this.#freshness === "live") this.#live();
    this.#doubted?.();
  }

  #live(): void {
    const { log } = this.#parts;
    this.#confirmedAt = this.#clock.now();
    this.#observer.confirmed();
    if (this.#freshness === "stale") log.info(`settings ${this.#prefix} are live again`);
    this.#freshness = "live";
    this.#error = undefined;
    for (const settle of this.#waiting) settle();
  }

  #failed(error: MeshError): void {
    if (this.#closed.signal.aborted) return;
    if (this.#error === undefined) {
      const used = this.#freshness === "unknown" ? "defaults are" : "last known values stay";
      this.#parts.log.warn({ err: error }, `settings ${this.#prefix} cannot be had: their ${used} in use`);
    }
    this.#error = error;
    if (this.#freshness === "live") this.#freshness = "stale";
  }

  #tell({ changed, faulty, mended }: ViewChange<T>): void {
    const { log } = this.#parts;
    for (const fault of faulty) log.warn({ err: fault }, fault.reason);
    for (const name of mended) log.info(`setting ${this.#prefix}${name} is good again`);
    this.#observer.faults(this.#view.faults.size);
    if (changed.size === 0) return;
    for (const listener of this.#listeners) {
      try {
        listener(this.current, changed);
      } catch (error) {
        log.error({ err: error }, `listener to settings ${this.#prefix} threw`);
      }
    }
  }

  #notLoaded(signal: AbortSignal | undefined): MeshError | undefined {
    if (this.#closed.signal.aborted) return new MeshError("FAILED_PRECONDITION", `settings ${this.#prefix} are closed`);
    if (signal?.aborted !== true) return undefined;
    return new MeshError("CANCELLED", `waiting for settings ${this.#prefix} was cancelled`, { cause: signal.reason });
  }
}
