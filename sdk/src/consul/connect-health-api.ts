/**
 * The instances of a service that speak the mesh's TLS, by themselves or behind a sidecar
 * (https://developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-mesh-enabled-service).
 */
import { z } from "zod";
import type { Endpoint } from "../balancing/endpoint.ts";
import type { Watch } from "../discovery/directory.ts";
import { inOrder } from "../discovery/endpoint-view.ts";
import { type Following, watchBlocking } from "./blocking-query.ts";
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";
import { toEndpoint } from "./catalog-api.ts";

export interface ConnectInstance extends Endpoint {
  /** The service that its certificate must name: of a sidecar, the one behind it. */
  readonly service: string;
  /** What else its SPIFFE id holds. */
  readonly datacenter: string;
  readonly namespace: string;
  readonly partition: string;
  /** "native": the service speaks TLS itself. */
  readonly manner: "native" | "sidecar";
  /** The worst of its checks. */
  readonly status: "passing" | "warning" | "critical";
}

/** Which instances; without any of it all of the agent's datacenter, whatever their checks say. */
export interface ConnectInstanceFilter {
  /** "passing" leaves out those with a warning, which are else listed beside the critical. */
  readonly health?: "any" | "passing";
  /** An expression of Consul's filter language. */
  readonly filter?: string;
  readonly datacenter?: string;
  /** Enterprise only. */
  readonly namespace?: string;
  /** Enterprise only. */
  readonly partition?: string;
}

const Entries = z.array(
  z.object({
    Node: z.object({ Node: z.string(), Address: z.string(), Datacenter: z.string() }),
    Service: z.object({
      ID: z.string(),
      Service: z.string(),
      Kind: z.string().nullish(),
      Address: z.string(),
      Port: z.int().min(0).max(65_535),
      Meta: z.record(z.string(), z.string()).nullish(),
      Weights: z.object({ Passing: z.number(), Warning: z.number() }).nullish(),
      Namespace: z.string().nullish(),
      Partition: z.string().nullish(),
      Proxy: z.object({ DestinationServiceName: z.string().nullish() }).nullish(),
    }),
    Checks: z.array(z.object({ Status: z.string() })),
  }),
);

type Entry = z.infer<typeof Entries>[number];

const DEFAULT_SCOPE = "default";

/** Needs service:read on the name and node:read. From 1.16, a token that may not is refused; before, it is answered none. */
export async function healthConnect(
  http: ConsulHttp,
  service: string,
  filter: ConnectInstanceFilter = {},
  bounds: CallBounds = {},
): Promise<readonly ConnectInstance[]> {
  const reply = await http.request({ ...bounds, method: "GET", path: pathOf(service), query: queryOf(filter) });
  if (reply.status !== 200) throw refusal(http, `to list the mesh's instances of ${service}`, reply);
  return decodeInstances(http, reply.text);
}

export function watchHealthConnect(
  http: ConsulHttp,
  service: string,
  filter: ConnectInstanceFilter,
  following: Following<readonly ConnectInstance[]>,
): Watch {
  return watchBlocking(http, {
    ...following,
    path: pathOf(service),
    query: queryOf(filter),
    parse: (text) => decodeInstances(http, text),
  });
}

function pathOf(service: string): string {
  return `/health/connect/${encodeURIComponent(service)}`;
}

function queryOf({ health, filter, datacenter, namespace, partition }: ConnectInstanceFilter): Record<string, string> {
  return {
    ...(health === "passing" ? { passing: "1" } : {}),
    ...(filter === undefined ? {} : { filter }),
    ...(datacenter === undefined ? {} : { dc: datacenter }),
    ...(namespace === undefined ? {} : { ns: namespace }),
    ...(partition === undefined ? {} : { partition }),
  };
}

function decodeInstances(http: ConsulHttp, text: string): readonly ConnectInstance[] {
  const entries = decodeReply(http, Entries, text).filter(({ Service }) => Service.Port !== 0);
  const times = new Map<string, number>();
  for (const { Service } of entries) times.set(Service.ID, (times.get(Service.ID) ?? 0) + 1);
  return inOrder(entries.map((entry) => toInstance(entry, times.get(entry.Service.ID) === 1)));
}

function toInstance(entry: Entry, unique: boolean): ConnectInstance {
  const { Node, Service, Checks } = entry;
  const status = worst(Checks.map(({ Status }) => Status));
  const { Passing = 1, Warning = 1 } = Service.Weights ?? {};
  const sidecar = Service.Kind === "connect-proxy";
  return {
    ...toEndpoint(entry, unique),
    weight: Math.max(1, status === "warning" ? Warning : Passing),
    service: sidecar ? Service.Proxy?.DestinationServiceName || Service.Service : Service.Service,
    datacenter: Node.Datacenter,
    namespace: Service.Namespace || DEFAULT_SCOPE,
    partition: Service.Partition || DEFAULT_SCOPE,
    manner: sidecar ? "sidecar" : "native",
    status,
  };
}

function worst(statuses: readonly string[]): ConnectInstance["status"] {
  if (statuses.every((status) => status === "passing")) return "passing";
  return statuses.every((status) => status === "passing" || status === "warning") ? "warning" : "critical";
}
