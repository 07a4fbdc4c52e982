/**
 * Coordination's port over Consul's sessions, keys and transactions.
 *
 * A fencing token is the ModifyIndex of the write that acquired the key: it is an index of Consul's log, so it only ever
 * grows, also when the key is deleted between two holders, after which its LockIndex starts over.
 *
 * Sessions rest on their TTL alone. With Consul's default they would also end when the cluster takes the agent's node for
 * dead (the check serfHealth), which no holder could know of in time by its own clock.
 */
import type { Clock } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import { type Random, systemRandom } from "../call/random.ts";
import type { Following } from "../consul/blocking-query.ts";
import type { ConsulHttp } from "../consul/consul-http.ts";
import { type KvEntry, kvGet, kvPut, kvTree, watchKey, watchTree } from "../consul/kv-api.ts";
import { createSession, destroySession, renewSession } from "../consul/session-api.ts";
import { type KvOperation, kvTransaction } from "../consul/txn-api.ts";
import type { Change, CoordinationStore, LockAttempt, StoredKey, StoreListener } from "./coordination-store.ts";

export interface ConsulStoreOptions {
  readonly clock: Clock;
  /** Spreads retries of watches. Default: the process's own chance. */
  readonly random?: Random;
}

const NOTHING = new Uint8Array();
const DELAYED = /lock delay/i;
const TAKEN = /already held/i;
const SESSION_GONE = /invalid session/i;

export function consulStore(http: ConsulHttp, { clock, random = systemRandom }: ConsulStoreOptions): CoordinationStore {
  const following = <From, To>(listener: StoreListener<To>, read: (value: From) => To): Following<From> => ({
    clock,
    random,
    onValue: (value, circumstance) =>
      listener.changed(read(value), circumstance === "steady" ? "steady" : "after-outage"),
    onAnswer: () => listener.confirmed?.(),
    onFailure: (error) => listener.failed(error),
  });
  return {
    openSession: ({ keys, ...terms }, bounds) =>
      createSession(http, { ...terms, behavior: keys, nodeChecks: [] }, bounds),
    renewSession: (id, bounds) => renewSession(http, id, bounds),
    endSession: (id, bounds) => destroySession(http, id, bounds),
    async lock(key, value, session, bounds) {
      const outcome = await kvTransaction(http, [{ verb: "lock", key, value, session }], bounds);
      if (!outcome.committed) return notLocked(http, key, outcome.failures[0]?.reason ?? "");
      const [entry] = outcome.entries;
      if (entry?.session === session) return { outcome: "acquired", token: entry.modifyIndex };
      throw new MeshError("INTERNAL", `consul at ${http.place} locked ${key} and does not say for whom`);
    },
    async unlock(key, session, bounds) {
      await kvPut(http, key, NOTHING, { release: session }, bounds);
    },
    async read(prefix, bounds) {
      const { entries, index } = await kvTree(http, prefix, { consistency: "consistent" }, bounds);
      return { entries: entries.map(toStored), index };
    },
    async mayRead(key, bounds) {
      await kvGet(http, key, {}, bounds);
    },
    async commit(changes, bounds) {
      const outcome = await kvTransaction(http, changes.flatMap(toOperations), bounds);
      return outcome.committed ? "done" : "conflict";
    },
    watchKey: (key, listener) =>
      watchKey(
        http,
        key,
        following(listener, (entry) => entry && toStored(entry)),
      ),
    watchTree: (prefix, listener) =>
      watchTree(
        http,
        prefix,
        following(listener, ({ entries, index }) => ({ entries: entries.map(toStored), index })),
      ),
  };
}

/** Consul tells the reasons apart in words only, the same from 1.8 on. */
function notLocked(http: ConsulHttp, key: string, reason: string): LockAttempt {
  if (TAKEN.test(reason)) return { outcome: "taken" };
  if (DELAYED.test(reason)) return { outcome: "delayed" };
  if (SESSION_GONE.test(reason)) return { outcome: "session-gone" };
  throw new MeshError("FAILED_PRECONDITION", `consul at ${http.place} did not lock ${key}: ${reason}`);
}

function toOperations(change: Change): KvOperation[] {
  const { kind, key, index } = change;
  switch (kind) {
    case "put":
      return [{ verb: "cas", key, value: change.value, index }];
    case "delete":
      // By itself it would succeed where another has deleted the key.
      return [
        { verb: "check-index", key, index },
        { verb: "delete-cas", key, index },
      ];
    case "unchanged":
      return [index === 0 ? { verb: "check-not-exists", key } : { verb: "check-index", key, index }];
  }
}

function toStored({ key, value, modifyIndex, session }: KvEntry): StoredKey {
  return { key, value, index: modifyIndex, ...(session === undefined ? {} : { session }) };
}
