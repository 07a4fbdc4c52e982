/**
 * The HTTP exchange of the npm package `consul`, and the one place that touches it.
 *
 * Only its generic verbs are used, those of the package papi beneath it: its own methods pass on a fixed list of
 * fields, hide headers and have no AbortSignal, and its watch crashes the process when nobody listens to its errors.
 * Three gaps of the exchange are closed here through papi's onRequest extension: an answer that breaks off midway never
 * settles, one without end fills the memory, and a waiting socket keeps the process alive.
 */
import { EventEmitter } from "node:events";
import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import Consul from "consul";
import type { ConsulOptions } from "./consul-options.ts";
import { connectionOptions } from "./consul-tls.ts";

export type Verb = "GET" | "PUT" | "POST" | "DELETE";

export interface PapiRequest {
  readonly method: Verb;
  /** Below /v1, percent-encoded: "/health/service/greeter". */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Bytes are sent as they are, all else as JSON. */
  readonly body?: unknown;
  /** ACL token. */
  readonly token: string | undefined;
  /** Whether the process may end while it waits. */
  readonly background: boolean;
  /** Whether it may wait at the server. Such requests have connections of their own and never take those of others. */
  readonly waits: boolean;
  /** Bytes of the answer's body; a longer one fails with the code of AnswerTooLarge. */
  readonly maxBytes: number;
}

export class AnswerTooLarge extends Error {
  readonly code = "TOO_LARGE";
}

/** What came back, whatever its status. */
export interface PapiReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A request under way. */
export interface PapiExchange {
  /** Rejects with the socket's error, or papi's after cancel(). */
  readonly reply: Promise<PapiReply>;
  cancel(): void;
}

/** What papi gives an extension before the request goes out. */
interface PapiPending {
  transport: { request(options: RequestOptions): ClientRequest };
}

type PapiResponse = IncomingMessage & { readonly body?: Buffer };

/** The part of papi that its types leave out. */
interface PapiVerbs {
  _request(options: {
    readonly method: Verb;
    readonly path: string;
    readonly query: Record<string, string>;
    readonly headers: Record<string, string>;
    readonly body?: unknown;
    readonly type?: "json";
    readonly buffer: true;
    readonly ctx: EventEmitter;
    readonly exts: { onRequest(pending: PapiPending, next: () => void): void };
  }): Promise<PapiResponse>;
}

export interface PapiClient {
  send(request: PapiRequest): PapiExchange;
  /** Keeps so many idle connections, 1 or more, open for requests that do not wait. */
  keepIdle(connections: number): void;
  /** Closes every socket. */
  close(): void;
}

/** Whoever waits asks again at once, so few connections are idle, and more of them would be wasted. */
const IDLE_BETWEEN_WAITS = 2;

export function papiClient(options: ConsulOptions): PapiClient {
  const agent = keepAliveAgent(options, 1);
  const waiting = keepAliveAgent(options, IDLE_BETWEEN_WAITS);
  const settings = {
    baseUrl: `${options.url}/v1`,
    agent,
    headers: headersOf(options),
    ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }),
  };
  const verbs = new Consul(settings) as unknown as PapiVerbs;
  return {
    send: (request) => send(verbs, request, request.waits ? waiting : agent),
    keepIdle: (connections) => void (agent.maxFreeSockets = connections),
    close: () => {
      agent.destroy();
      waiting.destroy();
    },
  };
}

function keepAliveAgent({ url, tls }: ConsulOptions, maxFreeSockets: number): HttpAgent {
  return url.startsWith("https:")
    ? new HttpsAgent({ keepAlive: true, maxFreeSockets, ...connectionOptions(tls ?? {}) })
    : new HttpAgent({ keepAlive: true, maxFreeSockets });
}

function headersOf({ basicAuth }: ConsulOptions): Record<string, string> {
  return {
    "user-agent": "meshwork",
    ...(basicAuth === undefined ? {} : { authorization: `Basic ${Buffer.from(basicAuth).toString("base64")}` }),
  };
}

function send(verbs: PapiVerbs, request: PapiRequest, agent: HttpAgent): PapiExchange {
  const { method, path, query, body, token } = request;
  const ctx = new EventEmitter();
  const onRequest = (pending: PapiPending, next: () => void): void => {
    const { transport } = pending;
    pending.transport = {
      request(options) {
        const sent = transport.request({ ...plainHost(options), agent });
        guard(sent, request);
        return sent;
      },
    };
    next();
  };
  const content = body instanceof Uint8Array ? { body: asBuffer(body) } : { body, type: "json" as const };
  const reply = verbs._request({
    method,
    path,
    query: { ...query },
    headers: token === undefined ? {} : { "x-consul-token": token },
    ...(body === undefined ? {} : content),
    buffer: true,
    ctx,
    exts: { onRequest },
  });
  return {
    reply: reply.then(toReply, (error: unknown) => toReply(responseOf(error))),
    cancel: () => void ctx.emit("cancel"),
  };
}

/** Of bytes papi takes only Node's own. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** papi passes on a URL's hostname, in which IPv6 has brackets; a socket wants none. */
function plainHost(options: RequestOptions): RequestOptions {
  const { hostname } = options;
  return typeof hostname === "string" && hostname.startsWith("[")
    ? { ...options, hostname: hostname.slice(1, -1) }
    : options;
}

function guard(request: ClientRequest, { background, maxBytes }: PapiRequest): void {
  const fail = (error: Error): void => void request.emit("error", error);
  request.once("response", (response) => {
    response.once("error", fail);
    let bytes = Number(response.headers["content-length"] ?? 0);
    const refuse = (): void => {
      fail(new AnswerTooLarge(`more than ${maxBytes} bytes`));
      request.destroy();
    };
    if (bytes > maxBytes) return refuse();
    bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) refuse();
    });
  });
  if (background) request.once("socket", (socket) => socket.unref());
}

function toReply(response: PapiResponse): PapiReply {
  return { status: response.statusCode ?? 0, headers: response.headers, text: response.body?.toString("utf8") ?? "" };
}

/** papi takes every status but 2xx for an error, with the response in it. */
function responseOf(error: unknown): PapiResponse {
  if (typeof error === "object" && error !== null && "response" in error) return error.response as PapiResponse;
  throw error;
}
