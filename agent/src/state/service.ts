/** The words of registration: what nodes, services and their checks are, before and after the registry knows them. */

export type Status = "passing" | "warning" | "critical";

export interface TaggedAddress {
  readonly address: string;
  readonly port: number;
}

/** A service as its owner describes it. */
export interface Service {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly address: string;
  readonly port: number;
  readonly taggedAddresses: Readonly<Record<string, TaggedAddress>>;
  readonly weights: { readonly passing: number; readonly warning: number };
  readonly enableTagOverride: boolean;
  readonly connectNative: boolean;
}

/** A machine as its owner describes it. Consul shows what was left out as `null`, not as empty. */
export interface NodeDescription {
  /** A UUID, or empty for a machine that nobody gave one. */
  readonly id: string;
  readonly name: string;
  readonly datacenter: string;
  readonly address: string;
  readonly taggedAddresses: Readonly<Record<string, string>> | null;
  readonly meta: Readonly<Record<string, string>> | null;
}

/** What everybody sees of a check, whoever keeps it. */
export interface CheckContent {
  readonly id: string;
  readonly name: string;
  readonly notes: string;
  /** `ttl`, `http`, `maintenance` and so on; empty for what Consul calls nothing. */
  readonly type: string;
  /** Empty when the check is the whole node's. */
  readonly serviceId: string;
  readonly serviceName: string;
  readonly serviceTags: readonly string[];
  /** A {@link Status}, or whatever else somebody put into the catalog. */
  readonly status: string;
  readonly output: string;
  /** Of a check that was put into the catalog with how it is done, as JSON; agents do not tell. */
  readonly definition?: object;
}

interface Indexed {
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** A node in the catalog. */
export interface CatalogNode extends NodeDescription, Indexed {}

/** A service in the catalog. */
export interface Instance extends Indexed {
  readonly node: CatalogNode;
  readonly service: Service;
}

/** A check in the catalog. */
export interface Check extends CheckContent, Indexed {
  /** The name of the node. */
  readonly node: string;
}

/** The worst of several; a service without checks passes. */
export function worst(statuses: Iterable<string>): Status {
  let result: Status = "passing";
  for (const status of statuses) {
    if (status === "critical") return status;
    if (status === "warning") result = status;
  }
  return result;
}
