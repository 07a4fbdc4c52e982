/** `/v1/connect/ca` and `/v1/agent/connect/ca`: the mesh's certificate authority, and certificates of services. */
import { type AgentState, errorHeaders, indexHeaders, json } from "../agent-state.ts";
import { AuthorityConfigError, UnsupportedAuthorityError } from "../connect/authority-error.ts";
import { serviceUri } from "../connect/spiffe-id.ts";
import { open } from "../http/access.ts";
import {
  blockingParameters,
  consistency,
  parseBoolean,
  refuseNamespace,
  refuseOtherDatacenter,
} from "../http/query.ts";
import { empty, type Reply, RequestError } from "../http/reply.ts";
import type { Call, Route } from "../http/router.ts";
import { authorityConfigJson, decodeAuthorityConfig, leafJson, rootsJson } from "../json/authority-body.ts";
import { refusingAs } from "../json/decode.ts";
import { authorityTopics, type IndexedRoot } from "../state/authority.ts";
import { blockingQuery, type Wait } from "../state/blocking-query.ts";
import { uncached } from "./uncached.ts";

export function authorityRoutes(state: AgentState): Route[] {
  const { node, authority, trustDomain } = state;

  const readRoots = async (wait: Wait): Promise<{ index: number; activeId: string; roots: readonly IndexedRoot[] }> => {
    const made = await authority.get();
    return blockingQuery(state, wait, () => ({
      index: made.rootsIndex,
      topic: authorityTopics.roots,
      activeId: made.activeRootId,
      roots: made.roots(),
    }));
  };

  /** The leader is not known here, as in Consul, which forgets to say. */
  const headersOf = (index: number): Record<string, string> => indexHeaders(index, "false");

  const roots = async (call: Call): Promise<Reply> => {
    const isPem = pemParameter(call.query);
    const wait = waitParameters(call);
    refuseOtherDatacenter(call.query, node.datacenter, errorHeaders);
    const { index, activeId, roots } = await readRoots(wait);
    if (!isPem) return json(call, rootsJson(roots, activeId, trustDomain), headersOf(index));
    const headers = { "Content-Type": "application/pem-certificate-chain" };
    return { status: 200, headers, body: roots.flatMap(chainOf).join("") };
  };

  const agentRoots = async (call: Call): Promise<Reply> => {
    const wait = waitParameters(call);
    refuseOtherDatacenter(call.query, node.datacenter);
    const { index, activeId, roots } = await readRoots(wait);
    return json(call, rootsJson(roots, activeId, trustDomain), { ...headersOf(index), ...uncached });
  };

  const leaf = async (call: Call): Promise<Reply> => {
    const service = call.rest;
    refuseNamespace(call.query);
    const wait = waitParameters(call);
    refuseOtherDatacenter(call.query, node.datacenter);
    if (service === "") throw new RequestError(500, "URI must be either service or agent");
    if (service.includes("/")) {
      const uri = serviceUri(trustDomain, node.datacenter, service).replaceAll("%2F", "/");
      throw new RequestError(500, `SPIFFE ID is not in the expected format: ${uri}`);
    }
    const made = await authority.get();
    const { index, value } = await blockingQuery(state, wait, () => {
      const value = made.leaf(service);
      return { index: value.modifyIndex, topic: authorityTopics.leaf(service), value };
    });
    return json(call, leafJson(value), { "X-Consul-Index": String(index), ...uncached });
  };

  const configuration = async (call: Call): Promise<Reply> => {
    refuseOtherDatacenter(call.query, node.datacenter);
    return json(call, authorityConfigJson(await authority.get()));
  };

  const configure = async (call: Call): Promise<Reply> => {
    const config = refusingAs(400, "Bad request: Request decode failed: ", () => decodeAuthorityConfig(call.body));
    refuseOtherDatacenter(call.query, node.datacenter);
    const made = await authority.get();
    try {
      made.configure(config);
    } catch (error) {
      if (error instanceof AuthorityConfigError) throw new RequestError(500, error.message);
      if (error instanceof UnsupportedAuthorityError) throw new RequestError(501, error.message);
      throw error;
    }
    return empty();
  };

  return [
    { path: "/v1/connect/ca/roots", methods: { GET: open(roots) } },
    { path: "/v1/connect/ca/configuration", methods: { GET: configuration, PUT: configure } },
    { path: "/v1/agent/connect/ca/roots", methods: { GET: open(agentRoots) } },
    { path: "/v1/agent/connect/ca/leaf/", methods: { GET: leaf } },
  ];
}

function chainOf({ certificate, intermediates }: IndexedRoot): readonly string[] {
  return [certificate, ...intermediates];
}

function waitParameters({ query, signal }: Call): Wait {
  consistency(query);
  return { ...blockingParameters(query), signal };
}

function pemParameter(query: URLSearchParams): boolean {
  const written = query.get("pem") ?? "";
  if (written === "") return false;
  const value = parseBoolean(written);
  if (value === undefined) {
    throw new RequestError(400, "Bad request: The 'pem' query parameter must be a boolean value");
  }
  return value;
}
