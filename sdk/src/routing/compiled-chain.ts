/**
 * Consul's compiled discovery chain: all that its config entries say of one service, as a graph to walk for each call,
 * router to splitter to resolver to target (https://developer.hashicorp.com/consul/api-docs/discovery-chain). The compiler
 * has added the route that catches everything, flattened splitters, followed redirects and expanded failover.
 */
import type { HttpMatch } from "./http-match.ts";

export interface CompiledChain {
  readonly service: string;
  readonly namespace: string;
  /** "default" before 1.11. */
  readonly partition: string;
  readonly datacenter: string;
  /** "tcp", "http", "http2" or "grpc"; routes and splits are for the last three. */
  readonly protocol: string;
  /** Whether nobody has configured anything for the service. */
  readonly isDefault: boolean;
  /** Key of nodes. */
  readonly startNode: string;
  /** Every key that a node names is in nodes, and no walk comes round to where it was. */
  readonly nodes: ReadonlyMap<string, ChainNode>;
  /** Every target that a resolver names is in here. */
  readonly targets: ReadonlyMap<string, ChainTarget>;
}

export type ChainNode = RouterNode | SplitterNode | ResolverNode;

export interface RouterNode {
  readonly kind: "router";
  /** The first that matches is taken; the last matches everything. */
  readonly routes: readonly ChainRoute[];
}

export interface ChainRoute {
  /** Absent: everything. */
  readonly match?: HttpMatch;
  readonly destination: RouteDestination;
  readonly next: string;
}

/** What is done to a call on its way; the way itself is in next. */
export interface RouteDestination {
  /** What takes the place of the prefix that matched. */
  readonly prefixRewrite?: string;
  /** Milliseconds for the whole request; absent: not bounded here. */
  readonly requestTimeoutMs?: number;
  /** Milliseconds without a byte; absent: not bounded here. */
  readonly idleTimeoutMs?: number;
  /** Attempts after the first; absent: the retry policy is not set here. */
  readonly retries?: number;
  readonly retryOnConnectFailure: boolean;
  /** Envoy's names, "unavailable", "reset"; empty: none. */
  readonly retryOn: readonly string[];
  /** Of HTTP, and gRPC answers 200. */
  readonly retryOnStatusCodes: readonly number[];
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
}

export interface HeaderChanges {
  readonly add: Readonly<Record<string, string>>;
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

export interface SplitterNode {
  readonly kind: "splitter";
  /** Weights are percent with two digits after the point, and together 100. */
  readonly splits: readonly ChainSplit[];
}

export interface ChainSplit {
  readonly weight: number;
  readonly next: string;
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
}

export interface ResolverNode {
  readonly kind: "resolver";
  /** Key of targets. */
  readonly target: string;
  readonly connectTimeoutMs: number;
  /** Milliseconds for the whole request; absent: not bounded here. */
  readonly requestTimeoutMs?: number;
  /** Keys of targets, to be tried in order when no instance of the one before is healthy. */
  readonly failover: readonly string[];
  /** Absent: the caller's own policy. */
  readonly loadBalancer?: ChainLoadBalancer;
}

export interface ChainLoadBalancer {
  /** "random", "round_robin", "least_request", "ring_hash" or "maglev"; "" leaves the choice to us. */
  readonly policy: string;
  readonly minimumRingSize?: number;
  readonly maximumRingSize?: number;
  /** Instances that least_request compares. */
  readonly choiceCount?: number;
  readonly hashPolicies: readonly ChainHashPolicy[];
}

export interface ChainHashPolicy {
  readonly source:
    | { readonly kind: "header" | "cookie" | "query_parameter"; readonly name: string }
    | { readonly kind: "source_ip" };
  /** Whether policies after this one are left out once it has given a hash. */
  readonly terminal: boolean;
}

export interface ChainTarget {
  readonly id: string;
  readonly service: string;
  /** Absent: all instances. */
  readonly subset?: string;
  readonly namespace: string;
  readonly partition: string;
  readonly datacenter: string;
  /** The cluster peer that serves it; absent: this cluster. */
  readonly peer?: string;
  /** An expression of Consul's filter language; absent: all. */
  readonly filter?: string;
  /** Whether instances with a warning are left out; those that are critical always are. */
  readonly onlyPassing: boolean;
  /** "none", "local" or "remote"; absent: connect directly. */
  readonly meshGateway?: string;
  /** Name for TLS that tells gateways and sidecars what is wanted; absent where Connect is off. */
  readonly sni?: string;
}
