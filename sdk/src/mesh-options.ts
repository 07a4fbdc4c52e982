/** What a mesh can be told, checked once, all faults at a time. Every option has a default; most have a variable. */
import { hostname } from "node:os";
import type { Registry } from "prom-client";
import { z } from "zod";
import { checkOutliers, type OutlierOptions } from "./balancing/outliers.ts";
import { type OwnPolicies, type PickPolicyName, policyNameFault } from "./balancing/pick-policies.ts";
import { checkSlowStart, type SlowStartOptions } from "./balancing/slow-start.ts";
import { checkSubset, type SubsetOptions } from "./balancing/subset.ts";
import { checkZonePreference, type ZonePreferenceOptions } from "./balancing/zone-preference.ts";
import { checkUnixPath, isHost, isUnixPath } from "./call/address.ts";
import type { Clock } from "./call/clock.ts";
import type { Logger } from "./call/logger.ts";
import { MeshError } from "./call/mesh-error.ts";
import { completeConnectionOptions, type ConnectionOptions } from "./client/connection-options.ts";
import type { ClientInterceptor } from "./client/interceptor.ts";
import type { ServiceDefinition } from "./contract/definition.ts";
import type { PolicyOverride } from "./contract/policy.ts";
import { type ConsulOptions, consulOptionsForm } from "./consul/consul-options.ts";
import { type DiscoveryOptions, discoveryOptionsForm } from "./discovery-options.ts";
import type { Registration } from "./discovery/registration.ts";
import type { ServerInterceptor } from "./server/interceptor.ts";
import type { LoadReportOptions } from "./server/load-reporter.ts";
import { checkTls } from "./security/tls-settings.ts";
import type { TlsOptions, Transport } from "./transport/transport.ts";
import { TRANSPORT_NAMES, type TransportName } from "./transport-choice.ts";

