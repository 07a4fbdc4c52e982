/** Passing on 2xx, a warning on 429, critical on everything else and when there is no answer. */
import {
  request as requestPlain,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
} from "node:http";
import { request as requestSecure } from "node:https";

import type { Target } from "../state/check-spec.ts";
import { dialFault } from "./dial.ts";
import type { ProbeSignals } from "./probe.ts";
import type { Outcome } from "./running-check.ts";

type HttpTarget = Extract<Target, { kind: "http" }>;

/** As many as Go's client follows. */
const maxRedirects = 10;
const tooManyRequests = 429;

export async function probeHttp(target: HttpTarget, signals: ProbeSignals, maxOutputBytes: number): Promise<Outcome> {
  const method = target.method === "" ? "GET" : target.method;
  const shown = `${method.slice(0, 1)}${method.slice(1).toLowerCase()} ${JSON.stringify(target.url)}`;
  let attempt: Attempt = { url: parseUrl(target.url, shown), method, body: target.body };
  for (let redirects = 0; ; redirects += 1) {
    const response = await exchange(attempt, target, signals, shown);
    const next = redirected(attempt, response);
    if (next === undefined) return outcome(`HTTP ${method} ${target.url}`, response, signals, maxOutputBytes);
    response.destroy();
    if (redirects >= maxRedirects) throw new Error(`${shown}: stopped after ${maxRedirects} redirects`);
    attempt = next;
  }
}

interface Attempt {
  readonly url: URL;
  readonly method: string;
  readonly body: string;
}

function parseUrl(written: string, shown: string): URL {
  try {
    const url = new URL(written);
    if (url.protocol === "http:" || url.protocol === "https:") return url;
    throw new Error(`unsupported protocol scheme ${JSON.stringify(url.protocol.slice(0, -1))}`);
  } catch (error) {
    const why = error instanceof Error && "code" in error ? 'unsupported protocol scheme ""' : (error as Error).message;
    throw new Error(`${shown}: ${why}`, { cause: error });
  }
}

/** Where a redirect leads. Only 307 and 308 send the same again. */
function redirected({ url, method, body }: Attempt, { statusCode = 0, headers }: IncomingMessage): Attempt | undefined {
  const { location } = headers;
  if (location === undefined || ![301, 302, 303, 307, 308].includes(statusCode)) return undefined;
  if (!URL.canParse(location, url.href)) return undefined;
  const to = new URL(location, url.href);
  if (statusCode >= 307) return { url: to, method, body };
  return { url: to, method: method === "HEAD" ? method : "GET", body: "" };
}

function exchange(
  { url, method, body }: Attempt,
  target: HttpTarget,
  { timeout, stopped }: ProbeSignals,
  shown: string,
): Promise<IncomingMessage> {
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    method,
    agent: false,
    headers: headersOf(target, body),
    signal: AbortSignal.any([timeout, stopped]),
    rejectUnauthorized: !target.tlsSkipVerify,
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? requestSecure(url, options) : requestPlain(url, options);
    request.once("response", (response) => {
      response.on("error", () => undefined);
      resolve(response);
    });
    request.on("error", (error) => {
      const port = Number(url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port);
      reject(new Error(`${shown}: ${exchangeFault(error, url.hostname, port, timeout)}`, { cause: error }));
    });
    request.end(body);
  });
}

function exchangeFault(error: Error, host: string, port: number, timeout: AbortSignal): string {
  if (timeout.aborted) return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
  const code = "code" in error ? error.code : undefined;
  if (code === "ECONNRESET") return "EOF";
  const dialled = error instanceof AggregateError || "syscall" in error;
  return dialled ? dialFault(error, host, port) : error.message;
}

function headersOf({ headers }: HttpTarget, body: string): OutgoingHttpHeaders {
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  return {
    ...(given.has("user-agent") ? {} : { "User-Agent": "Consul Health Check" }),
    ...(given.has("accept") ? {} : { Accept: "text/plain, text/*, */*" }),
    ...Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, headerValue(name, values)])),
    ...(body === "" ? {} : { "Content-Length": Buffer.byteLength(body) }),
    Connection: "close",
  };
}

/** There is one host. */
function headerValue(name: string, values: readonly string[]): string | string[] {
  return name.toLowerCase() === "host" ? (values[0] ?? "") : [...values];
}

/** Of a long body the end is kept. A body that breaks off is as good as its beginning. */
async function outcome(
  what: string,
  response: IncomingMessage,
  { timeout }: ProbeSignals,
  maxOutputBytes: number,
): Promise<Outcome> {
  let kept = Buffer.alloc(0);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      kept = Buffer.concat([kept, chunk]).subarray(-maxOutputBytes);
    }
  } catch (error) {
    if (!timeout.aborted && !(error instanceof Error)) throw error;
  }
  const { statusCode = 0, statusMessage = "" } = response;
  const output = `${what}: ${statusCode} ${statusMessage} Output: ${kept.toString()}`;
  if (statusCode >= 200 && statusCode <= 299) return { status: "passing", output };
  return { status: statusCode === tooManyRequests ? "warning" : "critical", output };
}
