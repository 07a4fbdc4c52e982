/**
 * A server of one process: services are added, then it listens, turns healthy and registers; it leaves in the opposite
 * order, so that callers hear of its going before it stops answering.
 */
import type { ServiceDefinition as GrpcService, UntypedServiceImplementation } from "@grpc/grpc-js";
import { type Address, formatAddress } from "../call/address.ts";
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { ServerObserver } from "../call/observer.ts";
import type { MethodDefinition, ServiceDefinition } from "../contract/definition.ts";
import type { Registered, Registration, ServiceInstance } from "../discovery/registration.ts";
import type {
  Dispatch,
  Listener,
  ServerMethod,
  TlsOptions,
  Transport,
  TransportLimits,
} from "../transport/transport.ts";
import { checkServerTls } from "../security/tls-settings.ts";
import { adaptService, type AddServiceOptions } from "./grpc-js-service.ts";
import { Health, HealthService } from "./health-service.ts";
import type { ServerInterceptor } from "./interceptor.ts";
import type { LoadReporter } from "./load-reporter.ts";
import { LoadService } from "./load-service.ts";
import { REFLECTION_SERVICES, reflectionHandlers } from "./reflection-service.ts";
import { type Handler, ServedMethod, type ServerEnvironment } from "./served-method.ts";
import { serveStream } from "./serve-stream.ts";
import { serveUnary } from "./serve-unary.ts";
import { serveUnknown, UNKNOWN_METHOD } from "./serve-unknown.ts";

export interface MeshServerOptions {
  /** What to listen on; port 0 asks for any free one. */
  readonly address: Address;
  /** The host that others reach it by; resolves to undefined when they cannot, so that it is not registered. */
  advertiseHost(): Promise<string | undefined>;
  /** Default: the port it listens on. */
  readonly advertisePort?: number | undefined;
  readonly limits: TransportLimits;
  /** undefined: plaintext. */
  readonly tls?: TlsOptions | undefined;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observers: readonly ServerObserver[];
  readonly interceptors: readonly ServerInterceptor[];
  /** Tells callers of the server's load; undefined: nobody does. */
  readonly load?: LoadReporter | undefined;
  /** undefined: serve without being found. */
  readonly registration: Registration | undefined;
  /** Called once it listens, before anything is registered; resolves to what registrations tell of the process. */
  prepare(): Promise<Readonly<Record<string, string>>>;
  describe(service: ServiceDefinition, address: Address, metadata: Readonly<Record<string, string>>): ServiceInstance;
  /** Milliseconds between deregistration and the end of new calls: callers need that long to hear of it. */
  readonly propagationMs: number;
  /** Milliseconds that calls under way have to finish. */
  readonly graceMs: number;
}

type State =
  | { readonly kind: "new" }
  | { readonly kind: "starting"; readonly done: Promise<void> }
  | {
      readonly kind: "serving";
      readonly listener: Listener;
      readonly health: HealthService;
      readonly registered: readonly Registered[];
    }
  | { readonly kind: "stopped"; readonly done: Promise<void> };

interface Added {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, Handler>>;
}

export class MeshServer {
  readonly #options: MeshServerOptions;
  readonly #added: Added[] = [];
  readonly #inFlight = { count: 0 };
  #state: State = { kind: "new" };

  constructor(options: MeshServerOptions) {
    this.#options = options;
  }

  /**
   * Adds a service before start(). Throws INVALID_ARGUMENT when handlers lack a method; it then also names functions that
   * are no method, since one is often the other misspelt. Throws FAILED_PRECONDITION when the service was added before or
   * the server has started.
   */
  add<Handlers>(definition: ServiceDefinition<unknown, Handlers>, handlers: Handlers): this {
    if (typeof definition?.methods !== "object") {
      throw new MeshError(
        "INVALID_ARGUMENT",
        "add() was given no service definition: give one from generated code or loadContract(), then its handlers",
      );
    }
    const name = definition.typeName;
    if (this.#state.kind !== "new") {
      throw new MeshError("FAILED_PRECONDITION", `service ${name} was added after start(): add every service before`);
    }
    if (this.#added.some((one) => one.definition.typeName === name)) {
      throw new MeshError(
        "FAILED_PRECONDITION",
        `service ${name} was added twice: add it once, on each server that has it`,
      );
    }
    this.#added.push({ definition, handlers: checkedHandlers(definition, handlers) });
    return this;
  }