export interface MeshOptions {
  /** Name of this process in logs and metrics. Default: MESH_SERVICE, else "app". */
  readonly service?: string;
  /** Tells this process from others of its name; part of its id in the registry. Default: MESH_INSTANCE, else host and pid. */
  readonly instance?: string;
  /** Registered beside every service. Default: MESH_VERSION. */
  readonly version?: string;
  /** Where this process runs: a rack, a zone. Registered beside every service. Default: MESH_ZONE. */
  readonly zone?: string;
  /**
   * This process's place among those of its name, which are numbered from 0 without gaps, as a StatefulSet's are: with
   * subset it makes connections even. Registered beside every service. Default: MESH_NUMBER, else none.
   */
  readonly number?: number;
  /** Where Consul is. Default: Consul's own variables, CONSUL_HTTP_ADDR and its kin, else http://127.0.0.1:8500. */
  readonly consul?: Partial<ConsulOptions>;
  /**
   * Share of calls that servers of this process ask for beside others of their service: a whole number, 1 to 65,535.
   * Default: MESH_WEIGHT, else 1.
   */
  readonly weight?: number;
  /** Where servers register; false: nowhere. Default: Consul. */
  readonly registration?: Registration | false;
  /**
   * What server.start() does when the registry cannot be reached: "fail", or serve those who know the instance from
   * before and "retry" until it can. Default: MESH_REGISTRY_UNREACHABLE, else "fail".
   */
  readonly registryUnreachable?: "fail" | "retry";
  /**
   * What carries calls, by name or one of your own: "native" is Meshwork's, "grpc-js" is @grpc/grpc-js. Default:
   * MESHWORK_TRANSPORT, else "native". Tests give the in-memory one of @meshwork/sdk/testing.
   */
  readonly transport?: TransportName | Transport;
  /**
   * Keys and certificates for every client and server of the mesh; mutual TLS when all three of ca, cert and key are
   * given. Default: the files that MESH_TLS_CA, MESH_TLS_CERT and MESH_TLS_KEY name, else plaintext.
   */
  readonly tls?: TlsOptions;
  /** Time for everything that waits or measures. Default: the machine's. Tests give a VirtualClock. */
  readonly clock?: Clock;
  /**
   * How clients pick an endpoint where neither client, configuration, Consul nor contract says: a policy of the mesh's or one
   * of pickPolicies. Default: "p2c", power of two choices over peak EWMA.
   */
  readonly balancing?: PickPolicyName | (string & {});
  /**
   * Pick policies of your own, or the mesh's with other options, by the name that balancing gives; a name of the mesh's is
   * replaced. Default: none.
   *
   * @example
   * createMesh({ pickPolicies: { sticky: ringHash({ minRingSize: 4_096 }) }, balancing: "sticky" });
   */
  readonly pickPolicies?: OwnPolicies;
  /**
   * When endpoints that do worse than their peers are taken out of use for a while; false: never. Default: after 5 failures
   * in a row, or by gRFC A50's statistics; OutlierOptions says the rest.
   */
  readonly outliers?: OutlierOptions | false;
  /** Gives endpoints that have just become ready little at first and more by and by. Default false; true: over 30 s. */
  readonly slowStart?: SlowStartOptions | boolean;
  /** Keeps calls in this process's zone as long as that can carry them; without a zone all are alike. Default false. */
  readonly zonePreference?: ZonePreferenceOptions | boolean;
  /** Connects to some of the endpoints of a service, where there are more; other processes take others. Default: to all. */
  readonly subset?: SubsetOptions;
  /** Whether servers tell callers of their load, which some pick policies go by: with answers, and when asked. Default true. */
  readonly loadReports?: LoadReportOptions | boolean;
  /** When clients connect to endpoints, how many at a time, and when they disconnect. Default: at once, 100 at a time, never. */
  readonly connections?: ConnectionOptions;
  /** Changes contracts' policies: by "package.Service/Method", or "package.Service" for all its methods. */
  readonly policies?: Readonly<Record<string, PolicyOverride>>;
  /** Around every call of every client, the first outermost. */
  readonly clientInterceptors?: readonly ClientInterceptor[];
  /** Around every call of every server, the first outermost. */
  readonly serverInterceptors?: readonly ServerInterceptor[];
  /** Where logs go. Default: pino on standard output at MESH_LOG_LEVEL, else "info". */
  readonly log?: Logger;
  /** Where metrics are registered, beside your own. Default: a registry of the mesh's. */
  readonly registry?: Registry;
  /** The port of /metrics, /livez and /readyz; false: none. Default: MESH_ADMIN_PORT, else any free one of 127.0.0.1. */
  readonly admin?: { readonly host?: string; readonly port?: number } | false;
  /** How services are found in Consul, and what is believed of them. */
  readonly discovery?: DiscoveryOptions;
  readonly limits?: {
    /** Bytes of one received message. Default 4 MiB. */
    readonly maxReceiveMessageBytes?: number;
    /** Bytes of one sent message. Default: no bound. */
    readonly maxSendMessageBytes?: number;
  };
  readonly drain?: {
    /** Milliseconds between deregistration and the end of new calls: callers need that long to hear of it. Default 500. */
    readonly propagationMs?: number;
    /** Milliseconds that calls under way have to finish. Default 20,000. */
    readonly graceMs?: number;
  };
  /** Whether SIGTERM and SIGINT close the mesh once a server has started. Default true. */
  readonly handleSignals?: boolean;
}

export interface ServerOptions {
  /** Address to listen on, or the path of a Unix socket, "/run/greeter.sock". Default: MESH_HOST, else 127.0.0.1. */
  readonly host?: string;
  /** 0 takes any free one. Default: MESH_PORT, else 0. */
  readonly port?: number;
  /**
   * The host that others reach it by. Default: MESH_ADVERTISE_HOST, else host. Of 0.0.0.0 and :: it is the address that
   * this machine's default route starts from, in a container the container's. A server on a Unix socket is registered only
   * when this is given, and with it port, for what forwards to the socket.
   */
  readonly advertiseHost?: string;
}

