/**
 * A transport without sockets: connections and calls between clients and servers of one process, on a clock of the
 * test's choosing. What networks and processes do to calls is done by the test, one step at a time. Everything is
 * delivered in order and on a clean stack; nothing takes time but what delay() says.
 */
import { type Address, formatAddress, isUnixPath } from "../call/address.ts";
import type { Clock } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { Metadata } from "../call/metadata.ts";
import { STATUS_NUMBERS } from "../call/status.ts";
import type {
  CallOutcome,
  ClientStream,
  Connection,
  ConnectionState,
  ConnectOptions,
  DisconnectError,
  Dispatch,
  Listener,
  ListenOptions,
  OpenCall,
  OutgoingCall,
  ServerMethod,
  StreamReceiver,
  Transport,
  TransportLimits,
  UnaryReceiver,
} from "../transport/transport.ts";
import { InMemoryCall } from "./in-memory-call.ts";

/** All methods work on connections that exist and on those to come. */
export interface InMemoryTransport extends Transport {
  /** Nobody answers at the address: connecting fails until accept(). Connections that are ready stay so; see drop(). */
  refuse(address: Address): void;
  /** Connecting to the address neither succeeds nor fails until accept() or refuse(). */
  stall(address: Address): void;
  /** Undoes refuse() and stall(); who waits to connect does so at once. */
  accept(address: Address): void;
  /** Cuts the connections: calls under way end UNAVAILABLE and may have been seen; then they connect again. */
  drop(address: Address): void;
  /** The next calls end UNAVAILABLE, provably unseen by the server; the connection stays. */
  refuseCalls(address: Address, calls: number): void;
  /** Milliseconds that everything sent from now on takes, each way. Default 0. */
  delay(address: Address, ms: number): void;
  /** Calls of which one end or the other is not done: 0 when nothing leaks. */
  readonly openCalls: number;
}

export interface InMemoryTransportOptions {
  readonly clock: Clock;
}

/**
 * @example
 * const clock = new VirtualClock();
 * const transport = inMemoryTransport({ clock });
 * const listener = await transport.listen({ address: { host: "a", port: 0 }, limits: DEFAULT_LIMITS, clock }, dispatch);
 * transport.drop(listener.address);
 */
export function inMemoryTransport({ clock }: InMemoryTransportOptions): InMemoryTransport {
  return new MemoryTransport(clock);
}

/** Where port 0 begins to look: above the ports that tests write down. */
const FIRST_FREE_PORT = 50_001;

/** After their grace calls are told to end; those that do not are cut off this much later. */
const LAST_WORDS_MS = 200;

/** What is known of one address. */
interface Place {
  readonly text: string;
  readonly connections: Set<MemoryConnection>;
  readonly calls: Set<InMemoryCall>;
  listener: MemoryListener | undefined;
  way: "open" | "refused" | "stalled";
  refusedCalls: number;
  delayMs: number;
}

class MemoryTransport implements InMemoryTransport {
  readonly name = "in-memory";
  readonly #clock: Clock;
  readonly #places = new Map<string, Place>();
  #nextPort = FIRST_FREE_PORT;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  connect(to: Address, options: ConnectOptions): Connection {
    return new MemoryConnection(this.#place(to), options);
  }

  async listen({ address, limits, unknown }: ListenOptions, dispatch: Dispatch): Promise<Listener> {
    const port = address.port === 0 && !isUnixPath(address.host) ? this.#nextPort++ : address.port;
    const place = this.#place({ host: address.host, port });
    if (place.listener !== undefined) {
      throw new MeshError("UNAVAILABLE", `server cannot listen on ${place.text}: the port is in use; choose another`);
    }
    place.listener = new MemoryListener({ host: address.host, port }, place, this.#clock, {
      dispatch,
      unknown,
      limits,
    });
    retry(place);
    return place.listener;
  }

  get openCalls(): number {
    return [...this.#places.values()].reduce((sum, { calls }) => sum + calls.size, 0);
  }

  refuse(address: Address): void {
    this.#steer(address, "refused");
  }

  stall(address: Address): void {
    this.#steer(address, "stalled");
  }

  accept(address: Address): void {
    this.#steer(address, "open");
  }

  drop(address: Address): void {
    const place = this.#place(address);
    for (const call of place.calls) call.cut("UNAVAILABLE", `connection to ${place.text} was lost`, true);
    for (const connection of place.connections) connection.lost("connection reset");
  }

  refuseCalls(address: Address, calls: number): void {
    this.#place(address).refusedCalls = calls;
  }

  delay(address: Address, ms: number): void {
    this.#place(address).delayMs = ms;
  }

  #steer(address: Address, way: Place["way"]): void {
    const place = this.#place(address);
    place.way = way;
    retry(place);
  }

  #place(address: Address): Place {
    const text = formatAddress(address);
    let place = this.#places.get(text);
    if (place === undefined) {
      const fresh = { connections: new Set<MemoryConnection>(), calls: new Set<InMemoryCall>() };
      place = { text, ...fresh, listener: undefined, way: "open", refusedCalls: 0, delayMs: 0 };
      this.#places.set(text, place);
    }
    return place;
  }
}

