/** Several operations on keys as one: all of them or none (https://developer.hashicorp.com/consul/api-docs/txn). */
import { z } from "zod";
import { MeshError } from "../call/mesh-error.ts";
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";
import { type KvEntry, KvEntryJson } from "./kv-api.ts";
import { writeRefusal } from "./write-refusal.ts";

/**
 * index is a modifyIndex; of cas 0 means that there must be no such key, and delete-cas succeeds where there is none any more,
 * unless check-index stands before it. session is an id.
 */
export type KvOperation =
  | { readonly verb: "get" | "get-tree" | "delete" | "delete-tree" | "check-not-exists"; readonly key: string }
  | { readonly verb: "set"; readonly key: string; readonly value: Uint8Array; readonly flags?: number }
  | {
      readonly verb: "cas";
      readonly key: string;
      readonly value: Uint8Array;
      readonly index: number;
      readonly flags?: number;
    }
  | { readonly verb: "lock" | "unlock"; readonly key: string; readonly value: Uint8Array; readonly session: string }
  | { readonly verb: "check-index" | "delete-cas"; readonly key: string; readonly index: number }
  | { readonly verb: "check-session"; readonly key: string; readonly session: string };

/** What Consul 1.8 takes; newer ones take 128. */
const MAX_OPERATIONS = 64;

export type TxnOutcome =
  /** What was read and written, in the order of the operations that say something; of what was written without its value. */
  | { readonly committed: true; readonly entries: readonly KvEntry[] }
  /** Nothing was done; what each operation that could not be done says. */
  | { readonly committed: false; readonly failures: readonly TxnFailure[] };

export interface TxnFailure {
  /** Position of the operation, from 0. */
  readonly operation: number;
  /** Consul's own sentence. */
  readonly reason: string;
}

const Committed = z.object({ Results: z.array(z.object({ KV: KvEntryJson })).nullable() });
const RolledBack = z.object({ Errors: z.array(z.object({ OpIndex: z.int().min(0), What: z.string() })).min(1) });

/** Consul answers with them as with a condition that did not hold. */
const DENIED = /permission denied|ACL not found/i;

/** A second time these find what the first has done, and fail for it or count it as another's. */
const ONCE: ReadonlySet<KvOperation["verb"]> = new Set([
  "cas",
  "check-index",
  "check-not-exists",
  "delete-cas",
  "check-session",
  "unlock",
]);

/**
 * Rejects with INVALID_ARGUMENT for no or more than 64 operations, PERMISSION_DENIED when the token may not do one of them.
 * An answer that is lost leaves open whether it was done, except for operations that do the same twice.
 */
export async function kvTransaction(
  http: ConsulHttp,
  operations: readonly KvOperation[],
  bounds: CallBounds = {},
): Promise<TxnOutcome> {
  if (operations.length === 0 || operations.length > MAX_OPERATIONS) {
    const reason = `transaction has ${operations.length} operations: give 1 to ${MAX_OPERATIONS}`;
    throw new MeshError("INVALID_ARGUMENT", reason);
  }
  const request = { ...bounds, method: "PUT", path: "/txn", body: operations.map(toJson) } as const;
  const once = operations.some(({ verb }) => ONCE.has(verb));
  const reply = once ? await http.requestOnce(request) : await http.request(request);
  if (reply.status === 409) {
    const failures = decodeReply(http, RolledBack, reply.text).Errors.map(({ OpIndex, What }) => ({
      operation: OpIndex,
      reason: What,
    }));
    const denied = failures.find(({ reason }) => DENIED.test(reason));
    if (denied === undefined) return { committed: false, failures };
    const key = operations[denied.operation]?.key ?? "";
    throw refusal(http, `a transaction on ${key}`, { ...reply, status: 403, text: denied.reason });
  }
  if (reply.status !== 200) throw writeRefusal(http, "a transaction", reply);
  return { committed: true, entries: (decodeReply(http, Committed, reply.text).Results ?? []).map(({ KV }) => KV) };
}

function toJson(operation: KvOperation): object {
  const { verb, key } = operation;
  return {
    KV: {
      Verb: verb,
      Key: key,
      ...("value" in operation ? { Value: Buffer.from(operation.value).toString("base64") } : {}),
      ...("flags" in operation ? { Flags: operation.flags } : {}),
      ...("index" in operation ? { Index: operation.index } : {}),
      ...("session" in operation ? { Session: operation.session } : {}),
    },
  };
}
