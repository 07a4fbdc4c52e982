/** Node's HTTP server around a router: reads bodies within limits, refuses foreign hosts, forgets callers that leave. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";

import { isLoopbackHostHeader, isLoopbackOrigin } from "./loopback.ts";
import { errorReply, RequestError, text, type Reply } from "./reply.ts";
import type { Router } from "./router.ts";

/** Consul's default for one value, and for a transaction. */
export const maxValueBytes = 512 * 1024;
/** Everything else is registrations; no honest one comes near. */
export const maxBodyBytes = 4 * 1024 * 1024;
/** A body beyond its limit is read and thrown away up to here, so that its sender reads the 413 and not a reset. */
const maxDiscardedBytes = 16 * 1024 * 1024;
/** Longer than any client's idle pool keeps a socket, so that it is the client that closes it. */
const keepAliveTimeoutMs = 5 * 60_000;

/** @param serves whose requests are answered: those that name this machine in their Host and Origin headers, or all. */
export function createHttpServer(route: Router, serves: "this machine" | "anybody"): Server {
  const refusal: Refusal = serves === "anybody" ? () => undefined : foreignName;
  const server = createServer((request, response) => {
    void answer(refusal, route, request, response);
  });
  server.keepAliveTimeout = keepAliveTimeoutMs;
  return server;
}

/** Why a request is not answered, from its headers. */
type Refusal = (headers: IncomingHttpHeaders) => string | undefined;

function foreignName({ host, origin }: IncomingHttpHeaders): string | undefined {
  const way = "is not this machine: the meshwork agent answers only requests addressed to localhost or a loopback IP";
  if (!isLoopbackHostHeader(host)) return `host ${JSON.stringify(host)} ${way}`;
  return isLoopbackOrigin(origin) ? undefined : `origin ${JSON.stringify(origin)} ${way}, by no page from elsewhere`;
}

async function answer(
  refusal: Refusal,
  route: Router,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort(new Error("the caller went away")));
  try {
    const reply = await handle(refusal, route, request, gone.signal);
    if (!gone.signal.aborted) send(response, reply);
  } catch (error) {
    if (!gone.signal.aborted) send(response, errorReply(error));
  }
}

async function handle(refusal: Refusal, route: Router, request: IncomingMessage, signal: AbortSignal): Promise<Reply> {
  const { method = "GET", url: target = "/" } = request;
  const refused = refusal(request.headers);
  if (refused !== undefined) {
    request.resume();
    return text(403, refused, { Connection: "close" });
  }
  const body = await readBody(request, limitFor(target));
  return route({ method, target, headers: request.headers, body, signal });
}

interface BodyLimit {
  readonly bytes: number;
  /** Where Consul explains it. */
  readonly setting: string;
}

function limitFor(target: string): BodyLimit {
  if (/^\/v1\/txn(?:\?|$)/.test(target)) return { bytes: maxValueBytes, setting: "txn_max_req_len" };
  return { bytes: target.startsWith("/v1/kv/") ? maxValueBytes : maxBodyBytes, setting: "kv_max_value_size" };
}

async function readBody(request: IncomingMessage, { bytes: limit, setting }: BodyLimit): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    if (size > maxDiscardedBytes) break;
  }
  if (size <= limit) return Buffer.concat(chunks);
  const declared = request.headers["content-length"];
  const measured = declared === undefined ? "" : `(${declared} bytes)`;
  const help = `See https://www.consul.io/docs/agent/options.html#${setting}.`;
  const message = `Request body${measured} too large, max size: ${limit} bytes. ${help}`;
  throw new RequestError(413, message, { Connection: "close" });
}

function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, { ...reply.headers, "Content-Length": Buffer.byteLength(reply.body) });
  response.end(reply.body);
}
