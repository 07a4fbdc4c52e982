/** Who this agent is: the one node of its one-node datacenter. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";

import type { Service } from "./state/service.ts";

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

export interface NodeOptions {
  readonly name: string | undefined;
  readonly datacenter: string | undefined;
  readonly address: string;
  readonly port: number;
}

export function createNode({ name, datacenter, address, port }: NodeOptions): Node {
  return { id: randomUUID(), name: name ?? hostname(), datacenter: datacenter ?? "dc1", address, port };
}

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
