/**
 * Config entries: how all instances of a service are reached, kept by the registry.
 * https://developer.hashicorp.com/consul/docs/connect/config-entries
 *
 * The kinds of Consul 1.8 without its gateways, which need proxies.
 */
import type { Json } from "../json/loose-codec.ts";

export type ConfigEntry = ProxyDefaults | ServiceDefaults | ServiceRouter | ServiceSplitter | ServiceResolver;
export type ConfigEntryKind = ConfigEntry["kind"];
export type EntryOfKind<K extends ConfigEntryKind> = Extract<ConfigEntry, { readonly kind: K }>;

/** The only name that proxy-defaults can have. */
export const globalName = "global";

interface Common {
  readonly name: string;
  readonly meta: ReadonlyMap<string, string>;
}

/** Whether connections to other datacenters go through a gateway; Consul takes any text: "", none, local, remote. */
export interface MeshGateway {
  readonly mode: string;
}

export interface Expose {
  readonly checks: boolean;
  readonly paths: readonly ExposedPath[];
}

export interface ExposedPath {
  readonly listenerPort: number;
  readonly path: string;
  readonly localPathPort: number;
  readonly protocol: string;
  readonly parsedFromCheck: boolean;
}

/** What holds for every service that does not say otherwise. */
export interface ProxyDefaults extends Common {
  readonly kind: "proxy-defaults";
  /** Its `protocol` is the default protocol; the rest is for proxies. */
  readonly config: ReadonlyMap<string, Json> | null;
  readonly meshGateway: MeshGateway;
  readonly expose: Expose;
}

export interface ServiceDefaults extends Common {
  readonly kind: "service-defaults";
  /** In lower case; empty means tcp. */
  readonly protocol: string;
  readonly meshGateway: MeshGateway;
  readonly expose: Expose;
  /** Not empty for a service outside the mesh: the server name that TLS asks it for. */
  readonly externalSni: string;
}

/** Sends requests to services by path, header, query and method. */
export interface ServiceRouter extends Common {
  readonly kind: "service-router";
  readonly routes: readonly Route[] | null;
}

export interface Route {
  readonly match: RouteMatch | undefined;
  readonly destination: RouteDestination | undefined;
}

export interface RouteMatch {
  readonly http: HttpMatch | undefined;
}

export interface HttpMatch {
  readonly pathExact: string;
  readonly pathPrefix: string;
  readonly pathRegex: string;
  readonly header: readonly HeaderMatch[];
  readonly queryParam: readonly QueryParamMatch[];
  /** In upper case. */
  readonly methods: readonly string[];
}

export interface HeaderMatch {
  readonly name: string;
  readonly present: boolean;
  readonly exact: string;
  readonly prefix: string;
  readonly suffix: string;
  readonly regex: string;
  readonly invert: boolean;
}

export interface QueryParamMatch {
  readonly name: string;
  readonly present: boolean;
  readonly exact: string;
  readonly regex: string;
}

/** Empty fields mean those of the router's own service. */
export interface RouteDestination {
  readonly service: string;
  readonly serviceSubset: string;
  readonly namespace: string;
  readonly prefixRewrite: string;
  readonly requestTimeoutNs: bigint;
  readonly numRetries: number;
  readonly retryOnConnectFailure: boolean;
  readonly retryOnStatusCodes: readonly number[];
}

/** Divides the calls of one service. */
export interface ServiceSplitter extends Common {
  readonly kind: "service-splitter";
  readonly splits: readonly Split[];
}

export interface Split {
  /** Percent, a multiple of 0.01, in 32 bits. */
  readonly weight: number;
  readonly service: string;
  readonly serviceSubset: string;
  readonly namespace: string;
}

/** Says which instances a service has: subsets, another service instead, and where to turn when none is healthy. */
export interface ServiceResolver extends Common {
  readonly kind: "service-resolver";
  readonly defaultSubset: string;
  readonly subsets: ReadonlyMap<string, Subset>;
  readonly redirect: Redirect | undefined;
  /** By subset; `*` is for those without an entry of their own. */
  readonly failover: ReadonlyMap<string, Failover>;
  readonly connectTimeoutNs: bigint;
}

export interface Subset {
  /** In Consul's filter language; nobody checks it when it is written. */
  readonly filter: string;
  readonly onlyPassing: boolean;
}

export interface Redirect {
  readonly service: string;
  readonly serviceSubset: string;
  readonly namespace: string;
  readonly datacenter: string;
}

export interface Failover {
  readonly service: string;
  readonly serviceSubset: string;
  readonly namespace: string;
  readonly datacenters: readonly string[];
}

/** The other services that an entry leads to; a router's own is among them, its last resort. */
export function relatedServices(entry: ConfigEntry): readonly string[] {
  const own = entry.name;
  const others = (named: readonly string[]): string[] => {
    const found = new Set(named.map((service) => (service === "" ? own : service)));
    found.delete(own);
    return [...found];
  };
  switch (entry.kind) {
    case "service-router": {
      const destinations = (entry.routes ?? []).flatMap(({ destination }) => destination ?? []);
      return [own, ...others(destinations.map(({ service }) => service))];
    }
    case "service-splitter":
      return others(entry.splits.map(({ service }) => service));
    case "service-resolver": {
      const failovers = [...entry.failover.values()].map(({ service }) => service);
      return others([...(entry.redirect === undefined ? [] : [entry.redirect.service]), ...failovers]);
    }
    case "service-defaults":
    case "proxy-defaults":
      return [];
  }
}
