/**
 * Consul's sessions: what locks belong to. A session ends when its owner says so, when it is not renewed in time, or when
 * something that it rests on is lost: its node, or one of its checks. What it held is released or deleted then.
 * https://developer.hashicorp.com/consul/docs/dynamic-app-config/sessions
 */
import { randomUUID } from "node:crypto";
import type { Cancel, Clock } from "../clock.ts";
import { parseGoDuration } from "../json/go-duration.ts";
import type { Catalog, Dependents } from "./catalog.ts";
import { compare } from "./compare.ts";
import type { Journal } from "./journal.ts";
import type { KeyValue } from "./key-value.ts";
import { LockDelays } from "./lock-delays.ts";
import { parseUuid } from "./uuid.ts";
import type { Write } from "./write.ts";

export const sessionTopics = {
  all: "sessions",
  one: (id: string): string => `session ${id}`,
  node: (name: string): string => `sessions of node ${name.toLowerCase()}`,
} as const;

/** What its owner says of a session. */
export interface SessionDraft {
  readonly name: string;
  readonly node: string;
  /** Nanoseconds. */
  readonly lockDelayNs: bigint;
  readonly behavior: string;
  /** As it was written, e.g. `10s`; empty, or a duration of 0, for a session that needs no renewal. */
  readonly ttl: string;
  /** IDs of checks; `null` when nobody set them. */
  readonly nodeChecks: readonly string[] | null;
  readonly serviceChecks: readonly { readonly id: string; readonly namespace: string }[] | null;
  /** The field that the other two replaced in 1.7. */
  readonly checks: readonly string[];
}

export interface Session extends SessionDraft {
  readonly id: string;
  readonly behavior: "release" | "delete";
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** A session that cannot be, in Consul's words. */
export class SessionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SessionError";
  }
}

/**
 * A session that is not renewed lives twice as long as it asked for: the promise is that it does not end earlier, and the
 * rest is for its owner's delays.
 */
export const ttlMultiplier = 2;
const minTtlNs = 10_000_000_000n;
const maxTtlNs = 86_400_000_000_000n;
const nsPerMs = 1e6;

export interface SessionsRoom {
  readonly journal: Journal;
  readonly catalog: Catalog;
  readonly keyValue: KeyValue;
  readonly clock: Clock;
}

export class Sessions implements Dependents {
  readonly lockDelays: LockDelays;
  readonly #room: SessionsRoom;
  readonly #sessions = new Map<string, Session>();
  readonly #timers = new Map<string, Cancel>();
  /** The index of the last session to come or go; 1 when there was none. */
  #index = 1;

  /** Follows the losses of the catalog from here on. */
  constructor(room: SessionsRoom) {
    this.#room = room;
    this.lockDelays = new LockDelays(room.clock);
    room.catalog.dependents = this;
  }

  get index(): number {
    return this.#index;
  }

  /** By ID. */
  list(): Session[] {
    return [...this.#sessions.values()].sort((a, b) => compare(a.id, b.id));
  }

  /** Those of a node, by ID. */
  onNode(name: string): Session[] {
    return this.list().filter(({ node }) => node.toLowerCase() === name.toLowerCase());
  }

  /** @throws SessionError when the ID is no UUID. */
  get(id: string): Session | undefined {
    const parsed = parseUuid(id);
    if ("fault" in parsed) throw new SessionError(`failed session lookup: index error: ${parsed.fault}`);
    return this.#sessions.get(parsed.uuid);
  }

  /** @throws SessionError unless there is such a session. */
  require(id: string): void {
    if (id === "") throw new SessionError("missing session");
    if (this.get(id) === undefined) throw new SessionError(`invalid session ${JSON.stringify(id)}`);
  }

  /** @throws SessionError when the session cannot be. */
  create(draft: SessionDraft): Session {
    if (draft.node === "") throw new SessionError("Must provide Node");
    const behavior = draft.behavior === "" ? "release" : draft.behavior;
    if (behavior !== "release" && behavior !== "delete") {
      throw new SessionError(`Invalid Behavior setting '${behavior}'`);
    }
    const ttlMs = ttlOf(draft.ttl);
    this.#checkFoundations(draft);
    const session = this.#room.journal.write((write) => {
      const index = write.index();
      const created = { ...draft, id: randomUUID(), behavior, createIndex: index, modifyIndex: index } as const;
      write.set(this.#sessions, created.id, created);
      this.#changed(write, created);
      return created;
    });
    this.#arm(session.id, ttlMs);
    return session;
  }