export interface ClientOptions {
  /** "consul:///name", "static:///host:port,…", "dns:///host:port", "unix:///path" or a name for Consul. Default: the contract's name, in Consul. */
  readonly target?: string;
  /** Default: what configuration, Consul, the contract or the mesh says, the first that does. */
  readonly balancing?: PickPolicyName | (string & {});
  /** Changes the policy of every method, over the mesh's. */
  readonly policy?: PolicyOverride;
  /** Instead of the mesh's; false: plaintext. Clients share connections when they are given the same object. */
  readonly tls?: TlsOptions | false;
  /** Inside the mesh's own. */
  readonly interceptors?: readonly ClientInterceptor[];
}

export interface MeshChannelOptions {
  /** Default: what configuration, Consul, the contract or the mesh says, the first that does. */
  readonly balancing?: PickPolicyName | (string & {});
  /** As in ClientOptions; the credentials that the client was made with are not asked. */
  readonly tls?: TlsOptions | false;
  /**
   * Contracts of services that are called through the channel: their methods get their deadlines and retries, but no
   * hedging. Other methods are sent once, and again only when a call provably reached nobody.
   */
  readonly contracts?: readonly ServiceDefinition[];
  /**
   * Whether credentials of single calls may be sent over connections that are plaintext, where everybody on the way can
   * read and use them. Default false: such calls fail with UNAUTHENTICATED before they leave.
   */
  readonly plaintextCredentials?: boolean;
}

const port = z.int().min(0).max(65_535);
const weight = z.int().min(1).max(65_535);
const number = z.int().min(0).max(999_999_999);
const registryUnreachable = z.enum(["fail", "retry"]);
const name = z.string().min(1);
const milliseconds = z.number().min(0);
const object = z.custom<object>((value) => typeof value === "object" && value !== null, "expected an object");
const aFunction = z.custom((value) => typeof value === "function", "expected a function");
const functions = z.array(aFunction);
const bytes = z.number().positive();
const pem = z.union([z.string().min(1), z.instanceof(Buffer)], "expected PEM, as a string or a Buffer");
const tls = z.strictObject({
  ca: z.union([pem, z.array(pem)], "expected PEM, as a string, a Buffer or an array of them").optional(),
  cert: pem.optional(),
  key: pem.optional(),
  serverName: name.optional(),
  requireClientCertificate: z.boolean().optional(),
});

const amount = z.number().min(0);
const outliers = z.strictObject({
  consecutiveFailures: amount.optional(),
  intervalMs: amount.optional(),
  baseEjectionMs: amount.optional(),
  maxEjectionMs: amount.optional(),
  maxEjectedShare: amount.optional(),
  successRateDeviations: amount.optional(),
  failureShare: amount.optional(),
  latencyMedians: amount.optional(),
  panicShare: amount.optional(),
  minEndpoints: amount.optional(),
  minCalls: amount.optional(),
});

const meshOptions = z.strictObject({
  service: name.optional(),
  instance: name.optional(),
  version: name.optional(),
  zone: name.optional(),
  number: number.optional(),
  weight: weight.optional(),
  registryUnreachable: registryUnreachable.optional(),
  consul: consulOptionsForm.optional(),
  discovery: discoveryOptionsForm.optional(),
  registration: z.union([z.literal(false), objectWith("register")]).optional(),
  transport: z
    .union(
      [z.enum(TRANSPORT_NAMES), objectWith("connect", "listen")],
      `expected ${TRANSPORT_NAMES.join(", ")}, or an object with connect, listen`,
    )
    .optional(),
  tls: tls.optional(),
  clock: objectWith("now", "wallTime", "setTimer", "setBackgroundTimer").optional(),
  balancing: name.optional(),
  pickPolicies: z.record(z.string(), aFunction).optional(),
  outliers: z.union([z.literal(false), outliers]).optional(),
  slowStart: z
    .union([
      z.boolean(),
      z.strictObject({ windowMs: amount.optional(), minShare: amount.optional(), aggression: amount.optional() }),
    ])
    .optional(),
  zonePreference: z
    .union([z.boolean(), z.strictObject({ tolerance: amount.optional(), allowanceMs: amount.optional() })])
    .optional(),
  loadReports: z.union([z.boolean(), z.strictObject({ utilization: aFunction.optional() })]).optional(),
  connections: z
    .strictObject({
      connect: z.enum(["eager", "lazy"]).optional(),
      maxConnecting: z.int().optional(),
      idleMs: z.union([amount, z.literal(Infinity)], "expected a number").optional(),
    })
    .optional(),
  subset: z.strictObject({ size: z.int() }).optional(),
  policies: z.record(z.string(), object).optional(),
  clientInterceptors: functions.optional(),
  serverInterceptors: functions.optional(),
  log: objectWith("debug", "info", "warn", "error", "child", "isLevelEnabled").optional(),
  registry: objectWith("registerMetric", "getMetricsAsArray").optional(),
  admin: z.union([z.literal(false), z.strictObject({ host: name.optional(), port: port.optional() })]).optional(),
  limits: z
    .strictObject({ maxReceiveMessageBytes: bytes.optional(), maxSendMessageBytes: bytes.optional() })
    .optional(),
  drain: z.strictObject({ propagationMs: milliseconds.optional(), graceMs: milliseconds.optional() }).optional(),
  handleSignals: z.boolean().optional(),
});

