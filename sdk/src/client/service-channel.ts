/**
 * A client's way to one service: watches who serves it, keeps a connection to each while there are calls, and picks among
 * those that are ready. The pick policy decides; this file only knows who can be asked.
 */
import { EndpointState } from "../balancing/endpoint-state.ts";
import type { Balancer } from "../balancing/balancer.ts";
import type { Endpoint } from "../balancing/endpoint.ts";
import { decodeLoadReport } from "../balancing/orca.ts";
import type { PickContext } from "../balancing/pick-policy.ts";
import { formatAddress } from "../call/address.ts";
import type { Clock, Timer } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import { completeConnectionOptions, type ConnectionOptions } from "./connection-options.ts";
import { ConnectionPacer } from "./connection-pacer.ts";
import { type ClientExplanation, explainEndpoint } from "./explanation.ts";
import { LoadProbes } from "./load-probes.ts";
import type { Directory, EndpointView, Watch } from "../discovery/directory.ts";
import type {
  Connection,
  ConnectionState,
  DisconnectError,
  TlsOptions,
  Transport,
  TransportLimits,
} from "../transport/transport.ts";

/** Told what happens to a channel's endpoints and connections. */
export interface ChannelObserver {
  viewChanged(view: EndpointView): void;
  /** @param cause why a connection that was ready is no longer, where the transport knows. */
  connectionChanged(from: ConnectionState, to: ConnectionState, cause: DisconnectError | undefined): void;
  closed(): void;
}

export interface ServiceChannelOptions {
  /** As the user wrote it: "consul:///greeter". */
  readonly target: string;
  /** The target's part that the directory understands: "greeter". */
  readonly name: string;
  readonly directory: Directory;
  readonly transport: Transport;
  readonly balancer: Balancer;
  readonly clock: Clock;
  readonly limits: TransportLimits;
  /** undefined: plaintext. */
  readonly tls?: TlsOptions | undefined;
  readonly observer?: ChannelObserver;
  /** An endpoint has told its load in a way that cannot be read; the call is none the worse for it. */
  readonly loadReportUnreadable?: (endpoint: Endpoint) => void;
  readonly connections?: ConnectionOptions | undefined;
  /** Which of the known endpoints it connects to. Default: all. */
  readonly choose?: (endpoints: readonly Endpoint[]) => readonly Endpoint[];
}

/** A stream that a channel ends when it closes; it may have no end of its own. */
export interface OpenStream {
  fail(code: "CANCELLED", reason: string): void;
}

/** A load report so young, in milliseconds, is as good as one that is asked for. */
const FRESH_REPORT_MS = 20;

/** An endpoint with its connection. */
interface Member {
  state: EndpointState;
  connection: Connection;
}

export class ServiceChannel {
  readonly target: string;
  readonly balancer: Balancer;
  readonly #options: ServiceChannelOptions;
  readonly #idleMs: number;
  readonly #pacer: ConnectionPacer;
  readonly #probes: LoadProbes;
  readonly #watch: Watch;
  readonly #members = new Map<string, Member>();
  readonly #connections = new Map<EndpointState, Connection>();
  readonly #waiting = new Set<() => void>();
  readonly #streams = new Set<OpenStream>();
  /** Whether some connection is ready. */
  #ready = false;
  #view: EndpointView | undefined;
  #closed = false;
  /** Whether connections wait for a call. */
  #asleep: boolean;
  /** When an endpoint was last asked for. */
  #usedMs: number;
  #idleTimer: Timer | undefined;

