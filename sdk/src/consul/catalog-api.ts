/** What the cluster knows: services and their healthy instances (https://developer.hashicorp.com/consul/api-docs/health). */
import { z } from "zod";
import type { Endpoint } from "../balancing/endpoint.ts";
import { inOrder } from "../discovery/endpoint-view.ts";
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";

/** Keys of a service's metadata that are fields of an Endpoint. */
export const ZONE_KEY = "zone";
export const VERSION_KEY = "version";

const HealthEntries = z.array(
  z.object({
    Node: z.object({ Node: z.string(), Address: z.string() }),
    Service: z.object({
      ID: z.string(),
      Address: z.string(),
      Port: z.int().min(0).max(65_535),
      Meta: z.record(z.string(), z.string()).nullish(),
      Weights: z.object({ Passing: z.number() }).nullish(),
    }),
    Checks: z.array(z.object({ CheckID: z.string(), Status: z.string(), Output: z.string() })).nullish(),
  }),
);

/** One instance; toEndpoint() needs nothing of its checks. */
export type HealthEntry = Omit<z.infer<typeof HealthEntries>[number], "Checks">;
type Check = NonNullable<z.infer<typeof HealthEntries>[number]["Checks"]>[number];

const CatalogServices = z.record(z.string(), z.array(z.string()).nullable());

/** Every service by name, with the tags of its instances. */
export async function catalogServices(
  http: ConsulHttp,
  bounds: CallBounds = {},
): Promise<ReadonlyMap<string, readonly string[]>> {
  const reply = await http.request({ ...bounds, method: "GET", path: "/catalog/services" });
  if (reply.status !== 200) throw refusal(http, "to list services", reply);
  const services = decodeReply(http, CatalogServices, reply.text);
  return new Map(Object.entries(services).map(([name, tags]) => [name, tags ?? []]));
}

/** The instances of a service whose checks all pass, once; a directory follows them. */
export async function healthService(
  http: ConsulHttp,
  name: string,
  bounds: CallBounds = {},
): Promise<readonly Endpoint[]> {
  const reply = await http.request({ ...bounds, method: "GET", path: healthPath(name), query: PASSING });
  if (reply.status !== 200) throw refusal(http, `to list ${name}`, reply);
  return readHealth(http, reply.text).endpoints;
}

export const PASSING = { passing: "1" } as const;

/**
 * Has the leader answer a watch. From 1.10 on agents follow a stream of changes instead, which any server may send: one
 * that is not the leader learns up to 0.1 s later what has been committed (hashicorp/raft tells followers with its next
 * entry, or after CommitTimeout). Streams know no order by distance, so whoever asks for one is answered as before 1.10
 * (useStreaming in agent/rpcclient/health/health.go); we sort for ourselves.
 */
export const FROM_LEADER = { near: "_agent" } as const;

export function healthPath(name: string): string {
  return `/health/service/${encodeURIComponent(name)}`;
}

/** What an answer of /health/service says. */
export interface HealthAnswer {
  /** Of the instances whose checks all pass. */
  readonly endpoints: readonly Endpoint[];
  /**
   * Ids of instances that nothing bad is said of, only nothing is heard: their heartbeat has run out, or the agent of their
   * node does not answer the others. It is what a process that died looks like, and one whose agent hung or was restarted.
   */
  readonly silent: ReadonlySet<string>;
  /** How many instances there are, well or not. */
  readonly registered: number;
}

/** Reads an answer of /health/service. Throws INTERNAL for one that is none. */
export function readHealth(http: ConsulHttp, text: string): HealthAnswer {
  const entries = decodeReply(http, HealthEntries, text).filter(({ Service }) => Service.Port !== 0);
  const times = new Map<string, number>();
  for (const { Service } of entries) times.set(Service.ID, (times.get(Service.ID) ?? 0) + 1);
  const endpoints: Endpoint[] = [];
  const silent = new Set<string>();
  for (const entry of entries) {
    const failing = (entry.Checks ?? []).filter(({ Status }) => Status !== "passing");
    const endpoint = toEndpoint(entry, times.get(entry.Service.ID) === 1);
    if (failing.length === 0) endpoints.push(endpoint);
    else if (failing.every(isSilence)) silent.add(endpoint.id);
  }
  return { endpoints: inOrder(endpoints), silent, registered: entries.length };
}

/** Consul's own words, the same in all versions: agent/checks/check.go and agent/consul/leader.go. */
function isSilence({ CheckID, Output }: Check): boolean {
  return CheckID === "serfHealth" || Output.startsWith("TTL expired");
}

/** A service id is unique on its node only; where two nodes use the same, the node's name tells them apart. */
export function toEndpoint({ Node, Service }: HealthEntry, unique: boolean): Endpoint {
  const { [ZONE_KEY]: zone, [VERSION_KEY]: version, ...metadata } = Service.Meta ?? {};
  return {
    id: unique ? Service.ID : `${Service.ID}@${Node.Node}`,
    address: { host: withoutBrackets(Service.Address === "" ? Node.Address : Service.Address), port: Service.Port },
    weight: Math.max(1, Service.Weights?.Passing ?? 1),
    ...(zone === undefined ? {} : { zone }),
    ...(version === undefined ? {} : { version }),
    metadata,
  };
}

/** Consul stores an address as it was given, and some tools give IPv6 in brackets. */
function withoutBrackets(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

/** A machine or pod that an agent runs on. */
export interface CatalogNode {
  readonly name: string;
  /** A UUID; absent for nodes that something else than an agent has registered. */
  readonly id?: string;
  readonly address: string;
  readonly datacenter?: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const CatalogNodes = z.array(
  z.object({
    ID: z.string().optional(),
    Node: z.string(),
    Address: z.string(),
    Datacenter: z.string().optional(),
    Meta: z.record(z.string(), z.string()).nullish(),
  }),
);

/** Every node of the datacenter. */
export async function catalogNodes(http: ConsulHttp, bounds: CallBounds = {}): Promise<readonly CatalogNode[]> {
  const reply = await http.request({ ...bounds, method: "GET", path: "/catalog/nodes" });
  if (reply.status !== 200) throw refusal(http, "to list nodes", reply);
  return decodeReply(http, CatalogNodes, reply.text).map(({ ID, Node, Address, Datacenter, Meta }) => ({
    name: Node,
    ...(ID === undefined || ID === "" ? {} : { id: ID }),
    address: withoutBrackets(Address),
    ...(Datacenter === undefined ? {} : { datacenter: Datacenter }),
    metadata: Meta ?? {},
  }));
}
