/**
 * One request to Consul's HTTP API: always bounded in time, cancelled by an AbortSignal, answered with status, headers
 * and text. No answer is a value of its own, so a caller that must tell "Consul said no" from "Consul is gone" can.
 */
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import type { ErrorCode } from "../call/status.ts";
import { MeshError } from "../call/mesh-error.ts";
import { tlsFailure, type TlsWayOuts } from "../transport/tls-failure.ts";
import {
  checkConsulOptions,
  type ConsulOptions,
  DEFAULT_CONSUL_URL,
  DEFAULT_MAX_ANSWER_BYTES,
} from "./consul-options.ts";
import { tlsWayOuts } from "./consul-tls.ts";
import { papiClient, type PapiClient, type PapiReply, type Verb } from "./papi-client.ts";
import { RequestBounds } from "./request-bounds.ts";
import { TokenFile } from "./token-file.ts";

export interface ConsulRequest {
  readonly method: Verb;
  /** Below /v1, percent-encoded: "/health/service/greeter". */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Bytes are sent as they are, all else as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until an answer must be complete. Default 10,000: without a leader Consul takes 7 s to say so. */
  readonly timeoutMs?: number;
  /** "background" lets the process end while the request is under way. Default "foreground". */
  readonly upkeep?: "foreground" | "background";
  /** Whether it may wait at the server for news; such requests have connections of their own. Default false. */
  readonly waits?: boolean;
}

/** What every endpoint lets its caller say. */
export type CallBounds = Pick<ConsulRequest, "signal" | "timeoutMs" | "upkeep">;

export interface ConsulReply {
  readonly answered: true;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface NoReply {
  readonly answered: false;
  /**
   * "ECONNREFUSED" and its like; "TIMEOUT", "CANCELLED" or "CLOSED" when we gave up; "TOO_LARGE" for an answer above
   * maxAnswerBytes; "NO_TOKEN" when the token's file has not been readable yet, so that nothing was sent.
   */
  readonly why: string;
  /**
   * UNAVAILABLE; CANCELLED when the signal said so; RESOURCE_EXHAUSTED for an answer that is too large;
   * FAILED_PRECONDITION without a token or after close().
   */
  readonly error: MeshError;
}

export const DEFAULT_TIMEOUT_MS = 10_000;

export class ConsulHttp {
  /** Where it is, for people: "http://127.0.0.1:8500" or "unix:///path". */
  readonly place: string;
  readonly #client: PapiClient;
  readonly #scope: Readonly<Record<string, string>>;
  readonly #token: string | undefined;
  readonly #tokenFile: TokenFile | undefined;
  readonly #maxBytes: number;
  readonly #tlsWayOuts: TlsWayOuts;
  readonly #clock: Clock;
  readonly #open = new Set<RequestBounds>();
  #losses = 0;
  #closed = false;

  /**
   * Connects to nobody yet. Throws INVALID_ARGUMENT for options that cannot be used.
   *
   * @param log told of trouble with the token's file.
   */
  constructor(options: Partial<ConsulOptions>, clock: Clock, log?: Logger) {
    checkConsulOptions(options);
    const complete = { ...options, url: options.url ?? DEFAULT_CONSUL_URL };
    const { socketPath, token, tokenFile, namespace, partition } = options;
    this.place = socketPath === undefined ? complete.url : `unix://${socketPath}`;
    this.#client = papiClient(complete);
    this.#scope = {
      ...(namespace === undefined ? {} : { ns: namespace }),
      ...(partition === undefined ? {} : { partition }),
    };
    this.#token = token;
    if (tokenFile !== undefined) this.#tokenFile = new TokenFile({ path: tokenFile, first: token, clock, log });
    this.#maxBytes = options.maxAnswerBytes ?? DEFAULT_MAX_ANSWER_BYTES;
    this.#tlsWayOuts = tlsWayOuts(options.tls ?? {});
    this.#clock = clock;
  }

  /** How often there was no answer so far: whoever remembers something of Consul asks again when it has grown. */
  get losses(): number {
    return this.#losses;
  }

