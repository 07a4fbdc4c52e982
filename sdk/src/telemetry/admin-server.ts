/**
 * The admin endpoint: metrics for who scrapes, liveness and readiness for who restarts and routes. Plain HTTP on
 * loopback unless told otherwise, where it also refuses what web pages ask under names of their own; it never keeps the
 * process alive and never holds its end up.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type Address, formatAddress } from "../call/address.ts";
import { type Clock, systemClock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { ErrorCode } from "../call/status.ts";
import { isLoopbackAddress, namesLoopback } from "./loopback.ts";
import type { Metrics } from "./metrics.ts";
import { within } from "./within.ts";

/** What a probe found: all is well, or which checks failed and why. */
export type Check = { readonly ok: true } | { readonly ok: false; readonly failures: readonly FailedCheck[] };

export interface FailedCheck {
  /** Name of what was looked at: "registration". */
  readonly check: string;
  /** What is wrong with it, and since when or what to do, in a sentence. */
  readonly reason: string;
}

export interface AdminServerOptions {
  /**
   * Default 127.0.0.1: what it tells is for this machine unless you say otherwise. On loopback, requests whose Host
   * header names neither loopback nor localhost are refused with 403.
   */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  readonly metrics: Pick<Metrics, "expose">;
  /** Whether the process works at all; failing asks to have it restarted. */
  live(): Check;
  /** Whether calls should come here. */
  ready(): Check | Promise<Check>;
  /** Why calls go where they go: data for JSON. */
  explain(): unknown;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface AdminServer {
  /** With the port it really has. */
  readonly address: Address;
  /** Ends idle connections at once and answers in the making after a second at most. Calling it again is harmless. */
  close(): Promise<void>;
}

const DEFAULT_HOST = "127.0.0.1";
/** A scraper or a probe sends its few header lines at once. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than the interval of probes would hold sockets for nothing; scrapes come every 15 s and may reconnect. */
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
/** Scrapers, probes and a few people; more is a mistake or an attack. */
const MAX_CONNECTIONS = 64;
/** Readiness that takes longer is not ready. */
const READY_TIMEOUT_MS = 5_000;
const CLOSE_GRACE_MS = 1_000;

const PATHS = {
  "/": "this list",
  "/metrics": "metrics as Prometheus text or OpenMetrics",
  "/livez": "200 while the process works",
  "/readyz": "200 while calls should come here",
  "/debug/balancer": "every client's endpoints, and why they are called or not, as JSON",
} as const;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: readonly Buffer[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Rejects with a MeshError that says what to do when the address is in use, not ours, or malformed. */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { host = DEFAULT_HOST, port = 0, clock = systemClock } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `admin port ${port} must be a whole number from 0 to 65535, 0 for any free one`,
    );
  }
  const server = createServer({ maxHeaderSize: 8 * 1024 });
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  const connections = new Connections(server, clock);
  await listen(server, { host, port });
  server.on("error", (error) => options.log.error({ err: error }, "admin server failed"));
  const bound = server.address() as AddressInfo;
  const address = { host, port: bound.port };
  // No connection can have come before this: they come in a later turn of the event loop.
  const accepts = isLoopbackAddress(bound.address) ? namesLoopback : (): true => true;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    connections.begin(response);
    if (!accepts(request.headers.host)) return send(request, response, refusal(request.headers.host, address));
    void answer(request, options, clock).then((given) => send(request, response, given));
  });
  server.unref();
  options.log.info({ admin: formatAddress(address) }, `admin server listens on http://${formatAddress(address)}`);
  return { address, close: () => connections.close() };
}

function listen(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(listenError(address, error));
    server.once("error", onError);
    server.listen({ host: address.host, port: address.port }, () => {
      server.removeListener("error", onError);
      resolve();
    });
  });
}

const LISTEN_ERRORS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  EADDRINUSE: [
    "FAILED_PRECONDITION",
    "is in use: end what listens there, or set another admin port (0 for any free one)",
  ],
  EACCES: ["PERMISSION_DENIED", "may not be used by this user: set an admin port from 1024"],
  EADDRNOTAVAIL: ["INVALID_ARGUMENT", "is not an address of this machine: set the admin host to 127.0.0.1 or 0.0.0.0"],
  ENOTFOUND: ["INVALID_ARGUMENT", "names an unknown host: set the admin host to 127.0.0.1 or 0.0.0.0"],
};