  constructor(options: ServiceChannelOptions) {
    this.target = options.target;
    this.balancer = options.balancer;
    this.#options = options;
    const { connect, idleMs, maxConnecting } = completeConnectionOptions(options.connections);
    this.#idleMs = idleMs;
    this.#pacer = new ConnectionPacer(maxConnecting);
    this.#probes = new LoadProbes(options.clock);
    this.#usedMs = options.clock.now();
    this.#asleep = connect === "lazy";
    if (!this.#asleep) this.#awaitIdleness();
    this.#watch = options.directory.watch(options.name, (view) => this.#apply(view));
  }

  /**
   * The endpoint for the next attempt, or undefined when there is none now: obstacle() then says whether to wait. Prefers
   * endpoints that the call has not tried. When every endpoint is down, one is given all the same: its connection knows
   * why, and tries again.
   */
  pick(
    call: PickContext,
    tried: readonly EndpointState[],
    nowMs = this.#options.clock.now(),
  ): EndpointState | undefined {
    this.#usedMs = nowMs;
    if (this.#asleep) this.wake();
    return this.balancer.pick(call, tried, nowMs);
  }

  /** An answer has brought an endpoint's load report, or none; policies that do not go by them spare its reading. */
  loadTold(state: EndpointState, bytes: Uint8Array | undefined, nowMs: number): void {
    if (bytes === undefined || !this.balancer.listens) return;
    const report = decodeLoadReport(bytes);
    if (report === undefined) this.#options.loadReportUnreadable?.(state.endpoint);
    else this.balancer.reported(state, report, nowMs);
  }

  /** Asks an endpoint for its load, for the balancer; one that has just told it is not asked again. */
  probe(state: EndpointState): void {
    if (this.#options.clock.now() - state.reportedMs < FRESH_REPORT_MS) return this.balancer.remind(state);
    const connection = this.#connections.get(state);
    if (connection !== undefined) {
      this.#probes.ask(state, connection, (bytes) => this.loadTold(state, bytes, this.#options.clock.now()));
    }
  }

  /** Connects, if connections wait for a call. */
  wake(): void {
    if (!this.#asleep || this.#closed) return;
    this.#asleep = false;
    for (const { connection } of this.#members.values()) this.#pacer.add(connection);
    this.#awaitIdleness();
  }

  /** The connection of a picked endpoint; undefined once the endpoint has gone. */
  connectionOf(state: EndpointState): Connection | undefined {
    return this.#connections.get(state);
  }

  /** What a call would find: an endpoint that is ready, one that may become so, or none. */
  get state(): ConnectionState {
    if (this.#closed) return "closed";
    if (this.#ready) return "ready";
    if (this.#asleep) return "idle";
    if (this.#view === undefined) return "connecting";
    for (const { connection } of this.#members.values()) {
      if (connection.state === "connecting" || connection.state === "idle") return "connecting";
    }
    return "failed";
  }

  /** How many endpoints could be tried. */
  get size(): number {
    return this.#members.size;
  }

  /** What is known of each endpoint, ready or not. */
  get endpoints(): readonly EndpointState[] {
    return [...this.#connections.keys()];
  }

  /** Why no endpoint can be picked, when waiting is of no use; undefined when waiting may help. */
  obstacle(): MeshError | undefined {
    if (this.#closed) return closedError(this.target);
    if (this.#view === undefined || this.#view.endpoints.length > 0) return undefined;
    const { error } = this.#view;
    if (error !== undefined) {
      const reason = error instanceof MeshError ? error.reason : error.message;
      return new MeshError("UNAVAILABLE", `no instance of ${this.target} is known: ${reason}`, { cause: error });
    }
    return new MeshError(
      "UNAVAILABLE",
      `no healthy instance of ${this.target} is registered: start one, or look with "mesh ls" whether its name or its checks differ`,
    );
  }

  /** What a call would be waiting for: the end of a sentence for people. */
  describeWait(): string {
    if (this.#view === undefined) return `the directory of ${this.target} has not answered yet`;
    const states = [...this.#members.values()].map(
      ({ state, connection }) => `${formatAddress(state.endpoint.address)} is ${connection.state}`,
    );
    return `no endpoint of ${this.target} is ready: ${states.join(", ")}`;
  }

  /** What is known of each endpoint, and why it is called or not. */
  explain(): ClientExplanation {
    const nowMs = this.#options.clock.now();
    const error = this.#view?.error;
    const { elsewhere } = this.balancer;
    return {
      target: this.target,
      policy: this.balancer.policy,
      freshness: this.#view?.freshness ?? "unknown",
      ...(error !== undefined && { error: error.message }),
      known: this.#view?.endpoints.length ?? 0,
      panicking: this.balancer.panicking,
      ...(elsewhere !== undefined && { elsewhere }),
      endpoints: [...this.#members.values()].map(({ state, connection }) =>
        explainEndpoint(state, connection.state, this.balancer, nowMs),
      ),
    };
  }

  /** Calls back after the next change that may make a pick possible, once; the returned function unsubscribes. */
  onceChanged(listener: () => void): () => void {
    this.#waiting.add(listener);
    return () => this.#waiting.delete(listener);
  }

  /** Streams say when they begin and end, so that none outlives the channel. */
  opened(stream: OpenStream): void {
    this.#streams.add(stream);
  }

  ended(stream: OpenStream): void {
    this.#streams.delete(stream);
  }

  /** Ends streams with CANCELLED; unary calls under way, which have deadlines, may finish. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    this.#idleTimer?.cancel();
    for (const stream of this.#streams) stream.fail("CANCELLED", `client of ${this.target} was closed during the call`);
    for (const id of this.#members.keys()) this.#remove(id);
    this.#options.observer?.closed();
    this.#changed();
  }

  #apply(view: EndpointView): void {
    if (this.#closed) return;
    this.#view = view;
    const endpoints = this.#options.choose?.(view.endpoints) ?? view.endpoints;
    const listed = new Set(endpoints.map((endpoint) => endpoint.id));
    for (const id of this.#members.keys()) if (!listed.has(id)) this.#remove(id);
    for (const endpoint of endpoints) {
      const member = this.#members.get(endpoint.id);
      if (member !== undefined && sameAddress(member.state, endpoint.address)) {
        member.state.endpoint = endpoint;
      } else {
        if (member !== undefined) this.#remove(endpoint.id);
        this.#add(new EndpointState(endpoint));
      }
    }
    this.#options.observer?.viewChanged(view);
    this.#changed();
  }

  #add(state: EndpointState): void {
    const connection = this.#connectTo(state);
    this.#members.set(state.endpoint.id, { state, connection });
    this.#connections.set(state, connection);
    if (!this.#asleep) this.#pacer.add(connection);
  }

  #connectTo({ endpoint }: EndpointState): Connection {
    const { transport, limits, clock, tls } = this.#options;
    const { address, id } = endpoint;
    let before: ConnectionState = "idle";
    let wasLost = false;
    const connection = transport.connect(address, {
      limits,
      clock,
      tls,
      onStateChange: (now, cause) => {
        this.#options.observer?.connectionChanged(before, now, cause);
        if (before === "ready") wasLost = true;
        if (now === "ready" && wasLost) this.#forget(id);
        before = now;
        if (now !== "connecting") this.#pacer.done(connection);
        this.#changed();
      },
    });
    return connection;
  }

  /** Looks again when there may have been no call for long enough. */
  #awaitIdleness(): void {
    if (this.#idleMs === Infinity) return;
    const { clock } = this.#options;
    const leftMs = this.#usedMs + this.#idleMs - clock.now();
    this.#idleTimer = clock.setBackgroundTimer(() => this.#awaitOrSleep(), Math.max(1, leftMs));
  }

  #awaitOrSleep(): void {
    const busy = this.#streams.size > 0 || [...this.#members.values()].some(({ state }) => state.inFlight > 0);
    if (busy) this.#usedMs = this.#options.clock.now();
    if (this.#options.clock.now() - this.#usedMs < this.#idleMs) this.#awaitIdleness();
    else this.#sleep();
  }

  /** Closes connections until the next call. What is known of endpoints stays. */
  #sleep(): void {
    this.#asleep = true;
    for (const member of this.#members.values()) {
      const { connection } = member;
      member.connection = this.#connectTo(member.state);
      this.#connections.set(member.state, member.connection);
      connection.close();
      this.#pacer.done(connection);
    }
    this.#changed();
  }

  /** What answers after a lost connection may be another process: the old one's failures are not held against it. */
  #forget(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.#connections.delete(member.state);
    member.state = new EndpointState(member.state.endpoint);
    this.#connections.set(member.state, member.connection);
  }

  #remove(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.#members.delete(id);
    this.#connections.delete(member.state);
    member.connection.close();
    this.#pacer.done(member.connection);
  }

  /** Those that are ready; when all are down all of them, for their connections know why, and try again. */
  #candidates(): readonly EndpointState[] {
    const members = [...this.#members.values()];
    const ready = members.filter(({ connection }) => connection.state === "ready");
    this.#ready = ready.length > 0;
    const hopeful = members.some(({ connection: { state } }) => state === "connecting" || state === "idle");
    return (this.#ready || hopeful ? ready : members).map(({ state }) => state);
  }

  #changed(): void {
    this.balancer.update(this.#candidates());
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const listener of waiting) listener();
  }
}

/** What every use of a closed mesh answers. */
export function closedError(target: string): MeshError {
  return new MeshError("FAILED_PRECONDITION", `client of ${target} is closed: make calls before mesh.close()`);
}

function sameAddress(state: EndpointState, address: { readonly host: string; readonly port: number }): boolean {
  return state.endpoint.address.host === address.host && state.endpoint.address.port === address.port;
}
