/** A server's port: accepts sockets and gives each a session; drains them in order. */
import { unlink } from "node:fs/promises";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { type Address, isUnixPath } from "../../call/address.ts";
import { MeshError } from "../../call/mesh-error.ts";
import { ERROR } from "../http2/protocol.ts";
import { listenError } from "../listen-error.ts";
import type { Dispatch, Listener, ListenOptions, TlsOptions } from "../transport.ts";
import { pemList } from "./dial.ts";
import type { NativeEnvironment } from "./native-environment.ts";
import { ServerSession } from "./server-session.ts";

/** After their grace calls are told; who does not listen is cut off this much later. */
const LAST_WORDS_MS = 200;
const ALPN = "h2";

export async function listenNative(
  options: ListenOptions,
  dispatch: Dispatch,
  environment: NativeEnvironment,
): Promise<Listener> {
  const listener = new NativeListener(options, dispatch, environment);
  await listener.listen();
  return listener;
}

class NativeListener implements Listener {
  address: Address;
  readonly #options: ListenOptions;
  readonly #dispatch: Dispatch;
  readonly #environment: NativeEnvironment;
  readonly #server: Server;
  readonly #sessions = new Set<ServerSession>();
  /** Sockets of TLS, which have no session before their handshake is done. */
  readonly #sockets = new Set<Socket>();
  #draining = false;
  #whenEmpty: (() => void) | undefined;

  constructor(options: ListenOptions, dispatch: Dispatch, environment: NativeEnvironment) {
    this.address = options.address;
    this.#options = options;
    this.#dispatch = dispatch;
    this.#environment = environment;
    this.#server =
      options.tls === undefined
        ? createTcpServer({ noDelay: true }, (socket) => this.#accept(socket))
        : createTlsServer(serverTls(options.tls, environment.limits.handshakeTimeoutMs), (socket) =>
            this.#acceptTls(socket),
          );
    if (options.tls !== undefined) {
      this.#server.on("connection", (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once("close", () => this.#sockets.delete(socket));
      });
    }
  }

  listen(): Promise<void> {
    const { address } = this.#options;
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(listenError(address, error));
      this.#server.once("error", failed);
      const at = isUnixPath(address.host) ? { path: address.host } : { host: address.host, port: address.port };
      this.#server.listen(at, () => {
        this.#server.off("error", failed);
        // An error of accepting is one socket's: it has no one to be told.
        this.#server.on("error", () => {});
        const bound = this.#server.address();
        if (bound !== null && typeof bound === "object") this.address = { host: address.host, port: bound.port };
        resolve();
      });
    });
  }

  async drain(graceMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#draining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.http2.shutdown();
    const empty = new Promise<void>((resolve) => {
      // It may be asked again while it drains.
      const earlier = this.#whenEmpty;
      this.#whenEmpty = () => {
        earlier?.();
        resolve();
      };
      if (this.#sessions.size === 0) resolve();
    });
    let cut = clock.setTimer(() => {
      for (const session of this.#sessions) {
        session.stopCalls(new MeshError("UNAVAILABLE", "server stopped before the call was done"));
      }
      cut = clock.setTimer(() => {
        for (const session of this.#sessions) session.http2.abort(ERROR.NO_ERROR, "server stopped");
      }, LAST_WORDS_MS);
    }, graceMs);
    await empty;
    cut.cancel();
    // What is left now is in the middle of a handshake, which has no call to wait for.
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    if (isUnixPath(this.address.host)) await unlink(this.address.host).catch(() => undefined);
  }

  #acceptTls(socket: TLSSocket): void {
    if (socket.alpnProtocol === ALPN) return this.#accept(socket);
    socket.on("error", () => {});
    socket.destroy();
  }

  #accept(socket: Socket): void {
    if (this.#draining) {
      socket.on("error", () => {});
      return void socket.destroy();
    }
    const { limits, clock, unknown } = this.#options;
    const session = new ServerSession({
      socket,
      limits,
      clock,
      dispatch: this.#dispatch,
      unknown,
      environment: this.#environment,
      onClosed: (closed) => {
        this.#sessions.delete(closed);
        this.#environment.upkeep.remove(closed);
        if (this.#sessions.size === 0) this.#whenEmpty?.();
      },
    });
    this.#sessions.add(session);
    this.#environment.upkeep.add(session, this.#environment.shortestServerMs);
  }
}

function serverTls({ ca, cert, key, requireClientCertificate }: TlsOptions, handshakeTimeoutMs: number) {
  const mutual = requireClientCertificate ?? ca !== undefined;
  return {
    ALPNProtocols: [ALPN],
    minVersion: "TLSv1.2" as const,
    handshakeTimeout: handshakeTimeoutMs,
    noDelay: true,
    requestCert: mutual,
    rejectUnauthorized: mutual,
    ...(ca === undefined ? {} : { ca: pemList(ca) }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
