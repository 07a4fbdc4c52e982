/**
 * A store in memory that ends sessions as soon as its promises allow, the moment their TTL is over: Consul takes up to twice
 * as long, so whoever is late here is late by a real margin there. Every client reaches it, or does not, on its own.
 */
import type { Clock, Timer } from "../../../sdk/src/call/clock.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type {
  Change,
  CoordinationStore,
  LockAttempt,
  SessionTerms,
  Snapshot,
  StoreBounds,
  StoredKey,
  StoreListener,
} from "../../../sdk/src/coordination/coordination-store.ts";

interface Session extends SessionTerms {
  expiry: Timer;
}

interface Looking {
  readonly client: MemoryClient;
  readonly look: (circumstance?: "steady" | "after-outage") => void;
  /** It was not told of something. */
  missed: boolean;
}

export class MemoryStore {
  readonly keys = new Map<string, StoredKey>();
  readonly sessions = new Map<string, Session>();
  readonly delays = new Map<string, number>();
  readonly looking = new Set<Looking>();
  readonly clock: Clock;
  index = 10;
  #ids = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  client(): MemoryClient {
    return new MemoryClient(this);
  }

  open(terms: SessionTerms): string {
    const id = `session-${++this.#ids}`;
    this.sessions.set(id, { ...terms, expiry: this.#expiry(id, terms.ttlMs) });
    return id;
  }

  renew(id: string): "renewed" | "gone" {
    const session = this.sessions.get(id);
    if (session === undefined) return "gone";
    session.expiry.cancel();
    session.expiry = this.#expiry(id, session.ttlMs);
    return "renewed";
  }

  #expiry(id: string, ttlMs: number): Timer {
    return this.clock.setTimer(() => this.end(id), ttlMs);
  }

  end(id: string): void {
    const session = this.sessions.get(id);
    if (session === undefined) return;
    session.expiry.cancel();
    this.sessions.delete(id);
    for (const { key, value } of [...this.keys.values()].filter((entry) => entry.session === id)) {
      this.delays.set(key, this.clock.now() + session.lockDelayMs);
      if (session.keys === "delete") this.delete(key);
      else this.put(key, value);
    }
  }

  put(key: string, value: Uint8Array | string, session?: string): number {
    const index = ++this.index;
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    this.keys.set(key, { key, value: bytes, index, ...(session === undefined ? {} : { session }) });
    this.#tell();
    return index;
  }

  delete(key: string): void {
    this.index++;
    this.keys.delete(key);
    this.#tell();
  }

  /** As an agent that restarts without its data. */
  loseData(): void {
    for (const { expiry } of this.sessions.values()) expiry.cancel();
    this.sessions.clear();
    this.keys.clear();
    this.delays.clear();
    this.index = 1;
    this.#tell();
  }

  lock(key: string, value: Uint8Array, session: string): LockAttempt {
    if ((this.delays.get(key) ?? 0) > this.clock.now()) return { outcome: "delayed" };
    if (!this.sessions.has(session)) return { outcome: "session-gone" };
    const holder = this.keys.get(key)?.session;
    if (holder !== undefined && holder !== session) return { outcome: "taken" };
    return { outcome: "acquired", token: this.put(key, value, session) };
  }

  unlock(key: string, session: string): void {
    if (this.keys.get(key)?.session === session) this.put(key, "");
  }

  below(prefix: string): Snapshot {
    const entries = [...this.keys.values()].filter(({ key }) => key.startsWith(prefix));
    return { entries: entries.sort((a, b) => (a.key < b.key ? -1 : 1)), index: this.index };
  }

  commit(changes: readonly Change[]): "done" | "conflict" {
    if (changes.some(({ key, index }) => (this.keys.get(key)?.index ?? 0) !== index)) return "conflict";
    for (const change of changes) {
      if (change.kind === "put") this.put(change.key, change.value);
      if (change.kind === "delete") this.delete(change.key);
    }
    return "done";
  }

  #tell(): void {
    for (const one of this.looking) {
      if (one.client.reach === "there" && !one.client.frozen) one.look();
      else one.missed = true;
    }
  }
}

