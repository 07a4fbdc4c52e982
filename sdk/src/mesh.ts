/**
 * The composition root: the one place that knows every room. It decides nothing; it puts together what decides.
 *
 * A call at a client passes, from the outside in: the user's interceptors, the attempt engine (deadline, retries, hedges),
 * the channel (discovery, balancing), the transport. Metrics and logs observe the engine: there alone the attempts, the
 * sizes and the end of streams are known. At a server: transport, deadline of the contract, the user's interceptors, the
 * handler; metrics and logs observe the call as the transport sees it end, so what a late handler does is not counted.
 */
import type { ChannelInterface } from "@grpc/grpc-js";
import { policyNameFault } from "./balancing/pick-policies.ts";
import { NUMBER_KEY } from "./balancing/subset.ts";
import { type Address, formatAddress, isUnixPath } from "./call/address.ts";
import { type Clock, systemClock } from "./call/clock.ts";
import type { Logger } from "./call/logger.ts";
import { MeshError } from "./call/mesh-error.ts";
import { methodLabel } from "./call/method-info.ts";
import { systemRandom } from "./call/random.ts";
import { BoundMethod } from "./client/bound-method.ts";
import { GrpcJsChannel } from "./client/grpc-js-channel.ts";
import type { ClientExplanation } from "./client/explanation.ts";
import { closedError } from "./client/service-channel.ts";
import { typedClient } from "./client/typed-client.ts";
import type { MethodDefinition, ServiceDefinition } from "./contract/definition.ts";
import { overlayPolicies, reachable } from "./contract/merge-policy.ts";
import type { PolicyOverride } from "./contract/policy.ts";
import { ConsulHttp } from "./consul/consul-http.ts";
import { consulOptionsFromEnv } from "./consul/consul-options.ts";
import { consulRegistration } from "./consul/consul-registration.ts";
import { consulStore } from "./coordination/consul-store.ts";
import type { WaitBounds } from "./coordination/standing.ts";
import { Coordination, type LockOptions, type SemaphoreOptions } from "./coordination/coordination.ts";
import type { Election } from "./coordination/election.ts";
import type { Lock } from "./coordination/lock.ts";
import type { Semaphore } from "./coordination/semaphore.ts";
import type { SettingShape } from "./coordination/setting.ts";
import type { Settings } from "./coordination/settings.ts";
import type { Registration, ServiceInstance } from "./discovery/registration.ts";
import { parseTarget } from "./discovery/target.ts";
import { completeDiscoveryOptions } from "./discovery-options.ts";
import { idsTakenAt, type TakenIds, withOwnIds } from "./instance-ids.ts";
import { type BalancingChoice, MeshChannels } from "./mesh-channels.ts";
import {
  checkChannelOptions,
  checkClientOptions,
  checkMeshOptions,
  type ClientOptions,
  completeServerOptions,
  defaultInstance,
  type MeshChannelOptions,
  type MeshOptions,
  portFromEnv,
  registryUnreachableFromEnv,
  type ServerOptions,
  numberFromEnv,
  weightFromEnv,
} from "./mesh-options.ts";
import { isWildcard, outerAddress } from "./outer-address.ts";
import { withMetrics } from "./registration-metrics.ts";
import { tlsFromEnv } from "./security/tls-settings.ts";
import { LoadReporter } from "./server/load-reporter.ts";
import { MeshServer } from "./server/mesh-server.ts";
import { closeOnSignals } from "./signals.ts";
import { type AdminServer, type Check, startAdminServer } from "./telemetry/admin-server.ts";
import { clientLogObserver, serverLogObserver } from "./telemetry/call-log.ts";
import { createLogger } from "./telemetry/logging.ts";
import { createMetrics, type Metrics } from "./telemetry/metrics.ts";
import { DEFAULT_LIMITS, type TlsOptions, type Transport, type TransportLimits } from "./transport/transport.ts";
import { DEFAULT_TRANSPORT, transportFromEnv, transportNamed } from "./transport-choice.ts";

const DEFAULT_PROPAGATION_MS = 500;
const DEFAULT_GRACE_MS = 20_000;