  /** Sends one request and resolves whatever comes of it. */
  async exchange(request: ConsulRequest): Promise<ConsulReply | NoReply> {
    if (this.#closed) return this.#noReply(request, "CLOSED");
    if (request.signal?.aborted === true) return this.#noReply(request, "CANCELLED");
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal, upkeep } = request;
    const bounds = new RequestBounds({ timeoutMs, signal, upkeep }, this.#clock);
    this.#open.add(bounds);
    try {
      return { answered: true, ...(await this.#converse(request, bounds)) };
    } catch (error) {
      return this.#noReply(request, bounds.why ?? codeOf(error), error);
    } finally {
      bounds.lift();
      this.#open.delete(bounds);
    }
  }

  /**
   * exchange() for requests that are harmless to repeat: sends it again when the connection turns out to have been
   * closed while it was idle, and rejects with a MeshError when there is no answer.
   */
  async request(request: ConsulRequest): Promise<ConsulReply> {
    let reply = await this.exchange(request);
    if (!reply.answered && reply.why === "ECONNRESET") reply = await this.exchange(request);
    if (!reply.answered) throw reply.error;
    return reply;
  }

  /** request() for what must not be done twice: an answer that was lost is an error, whatever Consul did. */
  async requestOnce(request: ConsulRequest): Promise<ConsulReply> {
    const reply = await this.exchange(request);
    if (!reply.answered) throw reply.error;
    return reply;
  }

  /** Keeps so many idle connections, 1 or more, open for requests that do not wait. Default 1. */
  keepIdle(connections: number): void {
    this.#client.keepIdle(connections);
  }

  /** Ends every request under way and closes the sockets. Later requests are refused. */
  close(): void {
    this.#closed = true;
    for (const bounds of this.#open) bounds.giveUp("CLOSED");
    this.#client.close();
  }

  /** One request and its reply; two where the token's file turns out to hold another than the one refused. */
  async #converse(request: ConsulRequest, bounds: RequestBounds): Promise<PapiReply> {
    const file = this.#tokenFile;
    if (file === undefined) return this.#send(request, this.#token, bounds);
    const token = await bounds.within(file.current());
    const reply = await this.#send(request, token, bounds);
    if (reply.status !== 403) return reply;
    const other = await bounds.within(file.replacement(token));
    return other === undefined ? reply : this.#send(request, other, bounds);
  }

  #send(request: ConsulRequest, token: string | undefined, bounds: RequestBounds): Promise<PapiReply> {
    const exchange = this.#client.send({
      method: request.method,
      path: request.path,
      query: { ...this.#scope, ...request.query },
      body: request.body,
      token,
      background: request.upkeep === "background",
      waits: request.waits ?? false,
      maxBytes: this.#maxBytes,
    });
    return bounds.within(exchange.reply, () => exchange.cancel());
  }

  #noReply(request: ConsulRequest, why: string, cause?: unknown): NoReply {
    const what = `${request.method} /v1${request.path}`;
    switch (why) {
      case "CANCELLED":
        return {
          answered: false,
          why,
          error: new MeshError("CANCELLED", `${what} to consul at ${this.place} was cancelled`),
        };
      case "CLOSED":
        return {
          answered: false,
          why,
          error: new MeshError(
            "FAILED_PRECONDITION",
            `${what} cannot go to consul at ${this.place}: its client is closed`,
          ),
        };
      case "TOO_LARGE": {
        const reason = `consul at ${this.place} answers ${what} with more than ${this.#maxBytes} bytes: ask for less (a narrower prefix, a filter), or raise consul.maxAnswerBytes`;
        return { answered: false, why, error: new MeshError("RESOURCE_EXHAUSTED", reason) };
      }
      default:
        if (cause instanceof MeshError) return { answered: false, why: "NO_TOKEN", error: cause };
        this.#losses++;
        return {
          answered: false,
          why,
          error: new MeshError("UNAVAILABLE", this.#silence(request, why, cause), { cause }),
        };
    }
  }

  #silence(request: ConsulRequest, why: string, cause: unknown): string {
    const tls = cause instanceof Error ? tlsFailure(cause.message, this.#tlsWayOuts) : undefined;
    if (tls !== undefined) return `consul at ${this.place} cannot be reached: ${tls}`;
    const how = why === "TIMEOUT" ? `not within ${request.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms` : why;
    return `consul at ${this.place} did not answer (${how}): start one (on a laptop: npx mesh agent), or set CONSUL_HTTP_ADDR`;
  }
}

/** What a refusal of Consul means to a caller: the code by status, Consul's own text, and the way out where one is known. */
export function refusal(http: ConsulHttp, what: string, reply: ConsulReply): MeshError {
  const { status, text } = reply;
  const said = text.trim() === "" ? "" : `: ${text.trim().slice(0, MAX_QUOTED_CHARS)}`;
  return new MeshError(
    codeForStatus(status),
    `consul at ${http.place} refused ${what} (${status}${said})${wayOut(reply)}`,
  );
}

/** Consul's errors are a sentence; a proxy's may be a page. */
const MAX_QUOTED_CHARS = 300;

function codeForStatus(status: number): ErrorCode {
  switch (status) {
    case 400:
    case 413:
      return "INVALID_ARGUMENT";
    case 401:
      return "UNAUTHENTICATED";
    case 403:
      return "PERMISSION_DENIED";
    case 404:
      return "NOT_FOUND";
    case 429:
      return "RESOURCE_EXHAUSTED";
    default:
      return status >= 500 ? "UNAVAILABLE" : "FAILED_PRECONDITION";
  }
}

/** What Go's server says to whoever does not speak TLS to it. */
const WANTS_HTTPS = /HTTP request to an HTTPS server/i;

/** A 404 of Consul's own about what was asked for is a sentence; others know no such path, or are no Consul. */
const NO_CONSUL = /^\s*(?:$|404 page not found|<)/i;

function wayOut({ status, text, headers }: ConsulReply): string {
  const { location } = headers;
  if (status >= 300 && status < 400 && typeof location === "string") {
    return `; redirects are not followed: if ${location} is Consul, write its scheme, host and port in CONSUL_HTTP_ADDR`;
  }
  switch (status) {
    case 400:
      return WANTS_HTTPS.test(text) ? "; write https:// in CONSUL_HTTP_ADDR, or set CONSUL_HTTP_SSL=true" : "";
    case 401:
    case 403:
      return "; set CONSUL_HTTP_TOKEN to a token that may";
    case 404:
      return NO_CONSUL.test(text) ? "; check that CONSUL_HTTP_ADDR names a Consul agent" : "";
    case 429:
      return "; raise limits.http_max_conns_per_client or the rate limit of that agent";
    default:
      return "";
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
