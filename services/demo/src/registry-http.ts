/** The few questions the demo itself asks the registry; its services and its client ask theirs through the SDK. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { text } from "node:stream/consumers";
import type { ConsulOptions } from "@meshwork/sdk";

export interface Question {
  /** Default GET. */
  readonly method?: "GET" | "PUT";
  /** From "/v1" on, with its query. */
  readonly path: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** What a blocking query continues from. */
  readonly index: string | undefined;
}

/** Rejects when there is no answer in time, whatever its status. */
export async function ask(
  consul: ConsulOptions,
  { method = "GET", path, timeoutMs, signal }: Question,
): Promise<Answer> {
  const url = new URL(`${consul.url}${path}`);
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  const limit = AbortSignal.timeout(timeoutMs);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(url, {
      method,
      agent: false,
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      ...(consul.socketPath !== undefined && { socketPath: consul.socketPath }),
      ...tlsOf(consul),
      ...(consul.basicAuth !== undefined && { auth: consul.basicAuth }),
      ...(consul.token !== undefined && { headers: { "x-consul-token": consul.token } }),
    });
    outgoing.once("response", resolve).once("error", reject).end();
  });
  const index = response.headers["x-consul-index"];
  return { status: response.statusCode ?? 0, text: await text(response), index: index?.toString() };
}

function tlsOf({ tls }: ConsulOptions): RequestOptions {
  if (tls === undefined) return {};
  const { ca, cert, key, serverName, verify } = tls;
  return {
    ...(ca !== undefined && { ca: typeof ca === "string" || Buffer.isBuffer(ca) ? ca : [...ca] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { servername: serverName }),
    ...(verify !== undefined && { rejectUnauthorized: verify }),
  };
}
