/**
 * Consul's key-value store: values are bytes, writes can depend on what was there or on a session that holds the key
 * (https://developer.hashicorp.com/consul/api-docs/kv).
 */
import { z } from "zod";
import { MeshError } from "../call/mesh-error.ts";
import type { Watch } from "../discovery/directory.ts";
import { type Following, watchBlocking } from "./blocking-query.ts";
import { type CallBounds, type ConsulHttp, type ConsulReply, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";
import { indexOf } from "./query-index.ts";
import { writeRefusal } from "./write-refusal.ts";

export interface KvEntry {
  readonly key: string;
  /** Empty for a key without a value. */
  readonly value: Uint8Array;
  /** A number of the writer's own, 0 unless set. Above 2^53-1, which Consul allows, it is rounded. */
  readonly flags: number;
  readonly createIndex: number;
  /** Grows with every write; what a conditional write names as cas. */
  readonly modifyIndex: number;
  /** How often the key was acquired since it was created: starts over when it is deleted. */
  readonly lockIndex: number;
  /** The session that holds the key; absent: nobody does. */
  readonly session?: string;
}

/** What is below a prefix at one moment. */
export interface KvTree {
  /** By key, in the order of its bytes. */
  readonly entries: readonly KvEntry[];
  /** Consul's number of that moment: of two answers the one with the higher is the newer, while Consul keeps its data. */
  readonly index: number;
}

export interface ReadOptions {
  /**
   * "default": the leader answers as long as it believes to be one, which in a rare moment of an election may be an
   * old leader. "consistent": it asks the others first, for one more round trip.
   */
  readonly consistency?: "default" | "consistent";
}

/** At most one of cas, acquire and release. */
export interface PutOptions {
  /** Write only over an entry of this modifyIndex; 0: only where there is none. Default: over whatever is there. */
  readonly cas?: number;
  /** A whole number, 0 to 2^53-1. Default 0. */
  readonly flags?: number;
  /** Id of the session that is to hold the key; not written when another does. */
  readonly acquire?: string;
  /** Id of the session that holds the key and gives it up; not written when it does not. */
  readonly release?: string;
}

export interface DeleteOptions {
  /** Delete only an entry of this modifyIndex. Default: whatever is there. */
  readonly cas?: number;
}

/** An entry in an answer; Value is null where there is none, and in some answers of transactions. */
export const KvEntryJson = z
  .object({
    Key: z.string(),
    Value: z.base64().nullish(),
    Flags: z.number(),
    CreateIndex: z.int().min(0),
    ModifyIndex: z.int().min(1),
    LockIndex: z.int().min(0),
    Session: z.string().nullish(),
  })
  .transform((json): KvEntry => ({
    key: json.Key,
    value: Buffer.from(json.Value ?? "", "base64"),
    flags: json.Flags,
    createIndex: json.CreateIndex,
    modifyIndex: json.ModifyIndex,
    lockIndex: json.LockIndex,
    ...(json.Session ? { session: json.Session } : {}),
  }));

const TreeJson = z.array(KvEntryJson);
const OneJson = TreeJson.length(1);

/** Undefined when there is no such key. Needs key:read on it. */
export async function kvGet(
  http: ConsulHttp,
  key: string,
  options: ReadOptions = {},
  bounds: CallBounds = {},
): Promise<KvEntry | undefined> {
  const query = consistencyOf(options);
  const reply = await http.request({ ...bounds, method: "GET", path: kvPath(key), query });
  if (saysNothing(reply)) return undefined;
  if (reply.status !== 200) throw refusal(http, `to read key ${key}`, reply);
  return readOne(http, reply.text);
}

/** Everything whose key begins with the prefix. Needs key:read on it; keys that the token may not read are left out. */
export async function kvTree(
  http: ConsulHttp,
  prefix: string,
  options: ReadOptions = {},
  bounds: CallBounds = {},
): Promise<KvTree> {
  const query = { recurse: "", ...consistencyOf(options) };
  const reply = await http.request({ ...bounds, method: "GET", path: kvPath(prefix), query });
  if (reply.status !== 200 && !saysNothing(reply)) throw refusal(http, `to read keys below ${prefix}`, reply);
  const index = indexOf(reply);
  if (index === undefined) throw withoutIndex(http, prefix);
  return { entries: readTree(http, reply.text), index: Number(index) };
}

/** Follows one key; undefined while there is none. A failure says nothing about the key. */
export function watchKey(http: ConsulHttp, key: string, following: Following<KvEntry | undefined>): Watch {
  return watchBlocking(http, {
    ...following,
    path: kvPath(key),
    missing: "answer",
    parse: (text) => (text.trim() === "" ? undefined : readOne(http, text)),
  });
}

/** Follows everything whose key begins with the prefix. A failure says nothing about the keys. */
export function watchTree(http: ConsulHttp, prefix: string, following: Following<KvTree>): Watch {
  let index = 0n;
  const { onValue, onFailure, onAnswer } = following;
  return watchBlocking<readonly KvEntry[]>(http, {
    ...following,
    path: kvPath(prefix),
    query: { recurse: "" },
    missing: "answer",
    parse: (text) => readTree(http, text),
    onAnswer(answered) {
      index = answered;
      onAnswer?.(answered);
    },
    onValue: (entries, circumstance) => onValue({ entries, index: Number(index) }, circumstance),
    // What a server without a leader knows may be old, and nobody who writes conditionally is served by it.
    onFailure: (error, _known, kind) => onFailure(error, undefined, kind),
  });
}

/**
 * Writes; false when the condition did not hold. Rejects with INVALID_ARGUMENT for a value above 512 KiB
 * (limits.kv_max_value_size says otherwise) and for a session
 * that Consul does not know. Needs key:write on the key, session:write with acquire or release.
 */
export async function kvPut(
  http: ConsulHttp,
  key: string,
  value: Uint8Array,
  options: PutOptions = {},
  bounds: CallBounds = {},
): Promise<boolean> {
  const { cas, flags, acquire, release } = options;
  const query = {
    ...(cas === undefined ? {} : { cas: String(cas) }),
    ...(flags === undefined ? {} : { flags: String(flags) }),
    ...(acquire === undefined ? {} : { acquire }),
    ...(release === undefined ? {} : { release }),
  };
  const request = { ...bounds, method: "PUT", path: kvPath(key), query, body: value } as const;
  // Sent again, a conditional write would be beaten by itself; the others do the same twice.
  const reply = cas === undefined ? await http.request(request) : await http.requestOnce(request);
  if (reply.status !== 200) throw writeRefusal(http, `to write key ${key}`, reply);
  return decodeReply(http, z.boolean(), reply.text);
}

/**
 * Deletes, and succeeds where there is nothing, with and without a condition; false when there is something else than the
 * condition says. Needs key:write on the key.
 */
export async function kvDelete(
  http: ConsulHttp,
  key: string,
  { cas }: DeleteOptions = {},
  bounds: CallBounds = {},
): Promise<boolean> {
  const request = { ...bounds, method: "DELETE", path: kvPath(key) } as const;
  const reply =
    cas === undefined
      ? await http.request(request)
      : await http.requestOnce({ ...request, query: { cas: String(cas) } });
  if (reply.status !== 200) throw writeRefusal(http, `to delete key ${key}`, reply);
  return decodeReply(http, z.boolean(), reply.text);
}

/** Deletes everything whose key begins with the prefix. Needs key:write on all of it. */
export async function kvDeleteTree(http: ConsulHttp, prefix: string, bounds: CallBounds = {}): Promise<void> {
  const reply = await http.request({ ...bounds, method: "DELETE", path: kvPath(prefix), query: { recurse: "" } });
  if (reply.status !== 200) throw writeRefusal(http, `to delete keys below ${prefix}`, reply);
}

function kvPath(key: string): string {
  return `/kv/${key.split("/").map(encodeURIComponent).join("/")}`;
}

function consistencyOf({ consistency = "default" }: ReadOptions): Record<string, string> {
  return consistency === "consistent" ? { consistent: "" } : {};
}

/** Consul says so of a key with an empty 404 that has an index; other 404s are not about keys. */
function saysNothing(reply: ConsulReply): boolean {
  return reply.status === 404 && reply.text.trim() === "" && indexOf(reply) !== undefined;
}

function readOne(http: ConsulHttp, text: string): KvEntry | undefined {
  return decodeReply(http, OneJson, text)[0];
}

function readTree(http: ConsulHttp, text: string): readonly KvEntry[] {
  return text.trim() === "" ? [] : decodeReply(http, TreeJson, text);
}

function withoutIndex(http: ConsulHttp, prefix: string): MeshError {
  return new MeshError(
    "FAILED_PRECONDITION",
    `consul at ${http.place} answered the keys below ${prefix} without X-Consul-Index: let the header through in whatever stands between`,
  );
}