const HOST_FORM = "a host name or an IP address alone, IPv6 without brackets";
const hostForm = z.string().refine(isHost, `expected ${HOST_FORM}`);
const listenForm = z
  .string()
  .refine((text) => isUnixPath(text) || isHost(text), `expected ${HOST_FORM}, or the path of a Unix socket`);

const serverOptions = z.strictObject({
  host: listenForm.optional(),
  port: port.optional(),
  advertiseHost: hostForm.optional(),
});

const clientOptions = z.strictObject({
  target: name.optional(),
  balancing: name.optional(),
  policy: object.optional(),
  tls: z.union([z.literal(false), tls]).optional(),
  interceptors: functions.optional(),
});

const channelOptions = z.strictObject({
  balancing: name.optional(),
  tls: z.union([z.literal(false), tls]).optional(),
  contracts: z
    .array(z.custom((value) => typeof (value as ServiceDefinition | null)?.methods === "object", "expected a contract"))
    .optional(),
  plaintextCredentials: z.boolean().optional(),
});

/** What is used of another library's object must be there, or it is found missing in the middle of a call. */
function objectWith(...methods: readonly string[]): z.ZodType {
  const has = (value: unknown, method: string): boolean =>
    typeof value === "object" && value !== null && typeof Reflect.get(value, method) === "function";
  return z.custom((value) => methods.every((one) => has(value, one)), `expected an object with ${methods.join(", ")}`);
}

/** Each throws one INVALID_ARGUMENT that names every option that is wrong. */
export function checkMeshOptions(options: MeshOptions): void {
  check("createMesh", meshOptions, options, options?.pickPolicies);
  if (options.outliers !== undefined && options.outliers !== false) checkOutliers(options.outliers);
  if (typeof options.slowStart === "object") checkSlowStart(options.slowStart);
  if (typeof options.zonePreference === "object") checkZonePreference(options.zonePreference);
  if (options.subset !== undefined) checkSubset(options.subset);
  if (options.connections !== undefined) completeConnectionOptions(options.connections);
  if (options.tls !== undefined) checkTls(options.tls);
}

export function checkClientOptions(options: ClientOptions, pickPolicies?: OwnPolicies): void {
  check("mesh.client", clientOptions, options, pickPolicies);
  if (options.tls !== undefined && options.tls !== false) checkTls(options.tls);
}

export interface CompleteServerOptions extends Required<Omit<ServerOptions, "advertiseHost">> {
  /** undefined: others cannot reach it. */
  readonly advertiseHost: string | undefined;
}

export function checkChannelOptions(options: MeshChannelOptions, pickPolicies?: OwnPolicies): void {
  check("mesh.channel", channelOptions, options, pickPolicies);
  if (options.tls !== undefined && options.tls !== false) checkTls(options.tls);
}

