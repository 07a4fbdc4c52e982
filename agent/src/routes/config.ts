/** `/v1/config`: config entries, written one at a time and read one or many at a time. */
import { type AgentState, indexHeaders, json } from "../agent-state.ts";
import { globalName } from "../config-entries/config-entry.ts";
import { decodeConfigEntry, isKnownKind } from "../config-entries/decode-entry.ts";
import { entryCodec, isConfigEntryKind } from "../config-entries/entry-codecs.ts";
import { validateEntry } from "../config-entries/validate-entry.ts";
import { filtered, refuseUnseen } from "../http/access.ts";
import { blockingParameters, consistency, parseUint64, refuseNamespace, refuseOtherDatacenter } from "../http/query.ts";
import { RequestError, text, type Reply } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { blockingQuery } from "../state/blocking-query.ts";
import { configTopics, type StoredEntry } from "../state/config-entries.ts";

export function configRoutes(state: AgentState): Route[] {
  const { configEntries, node } = state;

  const list = async (call: Call, kind: string): Promise<Reply> => {
    const wait = { ...readParameters(call, node.datacenter), signal: call.signal };
    if (kind !== "") refuseUnknownKind(kind);
    const { index, value } = await blockingQuery(state, wait, () => ({
      index: configEntries.index,
      topic: kind === "" ? configTopics.all : configTopics.kind(kind),
      value: configEntries.list(kind === "" ? undefined : kind),
    }));
    const shown = call.sees === "everything" ? value : value.filter(({ entry }) => isNoSecret(entry.kind));
    return json(call, shown.map(entryJson), indexHeaders(index));
  };

  const get = async (call: Call, kind: string, name: string): Promise<Reply> => {
    const wait = { ...readParameters(call, node.datacenter), signal: call.signal };
    refuseUnknownKind(kind);
    if (!isNoSecret(kind)) refuseUnseen(call);
    const { index, found } = await blockingQuery(state, wait, () => {
      const found = configEntries.get(kind, name);
      const topic = found === undefined ? configTopics.kind(kind) : configTopics.entry(kind, name);
      return { index: configEntries.index, topic, found };
    });
    if (found !== undefined) return json(call, entryJson(found), indexHeaders(index));
    const why = `Config entry not found for ${JSON.stringify(kind)} / ${JSON.stringify(name)}`;
    return text(404, why, indexHeaders(index));
  };

  const put = (call: Call): Reply => {
    const entry = decodeConfigEntry(call.body);
    refuseNamespace(call.query);
    const cas = casParameter(call.query);
    validateEntry(entry);
    return json(call, configEntries.put(entry, cas));
  };

  const remove = (call: Call): Reply => {
    const { kind, name } = kindAndName(call.rest);
    if (name === undefined) return text(404, "Must provide both a kind and name to delete");
    if (!isKnownKind(kind)) return text(400, `invalid config entry kind: ${kind}`);
    refuseNamespace(call.query);
    if (isConfigEntryKind(kind)) configEntries.delete(kind, kind === "proxy-defaults" ? globalName : name);
    return json(call, {});
  };

  return [
    { path: "/v1/config", methods: { PUT: put } },
    {
      path: "/v1/config/",
      methods: {
        GET: filtered((call) => {
          const { kind, name } = kindAndName(call.rest);
          return name === undefined ? list(call, kind) : get(call, kind, name);
        }),
        DELETE: remove,
      },
    },
  ];
}

/** What holds for all services tells nothing of any. */
function isNoSecret(kind: string): boolean {
  return kind === "proxy-defaults";
}

/** A name may contain slashes. */
function kindAndName(rest: string): { kind: string; name: string | undefined } {
  const slash = rest.indexOf("/");
  return slash < 0 ? { kind: rest, name: undefined } : { kind: rest.slice(0, slash), name: rest.slice(slash + 1) };
}

function readParameters({ query }: Call, datacenter: string): { minIndex: number; waitMs: number } {
  consistency(query);
  const wait = blockingParameters(query);
  refuseNamespace(query);
  refuseOtherDatacenter(query, datacenter);
  return wait;
}

function refuseUnknownKind(kind: string): void {
  if (!isKnownKind(kind)) throw new RequestError(500, `invalid config entry kind: ${kind}`);
}

/** Consul answers 500, not 400, to a number that is none. */
function casParameter(query: URLSearchParams): bigint | undefined {
  const written = query.get("cas") ?? "";
  if (written === "") return undefined;
  const value = parseUint64(written);
  if (value !== undefined) return value;
  const why = /^\d+$/.test(written) ? "value out of range" : "invalid syntax";
  throw new RequestError(500, `strconv.ParseUint: parsing ${JSON.stringify(written)}: ${why}`);
}

function entryJson({ entry, createIndex, modifyIndex }: StoredEntry): object {
  const { kind, ...content } = entry;
  const shown = entryCodec(kind).encode(content) as object;
  return { Kind: kind, ...shown, CreateIndex: createIndex, ModifyIndex: modifyIndex };
}