  /**
   * Adds a service as it was written for @grpc/grpc-js, for its Server's method of this name: with handlers that take a
   * call and a callback, or a stream. Methods that the implementation lacks answer UNIMPLEMENTED. A health service of the
   * user's takes the place of the mesh's. Throws as add() does.
   *
   * @example
   * new HealthImplementation({ "": "SERVING" }).addToServer(server);
   */
  addService(service: GrpcService, implementation: UntypedServiceImplementation, options?: AddServiceOptions): this {
    const { definition, handlers } = adaptService(service, implementation, this.#options.clock, options);
    return this.add(definition as ServiceDefinition<unknown, typeof handlers>, handlers);
  }

  /** Where it listens. Throws FAILED_PRECONDITION before start(). */
  get address(): Address {
    if (this.#state.kind !== "serving")
      throw new MeshError("FAILED_PRECONDITION", "server does not listen: start() it first");
    return this.#state.listener.address;
  }

  /** Whether it serves and is registered. */
  get ready(): boolean {
    return this.#state.kind === "serving" && this.#state.health.status === "SERVING";
  }

  /** Calls being handled now. */
  get inFlight(): number {
    return this.#inFlight.count;
  }

  /**
   * Listens, turns healthy, registers. Rejects with a MeshError that says what, where and what to do when the address
   * cannot be had or the registry cannot be reached; nothing is left behind then.
   */
  async start(): Promise<this> {
    if (this.#state.kind !== "new")
      throw new MeshError("FAILED_PRECONDITION", "server was started before: make a new one");
    if (this.#added.length === 0)
      throw new MeshError("FAILED_PRECONDITION", "server has no services: add() one before start()");
    // Later, so that whatever #start() makes of the state comes after this.
    const done = Promise.resolve().then(() => this.#start());
    this.#state = { kind: "starting", done };
    await done;
    return this;
  }

  /** Leaves the mesh: unhealthy, deregistered, drained. Resolves when all is closed; later calls wait for the first. */
  async stop(): Promise<void> {
    if (this.#state.kind === "starting") await this.#state.done.catch(() => {});
    const state = this.#state;
    if (state.kind === "stopped") return state.done;
    const done = state.kind === "serving" ? this.#leave(state) : Promise.resolve();
    this.#state = { kind: "stopped", done };
    return done;
  }

  async #start(): Promise<void> {
    const { transport, address, limits, tls, clock, log, registration } = this.#options;
    const health = new HealthService(this.#added.map(({ definition }) => definition.typeName));
    let listener: Listener;
    try {
      checkServerTls(tls);
      listener = await transport.listen(
        { address, limits, tls, clock, unknown: this.#unknown() },
        this.#dispatch(health),
      );
    } catch (error) {
      this.#state = { kind: "new" };
      throw error;
    }
    health.set("SERVING");
    const registered: Registered[] = [];
    try {
      const metadata = await this.#options.prepare();
      if (registration !== undefined) await this.#register(registration, listener.address, metadata, registered);
    } catch (error) {
      const done = this.#leave({ listener, health, registered });
      this.#state = { kind: "stopped", done };
      await done;
      throw error;
    }
    this.#state = { kind: "serving", listener, health, registered };
    const services = this.#added.map(({ definition }) => definition.meshName);
    log.info({ services, address: formatAddress(listener.address) }, "server is serving");
  }

  /** @param registered what is registered goes in here, whatever comes after. */
  async #register(
    registration: Registration,
    { host, port }: Address,
    metadata: Readonly<Record<string, string>>,
    registered: Registered[],
  ): Promise<void> {
    const { advertisePort, log } = this.#options;
    const advertiseHost = await this.#options.advertiseHost();
    if (advertiseHost === undefined) {
      const why =
        "others find no Unix socket: give advertiseHost and port of what forwards to it to have it registered";
      log.info({ address: formatAddress({ host, port }) }, `server is not registered, since ${why}`);
      return;
    }
    const advertised = { host: advertiseHost, port: advertisePort ?? port };
    // Two versions of a service may share a name: to callers they are one instance.
    const named = new Map(this.#added.map(({ definition }) => [definition.meshName, definition]));
    // Every server has a health service: it is asked at an instance, never looked for.
    const found = [...named.values()].filter(({ typeName }) => typeName !== Health.typeName);
    const results = await Promise.allSettled(
      found.map(async (definition) => {
        registered.push(await registration.register(this.#options.describe(definition, advertised, metadata)));
      }),
    );
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #leave({ listener, health, registered }: Omit<Extract<State, { kind: "serving" }>, "kind">): Promise<void> {
    const { log, clock, propagationMs, graceMs } = this.#options;
    log.info({ in_flight: this.#inFlight.count }, "server is draining");
    const deregistrations = await Promise.allSettled(registered.map((one) => one.deregister()));
    for (const result of deregistrations) {
      if (result.status === "rejected") log.warn({ err: result.reason }, "instance could not be deregistered");
    }
    health.set("NOT_SERVING");
    health.close();
    if (registered.length > 0) await new Promise<void>((resolve) => void clock.setTimer(resolve, propagationMs));
    await listener.drain(graceMs);
    log.info("server has stopped");
  }

  #unknown(): ServerMethod {
    const { clock, log, observers } = this.#options;
    const bound = observers.map((bind) => bind(UNKNOWN_METHOD));
    return serveUnknown(
      new ServedMethod(UNKNOWN_METHOD, () => {}, [], bound, { clock, log, inFlight: this.#inFlight }),
    );
  }

  #dispatch(health: HealthService): Dispatch {
    const { clock, load, log, interceptors, observers } = this.#options;
    const dispatch = new Map<string, ServerMethod>();
    const environment: ServerEnvironment = { clock, log, inFlight: this.#inFlight, load };
    for (const { definition, handlers } of this.#added) {
      for (const [name, method] of Object.entries(definition.methods)) {
        const handler = handlers[name] as Handler;
        const served = new ServedMethod(
          method,
          handler,
          interceptors,
          observers.map((bind) => bind(method)),
          environment,
        );
        dispatch.set(method.path, serverMethod(method, served));
      }
    }
    // The mesh's own services: not the user's to intercept, too frequent and too dull for logs and metrics.
    const own: Added[] = [
      { definition: Health, handlers: asHandlers(health.handlers) },
      ...REFLECTION_SERVICES.map((definition) => ({
        definition,
        handlers: asHandlers(reflectionHandlers(this.#added.map((one) => one.definition))),
      })),
    ];
    if (load !== undefined) {
      own.push({ definition: LoadService, handlers: asHandlers({ getLoad: () => load.report() }) });
    }
    const ownEnvironment = { clock, log, inFlight: { count: 0 } };
    const users = new Set(this.#added.map(({ definition }) => definition.typeName));
    for (const { definition, handlers } of own) {
      if (users.has(definition.typeName)) continue;
      for (const [name, method] of Object.entries(definition.methods)) {
        const served = new ServedMethod(method, handlers[name] as Handler, [], [], ownEnvironment);
        dispatch.set(method.path, serverMethod(method, served));
      }
    }
    return dispatch;
  }
}

function serverMethod(method: MethodDefinition, served: ServedMethod): ServerMethod {
  return method.kind === "unary" ? serveUnary(served) : serveStream(served);
}

function asHandlers(handlers: object): Readonly<Record<string, Handler>> {
  return handlers as Readonly<Record<string, Handler>>;
}

/** Handlers bound to their object, so that classes work; every method checked, all faults named at once. */
function checkedHandlers(definition: ServiceDefinition, handlers: unknown): Readonly<Record<string, Handler>> {
  if (typeof handlers !== "object" || handlers === null) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `handlers of ${definition.typeName} are ${typeof handlers}: give an object with a function for each method`,
    );
  }
  const bound: Record<string, Handler> = Object.create(null);
  const missing: string[] = [];
  for (const name of Object.keys(definition.methods)) {
    const handler: unknown = Reflect.get(handlers, name);
    if (typeof handler === "function" && handler !== Reflect.get(Object.prototype, name))
      bound[name] = handler.bind(handlers);
    else missing.push(name);
  }
  const unknown = Object.keys(handlers).filter(
    (name) => !Object.hasOwn(definition.methods, name) && typeof Reflect.get(handlers, name) === "function",
  );
  if (missing.length > 0) {
    const extra = unknown.length > 0 ? `, and it has no method ${unknown.join(", ")}` : "";
    throw new MeshError("INVALID_ARGUMENT", `handlers of ${definition.typeName} lack ${missing.join(", ")}${extra}`);
  }
  return bound;
}