/** The options with the environment's and the defaults in the gaps. */
export function completeServerOptions(options: ServerOptions, env: NodeJS.ProcessEnv): CompleteServerOptions {
  check("mesh.server", serverOptions, options);
  const inEnv = (): string | undefined =>
    fromEnv(env, "MESH_HOST", `${HOST_FORM}, or the path of a Unix socket`, (text) => listenForm.safeParse(text));
  const host = options.host ?? inEnv() ?? "127.0.0.1";
  const port = options.port ?? portFromEnv(env, "MESH_PORT") ?? 0;
  if (isUnixPath(host)) return overUnixSocket(checkUnixPath(host), port, options, env);
  return { host, port, advertiseHost: options.advertiseHost ?? advertisedInEnv(env) ?? host };
}

function advertisedInEnv(env: NodeJS.ProcessEnv): string | undefined {
  return fromEnv(env, "MESH_ADVERTISE_HOST", HOST_FORM, (text) => hostForm.safeParse(text));
}

function overUnixSocket(
  host: string,
  port: number,
  options: ServerOptions,
  env: NodeJS.ProcessEnv,
): CompleteServerOptions {
  const advertiseHost = options.advertiseHost ?? advertisedInEnv(env);
  if (advertiseHost !== undefined && port === 0) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `server on ${host} is to be registered as ${advertiseHost} without a port: give the port (server({ port }), or MESH_PORT) of what forwards to the socket, or leave out advertiseHost`,
    );
  }
  return { host, port, advertiseHost };
}

export function defaultInstance(env: NodeJS.ProcessEnv): string {
  return env["MESH_INSTANCE"] || `${hostname()}-${process.pid}`;
}

/** A port in a variable; undefined when it is not set. Throws INVALID_ARGUMENT when it is no port. */
export function portFromEnv(env: NodeJS.ProcessEnv, variable: string): number | undefined {
  return fromEnv(env, variable, "a port, 0 to 65535", (text) => port.safeParse(wholeNumber(text)));
}

/** MESH_WEIGHT, in the same way. */
export function weightFromEnv(env: NodeJS.ProcessEnv): number | undefined {
  return fromEnv(env, "MESH_WEIGHT", "a whole number, 1 to 65535", (text) => weight.safeParse(wholeNumber(text)));
}

/** MESH_NUMBER, in the same way. */
export function numberFromEnv(env: NodeJS.ProcessEnv): number | undefined {
  return fromEnv(env, "MESH_NUMBER", "a whole number, 0 to 999999999", (text) => number.safeParse(wholeNumber(text)));
}

/** MESH_REGISTRY_UNREACHABLE, in the same way. */
export function registryUnreachableFromEnv(env: NodeJS.ProcessEnv): "fail" | "retry" | undefined {
  return fromEnv(env, "MESH_REGISTRY_UNREACHABLE", "fail or retry", (text) => registryUnreachable.safeParse(text));
}

function fromEnv<T>(
  env: NodeJS.ProcessEnv,
  variable: string,
  wanted: string,
  read: (text: string) => { readonly success: true; readonly data: T } | { readonly success: false },
): T | undefined {
  const text = env[variable];
  if (text === undefined || text === "") return undefined;
  const result = read(text);
  if (result.success) return result.data;
  throw new MeshError("INVALID_ARGUMENT", `${variable} is ${JSON.stringify(text)}: write ${wanted}, or unset it`);
}

function wholeNumber(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

function check(caller: string, schema: z.ZodType, options: unknown, pickPolicies?: OwnPolicies): void {
  const issues = schema.safeParse(options).error?.issues ?? [];
  const faults = issues.map((issue) => `${issue.path.join(".") || "options"}: ${issue.message}`);
  const balancing = (options as MeshOptions | null)?.balancing;
  const unknown = typeof balancing === "string" ? policyNameFault(balancing, pickPolicies) : undefined;
  if (unknown !== undefined) faults.push(`balancing: ${unknown}`);
  if (faults.length === 0) return;
  throw new MeshError("INVALID_ARGUMENT", `options of ${caller} are wrong: ${faults.join("; ")}`);
}
