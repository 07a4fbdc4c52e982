/** Everything one running agent knows, and what its routes share to answer from it. */
import { randomUUID } from "node:crypto";

import { type Probe, probe as probeTarget } from "./checks/probe.ts";
import type { Clock } from "./clock.ts";
import type { Fields } from "./filter/fields.ts";
import { visible } from "./http/access.ts";
import { blockingParameters, consistency, refuseNamespace, refuseOtherDatacenter } from "./http/query.ts";
import { type Filter, filterParameter, keepAll } from "./http/filter-parameter.ts";
import { jsonText, type Reply } from "./http/reply.ts";
import type { Call } from "./http/router.ts";
import { type Node, ownRegistration } from "./node.ts";
import { blockingQuery, type Reading } from "./state/blocking-query.ts";
import { Catalog } from "./state/catalog.ts";
import { ConfigEntries } from "./state/config-entries.ts";
import { Intentions } from "./state/intentions.ts";
import { Journal } from "./state/journal.ts";
import { KeyValue } from "./state/key-value.ts";
import { LazyAuthority } from "./state/lazy-authority.ts";
import { Registry } from "./state/registry.ts";
import { Sessions } from "./state/sessions.ts";

export interface AgentState {
  readonly node: Node;
  readonly clock: Clock;
  readonly random: () => number;
  readonly journal: Journal;
  readonly catalog: Catalog;
  readonly registry: Registry;
  readonly keyValue: KeyValue;
  readonly sessions: Sessions;
  readonly configEntries: ConfigEntries;
  readonly intentions: Intentions;
  readonly authority: LazyAuthority;
  /** Of everything in this mesh; server names of TLS end in it. Like Consul's, one of its own each time. */
  readonly trustDomain: string;
}

export function createAgentState(
  node: Node,
  clock: Clock,
  random: () => number,
  probe: Probe = probeTarget,
): AgentState {
  const journal = new Journal();
  const own = ownRegistration(node);
  const catalog = new Catalog(journal, own);
  const registry = new Registry({ catalog, journal, clock, random, probe, own });
  const keyValue = new KeyValue();
  const sessions = new Sessions({ journal, catalog, keyValue, clock });
  const configEntries = new ConfigEntries(journal);
  const intentions = new Intentions({ journal, clock });
  const trustDomain = `${randomUUID()}.consul`;
  const authority = new LazyAuthority({ journal, clock, random, datacenter: node.datacenter, trustDomain });
  return {
    node,
    clock,
    random,
    journal,
    catalog,
    registry,
    keyValue,
    sessions,
    configEntries,
    intentions,
    authority,
    trustDomain,
  };
}

/** Four spaces for `?pretty`, as Consul indents. */
export function indentFor(query: URLSearchParams): number {
  return query.has("pretty") ? 4 : 0;
}

export function json(call: Call, value: unknown, headers: Readonly<Record<string, string>> = {}, status = 200): Reply {
  return jsonText(JSON.stringify(value, undefined, indentFor(call.query)), headers, status);
}

/** Consul's errors after the query was understood carry an index of 1, which clients must not believe. */
export const errorHeaders = indexHeaders(1, "false");

/**
 * Answers a question about the catalog: blocking, with Consul's headers. `read` gives the value and its index; it is
 * handed what keeps of a list what the caller may see and wants to, by a filter of these fields. Without fields a filter is
 * ignored, as Consul does; what the caller may not see is left out all the same.
 */
export async function answerCatalogQuery(
  state: AgentState,
  call: Call,
  read: (filter: Filter) => Reading & { readonly value: unknown },
  fields?: Fields,
): Promise<Reply> {
  const { query, signal } = call;
  refuseNamespace(query);
  const wait = blockingParameters(query);
  const level = consistency(query);
  refuseOtherDatacenter(query, state.node.datacenter, errorHeaders);
  const wanted = fields === undefined ? keepAll : filterParameter(query, fields, errorHeaders);
  const filter: Filter = (records) => visible(call)(wanted(records));
  const { index, value } = await blockingQuery(state, { ...wait, signal }, () => read(filter));
  return json(call, value, { ...indexHeaders(index), "X-Consul-Effective-Consistency": level });
}

export function indexHeaders(index: number, knownLeader: "true" | "false" = "true"): Record<string, string> {
  return {
    "X-Consul-Index": String(index),
    "X-Consul-KnownLeader": knownLeader,
    "X-Consul-LastContact": "0",
  };
}