/**
 * Makes the mesh of this process. Reads no more than the files of MESH_TLS_*: clients connect when they are made, servers
 * when they start.
 *
 * @throws MeshError INVALID_ARGUMENT that names every option that is wrong, or the first variable; UNIMPLEMENTED for a
 *   transport that is not in this build; FAILED_PRECONDITION
 *   for a registry that holds the metrics of another mesh.
 * @example
 * const mesh = createMesh({ service: "greeter" });
 * const translator = mesh.client(TranslatorService);
 * await mesh.server().add(GreeterService, { sayHello: async ({ name }) => ({ message: `Hello, ${name}` }) }).start();
 */
export function createMesh(options: MeshOptions = {}): Mesh {
  checkMeshOptions(options);
  return new Mesh(options);
}

export class Mesh {
  /** Name of this process in logs and metrics. */
  readonly service: string;
  /** Tells this process from others of its name. */
  readonly instance: string;
  readonly log: Logger;
  readonly #options: MeshOptions;
  readonly #clock: Clock;
  readonly #transport: Transport;
  readonly #limits: TransportLimits;
  readonly #weight: number;
  readonly #zone: string | undefined;
  #number: number | undefined;
  readonly #registryUnreachable: "fail" | "retry";
  readonly #tls: TlsOptions | undefined;
  readonly #metrics: Metrics;
  readonly #consul: ConsulHttp;
  readonly #coordination: Coordination;
  readonly #channels: MeshChannels;
  readonly #servers: MeshServer[] = [];
  /** In a registry that the user brings, of which other meshes may know nothing. */
  readonly #ownIds: TakenIds = new Set();
  #admin: Promise<AdminServer> | undefined;
  #stopSignals: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /** Use createMesh(). */
  constructor(options: MeshOptions) {
    const { env } = process;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const transport = options.transport ?? transportFromEnv(env) ?? DEFAULT_TRANSPORT;
    this.#transport = typeof transport === "string" ? transportNamed(transport) : transport;
    this.service = options.service ?? (env["MESH_SERVICE"] || "app");
    this.instance = options.instance ?? defaultInstance(env);
    this.log = options.log ?? createLogger({ service: this.service, instance: this.instance });
    this.#limits = {
      maxReceiveMessageBytes: options.limits?.maxReceiveMessageBytes ?? DEFAULT_LIMITS.maxReceiveMessageBytes,
      maxSendMessageBytes: options.limits?.maxSendMessageBytes ?? DEFAULT_LIMITS.maxSendMessageBytes,
    };
    this.#tls = options.tls ?? tlsFromEnv(env);
    this.#consul = new ConsulHttp(options.consul ?? consulOptionsFromEnv(env), this.#clock, this.log);
    this.#weight = options.weight ?? weightFromEnv(env) ?? 1;
    this.#zone = options.zone ?? (env["MESH_ZONE"] || undefined);
    this.#number = options.number ?? numberFromEnv(env);
    this.#registryUnreachable = options.registryUnreachable ?? registryUnreachableFromEnv(env) ?? "fail";
    completeDiscoveryOptions(options.discovery, env);
    portFromEnv(env, "MESH_ADMIN_PORT");
    // Last, so that a mesh that cannot be made leaves nothing in the user's registry.
    this.#metrics = createMetrics({ clock: this.#clock, ...(options.registry && { registry: options.registry }) });
    this.#channels = new MeshChannels({
      service: this.service,
      instance: this.instance,
      zone: this.#zone,
      number: () => this.#number,
      options,
      consul: this.#consul,
      transport: this.#transport,
      limits: this.#limits,
      clock: this.#clock,
      log: this.log,
      metrics: this.#metrics,
    });
    this.#coordination = new Coordination({
      store: consulStore(this.#consul, { clock: this.#clock }),
      clock: this.#clock,
      random: systemRandom,
      log: this.log,
      holder: `${this.service} ${this.instance}`,
      observer: this.#metrics.coordination,
    });
  }

  /** prom-client's registry behind /metrics: register your own metrics here. */
  get registry(): Metrics["registry"] {
    return this.#metrics.registry;
  }

  /**
   * A typed client, discovered and balanced. Clients of one target share connections. Throws INVALID_ARGUMENT for options
   * that are wrong, FAILED_PRECONDITION after close().
   */
  client<Client>(definition: ServiceDefinition<Client>, options: ClientOptions = {}): Client {
    checkClientOptions(options, this.#options.pickPolicies);
    const target = options.target ?? `consul:///${definition.meshName}`;
    if (this.#closing !== undefined) throw closedError(target);
    this.#checkPolicies(definition);
    const tls = options.tls === false ? undefined : (options.tls ?? this.#tls);
    const observers = [this.#metrics.clientObserver, clientLogObserver(this.log)];
    const bind = (method: MethodDefinition): BoundMethod => {
      const configuration = this.#configured(method, options.policy);
      const choice = this.#balancingOf(method, configuration, options.balancing);
      const environment = this.#channels.environment(target, choice, tls);
      const observing = observers.map((observe) => observe(method, environment.channel.target));
      return new BoundMethod(method, configuration, environment, observing);
    };
    const interceptors = [...(this.#options.clientInterceptors ?? []), ...(options.interceptors ?? [])];
    return typedClient(definition.methods, bind, interceptors) as Client;
  }

  /**
   * A channel for clients that @grpc/grpc-js runs, whoever generated them. Discovery, balancing, TLS, deadlines, what a
   * served call passes on, metrics and logs are the mesh's; the client's own interceptors run, the mesh's clientInterceptors do
   * not. Calls wait while endpoints are being found or connected to, as if waitForReady were set, and fail at once when
   * there is none. Throws INVALID_ARGUMENT for options that are wrong, FAILED_PRECONDITION after close().
   *
   * @param target as in ClientOptions: "greeter", "consul:///greeter", "static:///host:port,…", "dns:///host:port".
   * @example
   * new GreeterClient("greeter", credentials.createInsecure(), { channelOverride: mesh.channel("greeter") });
   */
  channel(target: string, options: MeshChannelOptions = {}): ChannelInterface {
    checkChannelOptions(options, this.#options.pickPolicies);
    if (this.#closing !== undefined) throw closedError(target);
    const balancingOf = (method: MethodDefinition): BalancingChoice =>
      this.#balancingOf(method, this.#configured(method, undefined), options.balancing);
    for (const contract of options.contracts ?? []) {
      this.#checkPolicies(contract);
      Object.values(contract.methods).forEach(balancingOf);
    }
    const tls = options.tls === false ? undefined : (options.tls ?? this.#tls);
    const environment = this.#channels.environment(target, { fixed: options.balancing }, tls);
    const observers = [this.#metrics.clientObserver, clientLogObserver(this.log)];
    return new GrpcJsChannel({
      environment,
      contracts: options.contracts ?? [],
      credentialsRule: tls !== undefined || options.plaintextCredentials === true ? "send" : "refuse",
      configured: (method) => reachable(this.#configured(method, undefined), method),
      environmentOf: (method) => this.#channels.environment(target, balancingOf(method), tls),
      observe: (method) => observers.map((observe) => observe(method, environment.channel.target)),
    });
  }

  /** What is said of a method's pick policy. Throws INVALID_ARGUMENT when there is none of the name. */
  #balancingOf(
    method: MethodDefinition,
    configuration: PolicyOverride | undefined,
    client: string | undefined,
  ): BalancingChoice {
    const fixed = client ?? configuration?.balancing;
    const contract = method.policy.balancing;
    const name = fixed ?? contract;
    const fault = name && policyNameFault(name, this.#options.pickPolicies);
    if (fault) throw new MeshError("INVALID_ARGUMENT", `balancing of ${methodLabel(method)}: ${fault}`);
    return { fixed, contract };
  }

  /** A server: add() services, then start() it. Throws INVALID_ARGUMENT for options or variables that are wrong. */
  server(options: ServerOptions = {}): MeshServer {
    this.#refuseClosed();
    const { host, port, advertiseHost } = completeServerOptions(options, process.env);
    const unix = isUnixPath(host);
    const server = new MeshServer({
      address: { host, port: unix ? 0 : port },
      advertiseHost: async () =>
        advertiseHost !== undefined && isWildcard(advertiseHost) ? outerAddress() : advertiseHost,
      advertisePort: unix ? port : undefined,
      limits: this.#limits,
      tls: this.#tls,
      transport: this.#transport,
      clock: this.#clock,
      log: this.log,
      observers: [this.#metrics.serverObserver, serverLogObserver(this.log)],
      interceptors: this.#options.serverInterceptors ?? [],
      load: this.#loadReporter(),
      registration: this.#registration(),
      prepare: () => this.#prepare(),
      describe: (definition, address, metadata) => this.#instanceOf(definition, address, metadata),
      propagationMs: this.#options.drain?.propagationMs ?? DEFAULT_PROPAGATION_MS,
      graceMs: this.#options.drain?.graceMs ?? DEFAULT_GRACE_MS,
    });
    this.#servers.push(server);
    return server;
  }

  /**
   * A lock of this name among all processes that use the same Consul: acquire() it, or run() work under it. Asks nobody yet.
   * Throws INVALID_ARGUMENT for a name or options that are wrong, FAILED_PRECONDITION after close(), but not yet while handlers
   * finish their calls.
   *
   * @example
   * await mesh.lock("nightly-report").run(async ({ token, signal }) => store.write(report, { token, signal }));
   */
  lock(name: string, options: LockOptions = {}): Lock {
    return this.#coordination.lock(name, options);
  }

  /**
   * An election of this name among all processes that use the same Consul: campaign() in it, or watch() who leads. Asks nobody
   * yet. Throws as lock() does.
   *
   * @example
   * mesh.election("scheduler").campaign(async ({ token, signal }) => schedule({ token, signal }));
   */
  election(name: string, options: LockOptions = {}): Election {
    return this.#coordination.election(name, options);
  }

  /**
   * A semaphore of this name among all processes that use the same Consul: up to options.limit hold it at a time. Asks nobody yet.
   * Throws as lock() does.
   *
   * @example
   * await mesh.semaphore("reports", { limit: 3 }).run(async ({ signal }) => render(report, { signal }));
   */
  semaphore(name: string, options: SemaphoreOptions): Semaphore {
    return this.#coordination.semaphore(name, options);
  }

  /**
   * Takes the lowest number, from 0, that no other process of this name (`service`) holds, for as long as this one lives: in
   * place of MESH_NUMBER, where processes are not numbered by what starts them. Clients that connect to a subset go by it, and
   * servers that start afterwards are registered with it. Rejects as lock("…").tryAcquire() does. A number that is lost, as in
   * a pause that outlasts its session, may be another's too, which makes connections less even and nothing else.
   */
  async claimNumber(bounds: WaitBounds = {}): Promise<number> {
    const { number, held } = await this.#coordination.claimNumber(this.service, bounds);
    this.#number = number;
    const lost = (): void => this.log.warn({ number }, "number was lost: another process of this name may have it too");
    held.signal.addEventListener("abort", () => this.#closing === undefined && lost(), { once: true });
    return number;
  }

  /**
   * Settings from Consul's keys below "prefix/", each as JSON: their defaults at first, then what is stored, then every change of
   * it; a value that cannot be used replaces nothing. Begins to follow Consul. Throws INVALID_ARGUMENT for a prefix, names or
   * defaults that are wrong, FAILED_PRECONDITION after close().
   *
   * @param shape 1 to 32 settings by name: each its default, and perhaps what checks it.
   * @example
   * const settings = mesh.settings("config/greeter", { greeting: { default: "Hello" }, maxItems: { default: 10 } });
   * settings.current.maxItems;
   */
  settings<T extends object>(prefix: string, shape: SettingShape<T>): Settings<T> {
    return this.#coordination.settings(prefix, shape);
  }

  /**
   * Why calls go where they go: what each client of a target knows of every endpoint now. Empty while nothing in this process
   * calls it. /debug/balancer of the admin port tells the same of all targets. Throws INVALID_ARGUMENT for what is no target.
   *
   * @param target as in ClientOptions: "greeter", "consul:///greeter".
   * @example
   * console.table(mesh.explain("greeter").flatMap(({ endpoints }) => endpoints));
   */
  explain(target: string): ClientExplanation[] {
    const { scheme, name } = parseTarget(target);
    return this.#channels.explain().filter((client) => client.target === `${scheme}:///${name}`);
  }

  /**
   * The address of /metrics, /livez, /readyz and /debug/balancer; undefined when they are off. Starts them if no server has: processes
   * that only call ask here. Rejects when the port cannot be had, and with FAILED_PRECONDITION after close().
   */
  async admin(): Promise<Address | undefined> {
    if (this.#options.admin === false) return undefined;
    if (this.#admin === undefined) {
      this.#refuseClosed();
      const starting = this.#startAdmin();
      this.#admin = starting;
      // A port that is taken now may be free when somebody asks again.
      starting.catch(() => (this.#admin = undefined));
    }
    return (await this.#admin).address;
  }

  /**
   * Leaves in order: servers deregister, wait until callers know, finish their calls; then leaders step down and locks are
   * released; then clients, registry and admin port close. Resolves when all is closed; later calls wait for the first.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
    await this.#coordination.close();
    this.#channels.close();
    this.#consul.close();
    const admin = await this.#admin?.catch(() => undefined);
    await admin?.close();
    this.#stopSignals?.();
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw new MeshError("FAILED_PRECONDITION", "mesh is closed: make a new one");
  }

  #loadReporter(): LoadReporter | undefined {
    const { loadReports } = this.#options;
    if (loadReports === false) return undefined;
    const options = typeof loadReports === "object" ? loadReports : {};
    return new LoadReporter({ ...options, clock: this.#clock, log: this.log });
  }

  #registration(): Registration | undefined {
    const { registration } = this.#options;
    if (registration === false) return undefined;
    const consul = (): Registration =>
      consulRegistration(this.#consul, {
        clock: this.#clock,
        log: this.log,
        whenUnreachable: this.#registryUnreachable,
      });
    const taken = registration === undefined ? idsTakenAt(this.#consul.place) : this.#ownIds;
    return withOwnIds(withMetrics(registration ?? consul(), this.#metrics), taken);
  }

  /** A policy for a method that its service does not have would go unread. */
  #checkPolicies({ typeName, methods }: ServiceDefinition): void {
    const known = Object.values(methods).map((method) => methodLabel(method));
    const wrong = Object.keys(this.#options.policies ?? {}).filter(
      (key) => key.startsWith(`${typeName}/`) && !known.includes(key),
    );
    if (wrong.length === 0) return;
    throw new MeshError(
      "INVALID_ARGUMENT",
      `policies name ${wrong.join(", ")}, which ${typeName} does not have: write one of ${known.join(", ")}`,
    );
  }

  /** The mesh's configuration for a method, the narrower over the wider. */
  #configured(method: MethodDefinition, client: PolicyOverride | undefined): PolicyOverride | undefined {
    const { policies } = this.#options;
    return overlayPolicies([
      reachable(policies?.[method.service], method),
      policies?.[methodLabel(method)],
      reachable(client, method),
    ]);
  }

  /** What every server of the process needs once; resolves to what its registrations tell of the process. */
  async #prepare(): Promise<Readonly<Record<string, string>>> {
    if (this.#options.handleSignals !== false) this.#stopSignals ??= closeOnSignals(() => this.close(), this.log);
    const admin = await this.admin();
    return admin === undefined ? {} : { admin: formatAddress(admin) };
  }

  #instanceOf(
    { meshName }: ServiceDefinition,
    address: Address,
    metadata: Readonly<Record<string, string>>,
  ): ServiceInstance {
    const { version } = this.#options;
    const number = this.#number;
    return {
      name: meshName,
      id: `${meshName}-${this.instance}`,
      address,
      weight: this.#weight,
      version: version ?? (process.env["MESH_VERSION"] || undefined),
      zone: this.#zone,
      tags: ["grpc"],
      metadata: number === undefined ? metadata : { ...metadata, [NUMBER_KEY]: String(number) },
    };
  }

  #startAdmin(): Promise<AdminServer> {
    const options = this.#options.admin === false ? {} : this.#options.admin;
    return startAdminServer({
      host: options?.host ?? "127.0.0.1",
      port: options?.port ?? portFromEnv(process.env, "MESH_ADMIN_PORT") ?? 0,
      metrics: this.#metrics,
      live: () => ({ ok: true }),
      ready: () => this.#ready(),
      explain: () => this.#channels.explain(),
      log: this.log,
    });
  }

  #ready(): Check {
    if (this.#closing !== undefined) return { ok: false, failures: [{ check: "mesh", reason: "mesh is closing" }] };
    const failures = this.#servers.flatMap((server) =>
      server.ready ? [] : [{ check: "server", reason: "server is not serving: it starts, drains or has stopped" }],
    );
    return failures.length === 0 ? { ok: true } : { ok: false, failures };
  }
}
