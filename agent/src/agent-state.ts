/** Everything one running agent knows, and what its routes share to answer from it. */
import type { Clock } from "./clock.ts";
import {
  blockingParameters,
  consistency,
  refuseNamespace,
  refuseOtherDatacenter,
  refuseUnsupported,
} from "./http/query.ts";
import { jsonText, type Reply } from "./http/reply.ts";
import type { Call } from "./http/router.ts";
import { type Node, ownService } from "./node.ts";
import { blockingQuery, type Reading } from "./state/blocking-query.ts";
import { Catalog } from "./state/catalog.ts";
import { Journal } from "./state/journal.ts";
import { KeyValue } from "./state/key-value.ts";
import { Registry } from "./state/registry.ts";

export interface AgentState {
  readonly node: Node;
  readonly clock: Clock;
  readonly random: () => number;
  readonly journal: Journal;
  readonly catalog: Catalog;
  readonly registry: Registry;
  readonly keyValue: KeyValue;
}

export function createAgentState(node: Node, clock: Clock, random: () => number): AgentState {
  const journal = new Journal();
  const catalog = new Catalog(journal, ownService(node));
  const registry = new Registry(catalog, clock);
  return { node, clock, random, journal, catalog, registry, keyValue: new KeyValue(journal) };
}

/** Four spaces for `?pretty`, as Consul indents. */
export function indentFor(query: URLSearchParams): number {
  return query.has("pretty") ? 4 : 0;
}

export function json(call: Call, value: unknown, headers: Readonly<Record<string, string>> = {}, status = 200): Reply {
  return jsonText(JSON.stringify(value, undefined, indentFor(call.query)), headers, status);
}

/** Consul's errors after the query was understood carry an index of 1, which clients must not believe. */
const errorHeaders = indexHeaders(1, "false");

/** Answers a question about the catalog: blocking, with Consul's headers. `read` gives the value and its index. */
export async function answerCatalogQuery(
  state: AgentState,
  call: Call,
  read: () => Reading & { readonly value: unknown },
): Promise<Reply> {
  const { query, signal } = call;
  refuseNamespace(query);
  const wait = blockingParameters(query);
  const level = consistency(query);
  refuseOtherDatacenter(query, state.node.datacenter, errorHeaders);
  refuseUnsupported(query, "filter", "node-meta");
  const { index, value } = await blockingQuery(state, { ...wait, signal }, read);
  return json(call, value, { ...indexHeaders(index), "X-Consul-Effective-Consistency": level });
}

export function indexHeaders(index: number, knownLeader: "true" | "false" = "true"): Record<string, string> {
  return {
    "X-Consul-Index": String(index),
    "X-Consul-KnownLeader": knownLeader,
    "X-Consul-LastContact": "0",
  };
}
