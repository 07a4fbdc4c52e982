/** The words of registration: what a service and its checks are, before and after the agent knows them. */

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

/** A TTL check as its owner describes it. */
export interface CheckSpec {
  /** Empty for the default, `service:<service id>`, numbered from 1 when the service brings several checks. */
  readonly id: string;
  /** Empty for the default, `Service '<name>' check`. */
  readonly name: string;
  readonly notes: string;
  /** Milliseconds without a heartbeat until the check turns critical; above 0. */
  readonly ttlMs: number;
  /** The state to start in; an agent that already knows the check keeps the state it knows. */
  readonly status: Status;
  /** Milliseconds in critical until the service is deregistered; 0 for never. */
  readonly deregisterAfterMs: number;
}

/** What everybody sees of a check; the keepers of TTLs know more. */
export interface Check {
  readonly id: string;
  readonly name: string;
  readonly notes: string;
  readonly type: "ttl" | "maintenance" | "";
  readonly serviceId: string;
  readonly serviceName: string;
  readonly serviceTags: readonly string[];
  readonly status: Status;
  /** As this agent knows it. */
  readonly output: string;
  /** As the catalog knows it: output alone is not worth waking every watcher for, so it lags until the status moves. */
  readonly publishedOutput: string;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

export interface Instance {
  readonly service: Service;
  readonly createIndex: number;
  readonly modifyIndex: number;
}