function listenError(address: Address, cause: NodeJS.ErrnoException): MeshError {
  const [code, text] = LISTEN_ERRORS[cause.code ?? ""] ?? ["UNAVAILABLE", `cannot be listened on: ${cause.message}`];
  return new MeshError(code, `admin address ${formatAddress(address)} ${text}`, { cause });
}

function refusal(hostHeader: string | undefined, { port }: Address): Answer {
  const way = `ask for localhost:${port}, or set another admin host than loopback`;
  return text(403, `Host ${JSON.stringify(hostHeader)} does not name loopback, which alone is served here: ${way}`);
}

/** Never rejects: what fails is an answer too. */
async function answer(request: IncomingMessage, options: AdminServerOptions, clock: Clock): Promise<Answer> {
  const [path = "/"] = (request.url ?? "/").split("?");
  if (!Object.hasOwn(PATHS, path)) return text(404, `${path} is not here; these are: ${Object.keys(PATHS).join(" ")}`);
  if (request.method !== "GET" && request.method !== "HEAD") {
    const refused = text(405, `${request.method} is not taken here: use GET or HEAD`);
    return { ...refused, headers: { allow: "GET, HEAD" } };
  }
  try {
    switch (path as keyof typeof PATHS) {
      case "/":
        return text(
          200,
          Object.entries(PATHS)
            .map(([path, what]) => `${path}  ${what}`)
            .join("\n"),
        );
      case "/metrics": {
        const { contentType, chunks } = await options.metrics.expose(request.headers.accept);
        return { status: 200, type: contentType, body: chunks };
      }
      case "/livez":
        return checked(options.live());
      case "/readyz":
        return checked(await readiness(options, clock));
      case "/debug/balancer":
        return json(200, options.explain());
    }
  } catch (error) {
    options.log.error({ err: error, path }, `admin server could not answer ${path}`);
    const reason = error instanceof Error ? error.message : String(error);
    return path === "/livez" || path === "/readyz"
      ? checked({ ok: false, failures: [{ check: path.slice(1), reason }] })
      : text(500, reason);
  }
}

function text(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body: [Buffer.from(`${body}\n`)] };
}

function checked(check: Check): Answer {
  if (check.ok) return text(200, "ok");
  return json(503, { status: "failed", failures: check.failures });
}

function json(status: number, value: unknown): Answer {
  return { status, type: "application/json; charset=utf-8", body: [Buffer.from(`${JSON.stringify(value)}\n`)] };
}

/** Readiness may ask others; it may not keep a probe waiting for ever. */
async function readiness(options: AdminServerOptions, clock: Clock): Promise<Check> {
  const reason = `no answer within ${READY_TIMEOUT_MS} ms`;
  const found = await within(Promise.resolve(options.ready()), READY_TIMEOUT_MS, clock);
  return found ?? { ok: false, failures: [{ check: "readyz", reason }] };
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body, headers }: Answer): void {
  response.writeHead(status, {
    ...headers,
    "content-type": type,
    "content-length": body.reduce((total, chunk) => total + chunk.length, 0),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  if (request.method !== "HEAD") for (const chunk of body) response.write(chunk);
  response.end();
}

/** The open sockets: node:http alone would keep those waiting that have sent nothing yet. */
class Connections {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();
  readonly #busy = new Set<Socket>();
  #closed: Promise<void> | undefined;

  constructor(server: Server, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    server.on("connection", (socket: Socket) => {
      socket.unref();
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** A request has come whose answer is not sent yet. */
  begin(response: ServerResponse): void {
    const { socket } = response;
    if (socket === null) return;
    this.#busy.add(socket);
    response.once("close", () => {
      this.#busy.delete(socket);
      if (this.#closed !== undefined) socket.destroy();
    });
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      const grace = this.#clock.setTimer(() => this.#destroy(this.#sockets), CLOSE_GRACE_MS);
      this.#server.close(() => {
        grace.cancel();
        resolve();
      });
      this.#destroy([...this.#sockets].filter((socket) => !this.#busy.has(socket)));
    });
    return this.#closed;
  }

  #destroy(sockets: Iterable<Socket>): void {
    for (const socket of sockets) socket.destroy();
  }
}
