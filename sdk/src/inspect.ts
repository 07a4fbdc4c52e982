/**
 * The face for tools that look at a mesh from outside: what a registry holds, healthy or not, and the contract of
 * server reflection. Programs that only call and serve need none of it.
 */
import { z } from "zod";
import { formatAddress } from "./call/address.ts";
import { systemClock } from "./call/clock.ts";
import type { CallOptions } from "./client/call-options.ts";
import type { ServiceDefinition } from "./contract/definition.ts";
import { catalogServices, healthPath, VERSION_KEY, ZONE_KEY } from "./consul/catalog-api.ts";
import { ConsulHttp, refusal } from "./consul/consul-http.ts";
import { type ConsulOptions, consulOptionsFromEnv } from "./consul/consul-options.ts";
import { decodeReply } from "./consul/decode-reply.ts";
import type { ServerReflectionRequest, ServerReflectionResponse } from "./gen/grpc/reflection/v1/reflection.ts";
import { REFLECTION_SERVICES } from "./server/reflection-service.ts";

export { formatAddress, parseAddress } from "./call/address.ts";
export { statusName } from "./call/status.ts";
export { parseTarget, type Target } from "./discovery/target.ts";
export type { ServerReflectionRequest, ServerReflectionResponse } from "./gen/grpc/reflection/v1/reflection.ts";

/** A client of server reflection; v1 and v1alpha differ in nothing but their name. */
export interface ReflectionClient {
  serverReflectionInfo(
    requests: AsyncIterable<ServerReflectionRequest>,
    options?: CallOptions,
  ): AsyncIterable<ServerReflectionResponse>;
}

/** grpc.reflection.v1, then v1alpha, which older servers know alone. */
export const REFLECTION = REFLECTION_SERVICES as readonly ServiceDefinition[] as readonly [
  ServiceDefinition<ReflectionClient>,
  ServiceDefinition<ReflectionClient>,
];

export type InstanceStatus = "passing" | "warning" | "critical";

/** An instance as the registry knows it, healthy or not. */
export interface RegisteredInstance {
  readonly id: string;
  /** "host:port" */
  readonly address: string;
  readonly zone?: string;
  readonly version?: string;
  /** The worst of its checks. */
  readonly status: InstanceStatus;
  /** What the checks that do not pass say. */
  readonly failures: readonly string[];
  /** Its other metadata; "admin" is the address of its admin port. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface RegistryReader {
  /** Where the registry is: "http://127.0.0.1:8500". */
  readonly place: string;
  /** Names of all services, sorted. Rejects with a MeshError that says why the registry did not answer. */
  services(): Promise<readonly string[]>;
  /** Every instance of a service, sorted by id; empty when the registry knows no such service. Rejects like services(). */
  instances(service: string): Promise<readonly RegisteredInstance[]>;
  /** Ends requests under way. */
  close(): void;
}

/** @param options where Consul is. Default: Consul's own variables. Throws INVALID_ARGUMENT when those are wrong. */
export function openRegistry(options: Partial<ConsulOptions> = consulOptionsFromEnv(process.env)): RegistryReader {
  const http = new ConsulHttp(options, systemClock);
  return {
    place: http.place,
    services: async () => [...(await catalogServices(http)).keys()].sort(),
    instances: (service) => instancesOf(http, service),
    close: () => http.close(),
  };
}

const Entries = z.array(
  z.object({
    Node: z.object({ Node: z.string(), Address: z.string() }),
    Service: z.object({
      ID: z.string(),
      Address: z.string(),
      Port: z.int(),
      Meta: z.record(z.string(), z.string()).nullish(),
    }),
    Checks: z.array(z.object({ Name: z.string(), Status: z.string(), Output: z.string() })),
  }),
);

async function instancesOf(http: ConsulHttp, service: string): Promise<readonly RegisteredInstance[]> {
  const reply = await http.request({ method: "GET", path: healthPath(service) });
  if (reply.status !== 200) throw refusal(http, `to list ${service}`, reply);
  const entries = decodeReply(http, Entries, reply.text);
  return entries.map(toInstance).sort((a, b) => (a.id < b.id ? -1 : 1));
}

function toInstance({ Node, Service, Checks }: z.infer<typeof Entries>[number]): RegisteredInstance {
  const { [ZONE_KEY]: zone, [VERSION_KEY]: version, ...metadata } = Service.Meta ?? {};
  const host = Service.Address === "" ? Node.Address : Service.Address;
  const address = formatAddress({ host: host.replace(/^\[(.*)\]$/, "$1"), port: Service.Port });
  const failing = Checks.filter(({ Status }) => Status !== "passing");
  return {
    id: Service.ID,
    address,
    ...(zone === undefined ? {} : { zone }),
    ...(version === undefined ? {} : { version }),
    status:
      failing.length === 0 ? "passing" : failing.every(({ Status }) => Status === "warning") ? "warning" : "critical",
    failures: failing.map(({ Name, Output }) => (Output === "" ? Name : `${Name}: ${Output}`)),
    metadata,
  };
}