export class MemoryClient implements CoordinationStore {
  /** "away": refused at once. "silent": no answer comes. "deaf": the store does it, and its answer is lost. */
  reach: "there" | "away" | "silent" | "deaf" = "there";
  /** Its process does not run: answers and news reach it when it does. */
  frozen = false;
  #thawed: (() => void)[] = [];
  /** It may not read: lists are empty, and single keys refused. */
  blind = false;
  /** Rejects everything. */
  refusal: MeshError | undefined;
  /** Requests so far, by their name. */
  readonly asked: string[] = [];
  readonly #store: MemoryStore;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  /** From now on it is reached again, and watches hear what they missed. */
  comeBack(circumstance: "steady" | "after-outage" = "steady"): void {
    this.reach = "there";
    if (this.frozen) return;
    for (const one of this.#store.looking) {
      if (one.client !== this || !one.missed) continue;
      one.missed = false;
      one.look(circumstance);
    }
  }

  thaw(): void {
    this.frozen = false;
    for (const go of this.#thawed.splice(0)) go();
    if (this.reach === "there") this.comeBack();
  }

  openSession(terms: SessionTerms, bounds: StoreBounds): Promise<string> {
    return this.#ask("open", bounds, () => this.#store.open(terms));
  }

  renewSession(id: string, bounds: StoreBounds): Promise<"renewed" | "gone"> {
    return this.#ask("renew", bounds, () => this.#store.renew(id));
  }

  endSession(id: string, bounds: StoreBounds): Promise<void> {
    return this.#ask("end", bounds, () => this.#store.end(id));
  }

  lock(key: string, value: Uint8Array, session: string, bounds: StoreBounds): Promise<LockAttempt> {
    return this.#ask("lock", bounds, () => this.#store.lock(key, value, session));
  }

  unlock(key: string, session: string, bounds: StoreBounds): Promise<void> {
    return this.#ask("unlock", bounds, () => this.#store.unlock(key, session));
  }

  read(prefix: string, bounds: StoreBounds): Promise<Snapshot> {
    return this.#ask("read", bounds, () => this.#below(prefix));
  }

  async mayRead(key: string, bounds: StoreBounds): Promise<void> {
    await this.#ask("mayRead", bounds, () => {
      if (this.blind) throw new MeshError("PERMISSION_DENIED", `${key} is not for us`);
    });
  }

  commit(changes: readonly Change[], bounds: StoreBounds): Promise<"done" | "conflict"> {
    return this.#ask("commit", bounds, () => this.#store.commit(changes));
  }

  watchKey(key: string, listener: StoreListener<StoredKey | undefined>): { close(): void } {
    return this.#watch(() => this.#store.keys.get(key), listener);
  }

  watchTree(prefix: string, listener: StoreListener<Snapshot>): { close(): void } {
    return this.#watch(() => this.#below(prefix), listener);
  }

  #below(prefix: string): Snapshot {
    return this.blind ? { entries: [], index: this.#store.index } : this.#store.below(prefix);
  }

  /** Told of the failure, as a watch is that cannot ask. */
  failWatches: (error: MeshError) => void = () => {};

  #watch<T>(read: () => T, listener: StoreListener<T>): { close(): void } {
    let last: string | undefined;
    const look = (circumstance: "steady" | "after-outage" = "steady"): void => {
      listener.confirmed?.();
      const value = read();
      const text = JSON.stringify(value) ?? "";
      if (text === last) return;
      last = text;
      listener.changed(value, circumstance);
    };
    const one: Looking = { client: this, look, missed: false };
    this.failWatches = (error) => listener.failed(error);
    this.#store.looking.add(one);
    if (this.reach === "there") queueMicrotask(() => this.#store.looking.has(one) && look());
    else one.missed = true;
    return { close: () => this.#store.looking.delete(one) };
  }

  async #ask<T>(name: string, { signal, timeoutMs = 10_000 }: StoreBounds, answer: () => T): Promise<T> {
    this.asked.push(name);
    if (signal?.aborted === true) throw new MeshError("CANCELLED", `${name} was cancelled`);
    if (this.refusal !== undefined) throw this.refusal;
    if (this.reach === "away") throw new MeshError("UNAVAILABLE", "store is away");
    if (this.reach === "there") {
      const told = answer();
      if (this.frozen) await new Promise<void>((resolve) => this.#thawed.push(resolve));
      return told;
    }
    if (this.reach === "deaf") answer();
    return new Promise((_resolve, reject) => {
      const end = (error: MeshError): void => {
        timer.cancel();
        signal?.removeEventListener("abort", cancelled);
        reject(error);
      };
      const cancelled = (): void => end(new MeshError("CANCELLED", `${name} was cancelled`));
      const timer = this.#store.clock.setTimer(
        () => end(new MeshError("UNAVAILABLE", `store did not answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      signal?.addEventListener("abort", cancelled);
    });
  }
}
