/** What a mesh can be told, checked once, all faults at a time. Every option has a default; most have a variable. */
import { hostname, networkInterfaces } from "node:os";
import type { Registry } from "prom-client";
import { z } from "zod";
import { PICK_POLICIES, type PickPolicyName } from "./balancing/pick-policies.ts";
import type { Clock } from "./call/clock.ts";
import type { Logger } from "./call/logger.ts";
import { MeshError } from "./call/mesh-error.ts";
import type { ClientInterceptor } from "./client/interceptor.ts";
import type { PolicyOverride } from "./contract/policy.ts";
import { type ConsulOptions, consulOptionsForm } from "./consul/consul-options.ts";
import type { Registration } from "./discovery/registration.ts";
import type { ServerInterceptor } from "./server/interceptor.ts";
import type { Transport } from "./transport/transport.ts";

export interface MeshOptions {
  /** Name of this process in logs and metrics. Default: MESH_SERVICE, else "app". */
  readonly service?: string;
  /** Tells this process from others of its name; part of its id in the registry. Default: MESH_INSTANCE, else host and pid. */
  readonly instance?: string;
  /** Registered beside every service. Default: MESH_VERSION. */
  readonly version?: string;
  /** Where this process runs: a rack, a zone. Registered beside every service. Default: MESH_ZONE. */
  readonly zone?: string;
  /** Where Consul is. Default: Consul's own variables, CONSUL_HTTP_ADDR and its kin, else http://127.0.0.1:8500. */
  readonly consul?: Partial<ConsulOptions>;
  /** Where servers register; false: nowhere. Default: Consul. */
  readonly registration?: Registration | false;
  /** What carries calls. Default: @grpc/grpc-js. Tests give the in-memory one of @meshwork/sdk/testing. */
  readonly transport?: Transport;
  /** Time for everything that waits or measures. Default: the machine's. Tests give a VirtualClock. */
  readonly clock?: Clock;
  /** How clients pick an endpoint. Default: "p2c", power of two choices over peak EWMA. */
  readonly balancing?: PickPolicyName;
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
  /** Address to listen on. Default: MESH_HOST, else 127.0.0.1. */
  readonly host?: string;
  /** 0 takes any free one. Default: MESH_PORT, else 0. */
  readonly port?: number;
  /** The host that others reach it by. Default: MESH_ADVERTISE_HOST, else host, else this machine's first outer address. */
  readonly advertiseHost?: string;
}

export interface ClientOptions {
  /** "consul:///name", "static:///host:port,…", "dns:///host:port" or a name for Consul. Default: the contract's name, in Consul. */
  readonly target?: string;
  /** Default: the mesh's. */
  readonly balancing?: PickPolicyName;
  /** Changes the policy of every method, over the mesh's. */
  readonly policy?: PolicyOverride;
  /** Inside the mesh's own. */
  readonly interceptors?: readonly ClientInterceptor[];
}

const port = z.int().min(0).max(65_535);
const name = z.string().min(1);
const milliseconds = z.number().min(0);
const object = z.custom<object>((value) => typeof value === "object" && value !== null, "expected an object");
const functions = z.array(z.custom((value) => typeof value === "function", "expected a function"));
const balancing = z.enum(Object.keys(PICK_POLICIES) as [PickPolicyName]);
const bytes = z.number().positive();

const meshOptions = z.strictObject({
  service: name.optional(),
  instance: name.optional(),
  version: name.optional(),
  zone: name.optional(),
  consul: consulOptionsForm.optional(),
  registration: z.union([z.literal(false), objectWith("register")]).optional(),
  transport: objectWith("connect", "listen").optional(),
  clock: objectWith("now", "wallTime", "setTimer", "setBackgroundTimer").optional(),
  balancing: balancing.optional(),
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

const serverOptions = z.strictObject({ host: name.optional(), port: port.optional(), advertiseHost: name.optional() });

const clientOptions = z.strictObject({
  target: name.optional(),
  balancing: balancing.optional(),
  policy: object.optional(),
  interceptors: functions.optional(),
});

/** What is used of another library's object must be there, or it is found missing in the middle of a call. */
function objectWith(...methods: readonly string[]): z.ZodType {
  const has = (value: unknown, method: string): boolean =>
    typeof value === "object" && value !== null && typeof Reflect.get(value, method) === "function";
  return z.custom((value) => methods.every((one) => has(value, one)), `expected an object with ${methods.join(", ")}`);
}

/** Each throws one INVALID_ARGUMENT that names every option that is wrong. */
export function checkMeshOptions(options: MeshOptions): void {
  check("createMesh", meshOptions, options);
}

export function checkClientOptions(options: ClientOptions): void {
  check("mesh.client", clientOptions, options);
}

/** The options with the environment's and the defaults in the gaps. */
export function completeServerOptions(options: ServerOptions, env: NodeJS.ProcessEnv): Required<ServerOptions> {
  check("mesh.server", serverOptions, options);
  const host = options.host ?? (env["MESH_HOST"] || "127.0.0.1");
  const advertised = options.advertiseHost ?? (env["MESH_ADVERTISE_HOST"] || host);
  return {
    host,
    port: options.port ?? portFromEnv(env, "MESH_PORT") ?? 0,
    advertiseHost: isWildcard(advertised) ? outerAddress() : advertised,
  };
}

export function defaultInstance(env: NodeJS.ProcessEnv): string {
  return env["MESH_INSTANCE"] || `${hostname()}-${process.pid}`;
}

/** A port in a variable; undefined when it is not set. Throws INVALID_ARGUMENT when it is no port. */
export function portFromEnv(env: NodeJS.ProcessEnv, variable: string): number | undefined {
  const text = env[variable];
  if (text === undefined || text === "") return undefined;
  const result = port.safeParse(Number(text));
  if (result.success && /^\d+$/.test(text)) return result.data;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `${variable} is ${JSON.stringify(text)}: write a port, 0 to 65535, or unset it`,
  );
}

function check(caller: string, schema: z.ZodType, options: unknown): void {
  const result = schema.safeParse(options);
  if (result.success) return;
  const faults = result.error.issues.map((issue) => `${issue.path.join(".") || "options"}: ${issue.message}`);
  throw new MeshError("INVALID_ARGUMENT", `options of ${caller} are wrong: ${faults.join("; ")}`);
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** Who listens everywhere must still be found at one place. */
function outerAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  const outer =
    addresses.find((one) => !one.internal && one.family === "IPv4") ?? addresses.find((one) => !one.internal);
  return outer?.address ?? "127.0.0.1";
}