  /** Its time starts again. @throws SessionError when the ID is no UUID. */
  renew(id: string): Session | undefined {
    const session = this.get(id);
    if (session !== undefined) this.#arm(session.id, ttlOf(session.ttl));
    return session;
  }

  /** Ends a session; there is nothing to do for one that is not there. @throws SessionError when the ID is no UUID. */
  destroy(id: string): void {
    const session = this.get(id);
    if (session !== undefined) this.#room.journal.write((write) => this.#end(write, session));
  }

  checkLost(write: Write, node: string, checkId: string): void {
    const lost = checkId.toLowerCase();
    for (const session of this.onNode(node)) {
      if (checkIdsOf(session).some((id) => id.toLowerCase() === lost)) this.#end(write, session);
    }
  }

  nodeLost(write: Write, node: string): void {
    for (const session of this.onNode(node)) this.#end(write, session);
  }

  /** Stops every timer. The sessions stay readable. */
  close(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #checkFoundations(draft: SessionDraft): void {
    const { catalog } = this.#room;
    if (catalog.node(draft.node) === undefined) throw new SessionError("Missing node registration");
    for (const id of checkIdsOf(draft)) {
      const check = catalog.check(draft.node, id);
      if (check === undefined) throw new SessionError(`Missing check '${id}' registration`);
      if (check.status === "critical") throw new SessionError(`Check '${id}' is in critical state`);
    }
  }

  #end(write: Write, session: Session): void {
    const { keyValue } = this.#room;
    const { id, behavior, lockDelayNs } = session;
    write.delete(this.#sessions, id);
    for (const entry of keyValue.heldBy(id)) {
      if (behavior === "release") keyValue.release(write, entry, entry.session);
      else keyValue.delete(write, entry.key, undefined);
      this.lockDelays.start(write, entry.key, Number(lockDelayNs) / nsPerMs);
    }
    this.#changed(write, session);
    write.afterCommit(() => this.#disarm(id));
  }

  #changed(write: Write, { id, node }: Session): void {
    const before = this.#index;
    write.onRollback(() => (this.#index = before));
    this.#index = write.index();
    write.wake(sessionTopics.all).wake(sessionTopics.one(id)).wake(sessionTopics.node(node));
  }

  #arm(id: string, ttlMs: number): void {
    this.#disarm(id);
    if (ttlMs > 0)
      this.#timers.set(
        id,
        this.#room.clock.after(ttlMs * ttlMultiplier, () => this.destroy(id)),
      );
  }

  #disarm(id: string): void {
    this.#timers.get(id)?.();
    this.#timers.delete(id);
  }
}

function checkIdsOf({ checks, nodeChecks, serviceChecks }: SessionDraft): string[] {
  return [...checks, ...(nodeChecks ?? []), ...(serviceChecks ?? []).map(({ id }) => id)];
}

/** Milliseconds; 0 for a session that needs no renewal. @throws SessionError when it is no duration, or out of range. */
function ttlOf(written: string): number {
  if (written === "") return 0;
  const parsed = parseGoDuration(written);
  if ("fault" in parsed) throw new SessionError(`Session TTL '${written}' invalid: ${parsed.fault}`);
  const { ns } = parsed;
  if (ns !== 0n && (ns < minTtlNs || ns > maxTtlNs)) {
    throw new SessionError(`Invalid Session TTL '${ns}', must be between [10s=24h0m0s]`);
  }
  return Number(ns) / nsPerMs;
}
