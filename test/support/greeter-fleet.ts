/**
 * Greeters in a registry, and one client that calls them: what a cluster's users are, in one process, each on a mesh of
 * its own. The fleet knows which greeters are well, so it can tell a client that has lost one of them.
 */
import { createMesh, type Mesh, MeshError, type MeshOptions, type MeshServer } from "@meshwork/sdk";
import {
  GreeterService,
  type GreeterServiceClient,
  type GreeterServiceHandlers,
} from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { pino } from "pino";
import type { LogLine } from "./logs.ts";
import { watchedTransport } from "./watched-transport.ts";

type Consul = NonNullable<MeshOptions["consul"]>;

export interface Greeter {
  /** As registered: "greeter-1". */
  readonly id: string;
  readonly port: number;
  /** Where it is of the client's view; "gone" once it has been told to leave. */
  readonly state: "well" | "gone";
  /** Leaves in order. Resolves when it is stopped, whether or not the registry could be told. */
  leave(): Promise<void>;
}

export interface Eviction {
  readonly id: string;
  readonly at: number;
}

const QUIET = { admin: false, handleSignals: false } as const satisfies MeshOptions;
/** Between attempts to start a greeter while the registry refuses: short, for the wait is part of what is measured. */
const START_AGAIN_MS = 50;
/** Callers hear of a departure within a tenth of this. */
const PROPAGATION_MS = 100;

export class GreeterFleet {
  readonly #consul: Consul;
  readonly #greeters = new Map<number, FleetGreeter>();
  readonly #view = new Set<number>();
  readonly #meshes: Mesh[] = [];
  readonly #changes = new Set<() => void>();
  readonly #log;
  readonly evictions: Eviction[] = [];
  /** What the meshes have logged, warnings and worse; a line for each call would be too much. */
  readonly warnings: LogLine[] = [];
  #closing = false;

  /** @param consul where greeters and clients find it. */
  constructor(consul: Consul) {
    this.#consul = consul;
    const level = (label: string): object => ({ level: label });
    const write = (line: string): void => void this.warnings.push(JSON.parse(line) as LogLine);
    this.#log = pino({ level: "warn", formatters: { level } }, { write });
  }

  /** Starts a greeter and registers it. Rejects when the registry does not take it. */
  async start(name: string): Promise<Greeter> {
    const mesh = this.#mesh({
      service: "greeter",
      instance: name,
      drain: { propagationMs: PROPAGATION_MS, graceMs: 1_000 },
    });
    const id = `greeter-${name}`;
    let server: MeshServer;
    try {
      server = await mesh.server().add(GreeterService, handlers(id)).start();
    } catch (error) {
      await mesh.close();
      throw error;
    }
    const greeter = new FleetGreeter(id, server.address.port, mesh);
    this.#greeters.set(greeter.port, greeter);
    return greeter;
  }

  /** start(), again and again while the registry cannot be reached. */
  async startStubbornly(name: string, signal: AbortSignal): Promise<Greeter> {
    for (;;) {
      try {
        return await this.start(name);
      } catch (error) {
        if (!(error instanceof MeshError)) throw error;
        signal.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, START_AGAIN_MS));
      }
    }
  }

  /** A client of the greeters whose view the fleet watches. Calls are sent once: a retry would hide what went wrong. */
  client(options: MeshOptions = {}): GreeterServiceClient {
    const transport = watchedTransport({
      appeared: (port) => this.#change(() => this.#view.add(port)),
      disappeared: (port) => this.#change(() => this.#lost(port)),
    });
    return this.#mesh({ service: "caller", registration: false, transport, ...options }).client(GreeterService, {
      policy: { retry: null },
    });
  }

  /** A client that the fleet does not watch, and the mesh that it is of. */
  bystander(options: MeshOptions = {}): { readonly client: GreeterServiceClient; close(): Promise<void> } {
    const mesh = this.#mesh({ service: "bystander", registration: false, ...options });
    return { client: mesh.client(GreeterService, { policy: { retry: null } }), close: () => mesh.close() };
  }

  get greeters(): readonly Greeter[] {
    return [...this.#greeters.values()];
  }

  /** Whether the watched client would call it. */
  sees({ port }: Greeter): boolean {
    return this.#view.has(port);
  }

  /** Resolves once the client's view is as wanted; rejects when the signal aborts. */
  async when(wanted: () => boolean, signal: AbortSignal): Promise<void> {
    while (!wanted()) {
      signal.throwIfAborted();
      await this.#nextChange(signal);
    }
  }

  /** Closes every client, then every greeter. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#meshes.toReversed().map((mesh) => mesh.close()));
  }

  #mesh(options: MeshOptions): Mesh {
    const mesh = createMesh({ ...QUIET, consul: this.#consul, log: this.#log, ...options });
    this.#meshes.push(mesh);
    return mesh;
  }

  #lost(port: number): void {
    this.#view.delete(port);
    const greeter = this.#greeters.get(port);
    if (greeter?.state === "well" && !this.#closing) this.evictions.push({ id: greeter.id, at: performance.now() });
  }

  #change(apply: () => void): void {
    apply();
    const listeners = [...this.#changes];
    this.#changes.clear();
    for (const listener of listeners) listener();
  }

  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        this.#changes.delete(done);
        resolve();
      };
      this.#changes.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

class FleetGreeter implements Greeter {
  readonly id: string;
  readonly port: number;
  state: "well" | "gone" = "well";
  readonly #mesh: Mesh;

  constructor(id: string, port: number, mesh: Mesh) {
    this.id = id;
    this.port = port;
    this.#mesh = mesh;
  }

  leave(): Promise<void> {
    this.state = "gone";
    return this.#mesh.close();
  }
}

function handlers(instance: string): GreeterServiceHandlers {
  return {
    sayHello: ({ name }) => ({ message: `hello, ${name}`, instance }),
    async *sayHelloEverywhere() {},
    greetGroup: async () => ({}),
    async *chat() {},
  };
}
