/** Who this agent is: the one node of its one-node datacenter. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";

import type { CatalogRegistration } from "./state/catalog.ts";
import type { CheckContent, NodeDescription, Service } from "./state/service.ts";

/**
 * The Consul whose behaviour is emulated, quirks included. Clients decide from it what they may send; 1.8 is what every
 * later version still understands.
 */
export const emulatedVersion = "1.8.7";

/** Marks this agent where a Consul has its build revision, so that tools can tell the two apart. */
export const revision = "meshwork";

export interface Node {
  readonly id: string;
  readonly name: string;
  readonly datacenter: string;
  readonly address: string;
  readonly port: number;
}

/** What Consul says of every node that it runs on. */
export const nodeMeta = { "consul-network-segment": "" } as const;

export interface NodeOptions {
  readonly name: string | undefined;
  readonly datacenter: string | undefined;
  readonly address: string;
  readonly port: number;
}

export function createNode({ name, datacenter, address, port }: NodeOptions): Node {
  return { id: randomUUID(), name: name ?? hostname(), datacenter: datacenter ?? "dc1", address, port };
}

/** What is in the catalog without anybody's registering it. */
export function ownRegistration(node: Node): CatalogRegistration {
  const { id, name, datacenter, address } = node;
  const family = address.includes(":") ? "ipv6" : "ipv4";
  const taggedAddresses = { lan: address, [`lan_${family}`]: address, wan: address, [`wan_${family}`]: address };
  const description: NodeDescription = { id, name, datacenter, address, taggedAddresses, meta: nodeMeta };
  return { node: description, service: ownService(node), checks: [serfCheck] };
}

/** The check that Consul's gossip keeps on every node; here there is nobody to gossip with. */
const serfCheck: CheckContent = {
  id: "serfHealth",
  name: "Serf Health Status",
  notes: "",
  type: "",
  serviceId: "",
  serviceName: "",
  serviceTags: [],
  status: "passing",
  output: "Agent alive and reachable",
};

/** Every Consul catalog lists its servers as the service `consul`; clients that look for a Consul look for that. */
export function ownService(node: Node): Service {
  return {
    id: "consul",
    name: "consul",
    tags: [],
    meta: { version: emulatedVersion, revision },
    address: "",
    port: node.port,
    taggedAddresses: {},
    weights: { passing: 1, warning: 1 },
    enableTagOverride: false,
    connectNative: false,
  };
}
