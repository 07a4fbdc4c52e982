/** The native transport's parts, put together by hand so that a test sees into them, and peers that are not it. */
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { type Clock, systemClock } from "../../sdk/src/call/clock.ts";
import { NativeEnvironment } from "../../sdk/src/transport/native/native-environment.ts";
import { listenNative } from "../../sdk/src/transport/native/native-listener.ts";
import type { NativeTransportOptions } from "../../sdk/src/transport/native/native-options.ts";
import { ServerSession } from "../../sdk/src/transport/native/server-session.ts";
import {
  type ConnectionState,
  DEFAULT_LIMITS,
  type DisconnectError,
  type Dispatch,
  type Listener,
  type OutgoingCall,
  type TlsOptions,
} from "../../sdk/src/transport/transport.ts";
import type { Address } from "../../sdk/src/call/address.ts";
import { ClientSession } from "../../sdk/src/transport/native/client-session.ts";
import { NativeConnection } from "../../sdk/src/transport/native/native-connection.ts";
import { Inbox } from "./inbox.ts";
import { type Ended, NO_METADATA, pathOf } from "./transport-lab.ts";

export const LOOPBACK = { host: "127.0.0.1", port: 0 };

/** A server of which a test sees the sessions. */
export class NativeServerLab {
  readonly environment: NativeEnvironment;
  readonly listener: Listener;

  static async listen(
    dispatch: Dispatch,
    options: NativeTransportOptions = {},
    clock: Clock = systemClock,
  ): Promise<NativeServerLab> {
    const environment = new NativeEnvironment(options, clock);
    const listen = { address: LOOPBACK, limits: DEFAULT_LIMITS, clock };
    return new NativeServerLab(environment, await listenNative(listen, dispatch, environment));
  }

  private constructor(environment: NativeEnvironment, listener: Listener) {
    this.environment = environment;
    this.listener = listener;
  }

  get sessions(): ServerSession[] {
    return [...this.environment.upkeep.kept].filter((kept) => kept instanceof ServerSession);
  }
}

/** A connection of which a test sees the sessions and every change of state, as "state" or "state: cause". */
export class NativeClientLab {
  readonly environment: NativeEnvironment;
  readonly connection: NativeConnection;
  readonly changes = new Inbox<string>();

  constructor(to: Address, options: NativeTransportOptions = {}, clock: Clock = systemClock, tls?: TlsOptions) {
    this.environment = new NativeEnvironment(options, clock);
    const onStateChange = (state: ConnectionState, cause?: DisconnectError): void =>
      this.changes.put(cause === undefined ? state : `${state}: ${cause}`);
    this.connection = new NativeConnection(to, { limits: DEFAULT_LIMITS, clock, tls, onStateChange }, this.environment);
  }

  /** Waits for changes up to one; returns all of them. */
  async until(change: string): Promise<string[]> {
    const seen: string[] = [];
    while (seen.at(-1) !== change) seen.push(await this.changes.next());
    return seen;
  }

  async ready(): Promise<this> {
    this.connection.connect();
    await this.until("ready");
    return this;
  }

  get sessions(): ClientSession[] {
    return [...this.environment.upkeep.kept].filter((kept) => kept instanceof ClientSession);
  }

  unary(name = "Echo", changes: Partial<OutgoingCall> = {}): Promise<Ended> {
    const call = {
      path: pathOf(name),
      metadata: NO_METADATA,
      deadline: Infinity,
      encoding: "identity",
      ...changes,
    } as const;
    return new Promise((resolve) => {
      const onDone = (outcome: Ended, body: Uint8Array | undefined): void => resolve({ ...outcome, body });
      this.connection.unary(call, Buffer.from("hi"), { onHeaders() {}, onDone });
    });
  }
}

/** A server that says what it likes: node:http2, without gRPC. */
export class RawServer {
  readonly sessions = new Inbox<ServerHttp2Session>();
  readonly streams = new Inbox<ServerHttp2Stream>();
  readonly #server: Http2Server;
  readonly #open = new Set<ServerHttp2Session>();

  static async listen(settings: Settings = {}, port = 0): Promise<RawServer> {
    const server = createServer({ settings });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return new RawServer(server);
  }

  private constructor(server: Http2Server) {
    this.#server = server;
    server.on("session", (session: ServerHttp2Session) => {
      this.#open.add(session);
      session.on("error", () => {});
      session.once("close", () => this.#open.delete(session));
      this.sessions.put(session);
    });
    server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      PATHS.set(stream, headers[":path"] ?? "");
      stream.on("error", () => {});
      stream.resume();
      this.streams.put(stream);
    });
  }

  get address(): Address {
    return { host: "127.0.0.1", port: (this.#server.address() as AddressInfo).port };
  }

  /** Sessions that are open. */
  get open(): number {
    return this.#open.size;
  }

  async close(): Promise<void> {
    for (const session of this.#open) session.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

const PATHS = new WeakMap<ServerHttp2Stream, string>();

export function pathAsked(stream: ServerHttp2Stream): string {
  return PATHS.get(stream) ?? "";
}

/** Answers a unary call with no bytes. */
export function answer(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.alloc(5));
}

/** The socket under a session, for what node:http2 has no words for. */
export function socketOf(session: ServerHttp2Session): Socket {
  const proxy = session.socket;
  // The proxy of node:http2 keeps what would disturb it from its users; its real socket is under this symbol alone.
  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === "socket");
  return symbol === undefined ? proxy : (session as unknown as Record<symbol, Socket>)[symbol]!;
}

/** A client that says what it likes: node:http2, without gRPC. */
export class RawClient {
  readonly session: ClientHttp2Session;

  static async connect(port: number): Promise<RawClient> {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    await once(session, "connect");
    return new RawClient(session);
  }

  private constructor(session: ClientHttp2Session) {
    this.session = session;
  }

  request(name: string, headers: Record<string, string> = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ":method": "POST",
      ":path": pathOf(name),
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.on("error", () => {});
    return stream;
  }

  /** A round trip: what was sent before has been read. */
  ping(): Promise<void> {
    return new Promise((resolve) => this.session.ping(() => resolve()));
  }

  async close(): Promise<void> {
    if (this.session.destroyed) return;
    this.session.destroy();
    await once(this.session, "close");
  }
}
