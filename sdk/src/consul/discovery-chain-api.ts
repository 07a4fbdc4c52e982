/** The compiled discovery chain of a service (https://developer.hashicorp.com/consul/api-docs/discovery-chain). */
import type { Watch } from "../discovery/directory.ts";
import type { CompiledChain } from "../routing/compiled-chain.ts";
import { type Following, watchBlocking } from "./blocking-query.ts";
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";
import { decodeChain } from "./decode-chain.ts";

export interface ChainPlace {
  /** Default: the agent's datacenter. An unknown one is compiled all the same. */
  readonly datacenter?: string;
  /** Default: the client's namespace. Enterprise only. */
  readonly namespace?: string;
  /** Default: the client's partition. Enterprise only. */
  readonly partition?: string;
}

/** What a caller knows better than the config entries. */
export interface ChainOverrides {
  /** "tcp" leaves out routes and splits. */
  readonly protocol?: string;
  /** Milliseconds. */
  readonly connectTimeoutMs?: number;
  readonly meshGateway?: "none" | "local" | "remote";
}

/** Needs service:read on the service. A service that nobody has configured or registered has a chain too. */
export async function discoveryChain(
  http: ConsulHttp,
  service: string,
  place: ChainPlace = {},
  overrides: ChainOverrides = {},
  bounds: CallBounds = {},
): Promise<CompiledChain> {
  const body = overridesBody(overrides);
  const method = body === undefined ? "GET" : "POST";
  const reply = await http.request({ ...bounds, method, path: pathOf(service), query: queryOf(place), body });
  if (reply.status !== 200) throw refusal(http, `the discovery chain of ${service}`, reply);
  return decodeChain(http, reply.text);
}

/** Follows the chain. Every write of a config entry wakes the query; only one that changes this chain calls back. */
export function watchDiscoveryChain(
  http: ConsulHttp,
  service: string,
  place: ChainPlace,
  following: Following<CompiledChain>,
): Watch {
  return watchBlocking(http, {
    ...following,
    path: pathOf(service),
    query: queryOf(place),
    parse: (text) => decodeChain(http, text),
  });
}

function pathOf(service: string): string {
  return `/discovery-chain/${encodeURIComponent(service)}`;
}

function queryOf({ datacenter, namespace, partition }: ChainPlace): Record<string, string> {
  return {
    ...(datacenter === undefined ? {} : { "compile-dc": datacenter }),
    ...(namespace === undefined ? {} : { ns: namespace }),
    ...(partition === undefined ? {} : { partition }),
  };
}

/** Undefined without overrides: GET takes no body. */
function overridesBody({ protocol, connectTimeoutMs, meshGateway }: ChainOverrides): object | undefined {
  const body = {
    ...(protocol === undefined ? {} : { OverrideProtocol: protocol }),
    ...(connectTimeoutMs === undefined ? {} : { OverrideConnectTimeout: `${connectTimeoutMs}ms` }),
    ...(meshGateway === undefined ? {} : { OverrideMeshGateway: { Mode: meshGateway } }),
  };
  return Object.keys(body).length === 0 ? undefined : body;
}
