/**
 * A compiled discovery chain: what a client walks for every call, from a router over splitters to the resolver that
 * names the instances. https://developer.hashicorp.com/consul/api-docs/discovery-chain
 */
import type { MeshGateway, Route, Subset } from "../config-entries/config-entry.ts";

/** Namespaces are an Enterprise feature; without them there is one. */
export const defaultNamespace = "default";

export interface Chain {
  readonly serviceName: string;
  readonly namespace: string;
  readonly datacenter: string;
  /** Empty unless an override changed something: tells customised chains of the same entries apart. */
  readonly customizationHash: string;
  readonly protocol: string;
  readonly startNode: string;
  readonly nodes: ReadonlyMap<string, ChainNode>;
  readonly targets: ReadonlyMap<string, Target>;
}

export type ChainNode = RouterNode | SplitterNode | ResolverNode;

/** Tries its routes in order; the last one matches everything. */
export interface RouterNode {
  readonly type: "router";
  readonly name: string;
  readonly routes: readonly ChainRoute[];
}

export interface ChainRoute {
  readonly definition: Route;
  readonly nextNode: string;
}

export interface SplitterNode {
  readonly type: "splitter";
  readonly name: string;
  readonly splits: readonly ChainSplit[];
}

export interface ChainSplit {
  /** Percent. */
  readonly weight: number;
  readonly nextNode: string;
}

export interface ResolverNode {
  readonly type: "resolver";
  readonly name: string;
  /** Whether no entry says anything about how the service is resolved. */
  readonly isDefault: boolean;
  readonly connectTimeoutNs: bigint;
  /** The ID of a target. */
  readonly target: string;
  /** IDs of the targets to try in order when no instance of the first is healthy. */
  readonly failover: readonly string[];
}

/** A set of instances. */
export interface Target {
  readonly id: string;
  readonly service: string;
  readonly serviceSubset: string;
  readonly namespace: string;
  readonly datacenter: string;
  readonly meshGateway: MeshGateway;
  readonly subset: Subset;
  /** Outside of the mesh. */
  readonly external: boolean;
  /** The server name that TLS asks for. */
  readonly sni: string;
  /** Like {@link sni}, but the same for services outside of the mesh. */
  readonly name: string;
}

/** The key of a node among all nodes of a chain. */
export function nodeKey({ type, name }: Pick<ChainNode, "type" | "name">): string {
  return `${type}:${name}`;
}

/** The keys that a node leads to. */
export function nextNodes(node: ChainNode): string[] {
  switch (node.type) {
    case "router":
      return node.routes.map(({ nextNode }) => nextNode);
    case "splitter":
      return node.splits.map(({ nextNode }) => nextNode);
    case "resolver":
      return [];
  }
}

/** Entries that do not make a chain. */
export class ChainError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ChainError";
  }
}
