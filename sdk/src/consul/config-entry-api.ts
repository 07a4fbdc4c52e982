/**
 * Reads and writes config entries (https://developer.hashicorp.com/consul/api-docs/config). What the Consul at hand is too
 * old for is refused before it is sent.
 */
import { z } from "zod";
import { CONFIG_ENTRY_FORMS, type ConfigEntry, type ConfigEntryKind } from "./config-entry.ts";
import { tooNewPart } from "./config-entry-versions.ts";
import { consulFeatures, requireFeature, tooOld } from "./consul-features.ts";
import { type CallBounds, type ConsulHttp, type ConsulReply, type ConsulRequest, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";
import { writeRefusal } from "./write-refusal.ts";

export interface StoredConfigEntry<Kind extends ConfigEntryKind> {
  /** As it can be written again. */
  readonly entry: ConfigEntry<Kind>;
  /** What a write that must not lose another's names as expected. */
  readonly modifyIndex: number;
}

export interface WriteCondition {
  /** Write only over an entry of this modifyIndex; 0: only where there is none. Default: over whatever is there. */
  readonly expected?: number;
}

/** Of every stored entry; none of it may be sent back. */
const Stored = z.object({ CreateIndex: z.number(), ModifyIndex: z.number() });
const BOOKKEEPING = new Set(["CreateIndex", "ModifyIndex", "Hash"]);

/** Undefined when there is none. Needs service:read on the name. */
export async function getConfigEntry<Kind extends ConfigEntryKind>(
  http: ConsulHttp,
  kind: Kind,
  name: string,
  bounds: CallBounds = {},
): Promise<StoredConfigEntry<Kind> | undefined> {
  const reply = await http.request({ ...bounds, method: "GET", path: entryPath(kind, name) });
  if (reply.status === 404 && reply.text.startsWith("Config entry not found")) return undefined;
  if (reply.status !== 200) throw refusal(http, `${kind} ${name}`, reply);
  return decodeEntry(http, kind, reply.text);
}

/** Every entry of a kind that the token may read, in Consul's order: by name. */
export async function listConfigEntries<Kind extends ConfigEntryKind>(
  http: ConsulHttp,
  kind: Kind,
  bounds: CallBounds = {},
): Promise<readonly StoredConfigEntry<Kind>[]> {
  const reply = await http.request({ ...bounds, method: "GET", path: `/config/${kind}` });
  if (reply.status !== 200) throw refusal(http, `the list of ${kind}`, reply);
  const entries = decodeReply(http, z.array(z.unknown()).nullable(), reply.text) ?? [];
  return entries.map((entry) => decodeEntry(http, kind, JSON.stringify(entry)));
}

/**
 * Writes an entry; false when it was not the expected one that would have been replaced. Rejects with INVALID_ARGUMENT for
 * an entry that Consul's rules forbid, UNIMPLEMENTED for one of which it is too old for a part. Needs service:write on the
 * name, operator:write for proxy-defaults, intentions:write for service-intentions.
 */
export async function putConfigEntry(
  http: ConsulHttp,
  entry: ConfigEntry,
  { expected }: WriteCondition = {},
  bounds: CallBounds = {},
): Promise<boolean> {
  const features = await consulFeatures(http, bounds);
  const tooNew = tooNewPart(entry, features.version);
  if (tooNew !== undefined) throw tooOld(http, features, tooNew.part, tooNew.since);
  const reply = await send(http, { ...bounds, method: "PUT", path: "/config", body: entry }, expected);
  if (reply.status !== 200) throw writeRefusal(http, `to write ${entry.Kind} ${entry.Name}`, reply);
  return decodeReply(http, z.boolean(), reply.text);
}

/**
 * Deletes an entry, and succeeds where there is none; false when it was not the expected one. Rejects with
 * INVALID_ARGUMENT while another entry needs it, and with UNIMPLEMENTED for a condition before 1.11, which would delete
 * whatever is there.
 */
export async function deleteConfigEntry(
  http: ConsulHttp,
  kind: ConfigEntryKind,
  name: string,
  { expected }: WriteCondition = {},
  bounds: CallBounds = {},
): Promise<boolean> {
  if (expected !== undefined) await requireFeature(http, "conditional deletion of config entries", bounds);
  const reply = await send(http, { ...bounds, method: "DELETE", path: entryPath(kind, name) }, expected);
  if (reply.status !== 200) throw writeRefusal(http, `to delete ${kind} ${name}`, reply);
  // {} without a condition, a boolean with one.
  return decodeReply(http, z.union([z.boolean(), z.object({})]), reply.text) !== false;
}

/** A conditional write that is sent again would be beaten by itself, so it is sent once. */
function send(http: ConsulHttp, request: ConsulRequest, expected: number | undefined): Promise<ConsulReply> {
  return expected === undefined
    ? http.request(request)
    : http.requestOnce({ ...request, query: { cas: String(expected) } });
}

function decodeEntry<Kind extends ConfigEntryKind>(
  http: ConsulHttp,
  kind: Kind,
  text: string,
): StoredConfigEntry<Kind> {
  const { ModifyIndex } = decodeReply(http, Stored, text);
  const form = CONFIG_ENTRY_FORMS[kind] as unknown as z.ZodType<ConfigEntry<Kind>>;
  const entry = decodeReply(http, form, text);
  const kept = Object.entries(entry).filter(([key]) => !BOOKKEEPING.has(key));
  return { entry: Object.fromEntries(kept) as ConfigEntry<Kind>, modifyIndex: ModifyIndex };
}

function entryPath(kind: string, name: string): string {
  return `/config/${kind}/${encodeURIComponent(name)}`;
}