function retry(place: Place): void {
  for (const connection of place.connections) connection.retry();
}

class MemoryConnection implements Connection {
  readonly #place: Place;
  readonly #options: ConnectOptions;
  #state: ConnectionState = "idle";

  constructor(place: Place, options: ConnectOptions) {
    this.#place = place;
    this.#options = options;
    place.connections.add(this);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  connect(): void {
    if (this.#state === "idle") this.#connect();
  }

  /** Tries again when it failed or hangs. */
  retry(): void {
    if (this.#state === "failed" || this.#state === "connecting") this.#connect();
  }

  lost(cause: DisconnectError): void {
    if (this.#state !== "ready") return;
    this.#enter("idle", cause);
    this.connect();
  }

  unary(call: OutgoingCall, body: Uint8Array, receiver: UnaryReceiver): OpenCall {
    const stream = this.open(call, new UnaryAdapter(receiver));
    stream.send(body);
    stream.end();
    // Asking for a second message is what finds a server that sends one too many.
    stream.request();
    stream.request();
    return stream;
  }

  open(call: OutgoingCall, receiver: StreamReceiver): ClientStream {
    const place = this.#place;
    if (this.#state === "closed") throw new Error(`connection to ${place.text} is closed`);
    const { clock, limits } = this.#options;
    const memoryCall = new InMemoryCall({
      clock,
      call,
      receiver,
      limits,
      peer: "in-memory:0",
      delayMs: () => place.delayMs,
      arrive: () => place.listener?.arrive(call.path),
      over: (ended) => {
        place.calls.delete(ended);
        place.listener?.callOver();
      },
    });
    place.calls.add(memoryCall);
    if (this.#state !== "ready") {
      memoryCall.cut("UNAVAILABLE", `no connection to ${place.text}: it is ${this.#state}`, false);
    } else if (place.refusedCalls > 0) {
      place.refusedCalls--;
      memoryCall.cut("UNAVAILABLE", `call was refused by ${place.text}`, false);
    } else {
      memoryCall.start();
    }
    return memoryCall.client;
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#place.connections.delete(this);
    this.#enter("closed", this.#state === "ready" ? "subchannel shutdown" : undefined);
  }

  #connect(): void {
    this.#enter("connecting");
    queueMicrotask(() => {
      if (this.#state !== "connecting" || this.#place.way === "stalled") return;
      this.#enter(this.#place.way === "open" && this.#place.listener?.taking === true ? "ready" : "failed");
    });
  }

  #enter(state: ConnectionState, cause?: DisconnectError): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onStateChange(state, cause);
  }
}

class UnaryAdapter implements StreamReceiver {
  readonly #receiver: UnaryReceiver;
  #body: Uint8Array | undefined;
  #messages = 0;

  constructor(receiver: UnaryReceiver) {
    this.#receiver = receiver;
  }

  onHeaders(headers: Metadata): void {
    this.#receiver.onHeaders(headers);
  }

  onMessage(body: Uint8Array): void {
    this.#messages++;
    this.#body = body;
  }

  onDrain(): void {}

  onDone(outcome: CallOutcome): void {
    if (outcome.status !== STATUS_NUMBERS.OK) return this.#receiver.onDone(outcome, undefined);
    if (this.#messages === 1) return this.#receiver.onDone(outcome, this.#body);
    const reason = `server sent status OK with ${this.#messages} response messages`;
    this.#receiver.onDone({ ...outcome, status: STATUS_NUMBERS.INTERNAL, reason }, undefined);
  }
}

/** What a listener was given. */
interface Serves {
  readonly dispatch: Dispatch;
  readonly unknown: ServerMethod | undefined;
  readonly limits: TransportLimits;
}

class MemoryListener implements Listener {
  readonly address: Address;
  readonly #place: Place;
  readonly #clock: Clock;
  readonly #serves: Serves;
  #drained: (() => void) | undefined;
  taking = true;

  constructor(address: Address, place: Place, clock: Clock, serves: Serves) {
    this.address = address;
    this.#place = place;
    this.#clock = clock;
    this.#serves = serves;
  }

  arrive(path: string) {
    const { dispatch, unknown, limits } = this.#serves;
    return this.taking ? { method: dispatch.get(path) ?? unknown, limits } : undefined;
  }

  async drain(graceMs: number): Promise<void> {
    this.taking = false;
    for (const connection of this.#place.connections) connection.lost("GOAWAY NO_ERROR");
    if (this.#open().length > 0) {
      const empty = new Promise<void>((resolve) => (this.#drained = resolve));
      const reason = "server stopped before the call was done";
      const timers = [
        this.#clock.setTimer(() => this.#open().forEach((call) => call.stop(reason)), graceMs),
        this.#clock.setTimer(() => this.#open().forEach((call) => call.abandon(reason)), graceMs + LAST_WORDS_MS),
      ];
      await empty;
      for (const timer of timers) timer.cancel();
    }
    this.#place.listener = undefined;
  }

  callOver(): void {
    if (this.#open().length === 0) this.#drained?.();
  }

  #open(): InMemoryCall[] {
    return [...this.#place.calls].filter((call) => call.served);
  }
}
