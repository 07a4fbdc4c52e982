/** `/v1/kv`: values, listings, compare-and-set, locks. */
import { type AgentState, indentFor, indexHeaders, json } from "../agent-state.ts";
import { filtered, refuseUnseen, visible } from "../http/access.ts";
import {
  type BlockingParameters,
  blockingParameters,
  consistency,
  parseUint64,
  refuseNamespace,
  refuseOtherDatacenter,
} from "../http/query.ts";
import { empty, jsonText, type Reply, RequestError } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { stringifyExactly } from "../json/exact-integers.ts";
import { entryJson } from "../json/shapes.ts";
import { blockingQuery } from "../state/blocking-query.ts";
import { type Entry, keysOf, keyValueTopic } from "../state/key-value.ts";
import { acquireLock, releaseLock } from "../state/locks.ts";

export function keyValueRoutes(state: AgentState): Route[] {
  const { journal, keyValue, node } = state;

  const get = async (call: Call): Promise<Reply> => {
    const { query, rest, signal } = call;
    const wait = { ...commonParameters(query), signal };
    const listing = query.has("keys") || query.has("recurse");
    if (rest === "" && !listing) throw new RequestError(400, "Missing key name");
    refuseOtherDatacenter(query, node.datacenter);
    if (!listing) refuseUnseen(call);
    const { entries: stored, index } = await blockingQuery(state, wait, () => ({
      ...(listing ? keyValue.list(rest) : single(keyValue.get(rest))),
      topic: keyValueTopic,
    }));
    const entries = visible(call)(stored);
    const headers = indexHeaders(index);
    const found = entries[0];
    if (query.has("keys")) {
      const keys = keysOf(entries, rest, query.get("separator") ?? query.get("seperator") ?? "");
      return found === undefined && rest !== "" ? empty(404, headers) : json(call, keys, headers);
    }
    if (found === undefined) return empty(404, headers);
    if (query.has("raw") && !listing) return raw(found, headers);
    return jsonText(stringifyExactly(entries.map(entryJson), indentFor(query)), headers);
  };

  const put = (call: Call): Reply => {
    const { query, rest, body } = call;
    commonParameters(query);
    if (rest === "") throw new RequestError(400, "Missing key name");
    refuseConflict(query, ["cas", "acquire", "release"]);
    const draft = { key: rest, value: body, flags: numberParameter(query, "flags") ?? 0n };
    const cas = numberParameter(query, "cas");
    refuseOtherDatacenter(query, node.datacenter);
    return json(
      call,
      journal.write((write) => {
        const session = query.get("acquire") ?? query.get("release");
        if (session === null) return keyValue.set(write, draft, cas);
        return query.has("acquire")
          ? acquireLock(state, write, draft, session)
          : releaseLock(state, write, draft, session);
      }),
    );
  };

  const remove = (call: Call): Reply => {
    const { query, rest } = call;
    commonParameters(query);
    if (rest === "" && !query.has("recurse")) throw new RequestError(400, "Missing key name");
    refuseConflict(query, ["recurse", "cas"]);
    const cas = numberParameter(query, "cas");
    refuseOtherDatacenter(query, node.datacenter);
    return json(
      call,
      journal.write((write) => {
        if (!query.has("recurse")) return keyValue.delete(write, rest, cas);
        keyValue.deleteUnder(write, rest);
        return true;
      }),
    );
  };

  return [{ path: "/v1/kv/", methods: { GET: filtered(get), PUT: put, DELETE: remove } }];
}

/** Writes take the parameters of reads too, and refuse those that are none. */
function commonParameters(query: URLSearchParams): BlockingParameters {
  consistency(query);
  const wait = blockingParameters(query);
  refuseNamespace(query);
  return wait;
}

function single({ entry, index }: { entry: Entry | undefined; index: number }): { entries: Entry[]; index: number } {
  return { entries: entry === undefined ? [] : [entry], index };
}

/** A browser must never take a stored value for a page of this agent. */
function raw({ value }: Entry, headers: Readonly<Record<string, string>>): Reply {
  const guards = { "Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff" };
  return { status: 200, headers: { ...headers, ...guards, "Content-Type": "text/plain" }, body: value };
}

function refuseConflict(query: URLSearchParams, parameters: readonly string[]): void {
  const given = [...query].filter(([name]) => parameters.includes(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  if (new Set(given.map(([name]) => name)).size < 2) return;
  throw new RequestError(400, `Conflicting flags: ${new URLSearchParams(given).toString()}`);
}

/** Consul answers 500, not 400, to a number that is none. */
function numberParameter(query: URLSearchParams, name: string): bigint | undefined {
  const written = query.get(name);
  if (written === null) return undefined;
  const value = parseUint64(written);
  if (value !== undefined) return value;
  const why = /^\d+$/.test(written) ? "value out of range" : "invalid syntax";
  throw new RequestError(500, `strconv.ParseUint: parsing ${JSON.stringify(written)}: ${why}`);
}
