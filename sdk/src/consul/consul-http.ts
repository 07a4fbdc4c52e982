/**
 * One request to Consul's HTTP API: always bounded in time, cancelled by an AbortSignal, answered with status, headers
 * and text. No answer is a value of its own, so a caller that must tell "Consul said no" from "Consul is gone" can.
 */
import type { Clock } from "../call/clock.ts";
import type { ErrorCode } from "../call/status.ts";
import { MeshError } from "../call/mesh-error.ts";
import { type ConsulOptions, DEFAULT_CONSUL_URL } from "./consul-options.ts";
import { papiClient, type PapiClient, type PapiExchange, type Verb } from "./papi-client.ts";

export interface ConsulRequest {
  readonly method: Verb;
  /** Below /v1, percent-encoded: "/health/service/greeter". */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until an answer must be complete. Default 10,000: without a leader Consul takes 7 s to say so. */
  readonly timeoutMs?: number;
  /** "background" lets the process end while the request is under way. Default "foreground". */
  readonly upkeep?: "foreground" | "background";
}

export interface ConsulReply {
  readonly answered: true;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface NoReply {
  readonly answered: false;
  /** "ECONNREFUSED" and its like; "TIMEOUT", "CANCELLED" or "CLOSED" when we gave up. */
  readonly why: string;
  /** UNAVAILABLE, CANCELLED when the signal said so, or FAILED_PRECONDITION after close(). */
  readonly error: MeshError;
}

const DEFAULT_TIMEOUT_MS = 10_000;

export class ConsulHttp {
  /** Where it is, for people: "http://127.0.0.1:8500" or "unix:///path". */
  readonly place: string;
  readonly #client: PapiClient;
  readonly #scope: Readonly<Record<string, string>>;
  readonly #clock: Clock;
  readonly #open = new Set<(why: string) => void>();
  #closed = false;

  constructor(options: Partial<ConsulOptions>, clock: Clock) {
    const complete = { ...options, url: options.url ?? DEFAULT_CONSUL_URL };
    this.place = options.socketPath === undefined ? complete.url : `unix://${options.socketPath}`;
    this.#client = papiClient(complete);
    this.#scope = {
      ...(options.namespace === undefined ? {} : { ns: options.namespace }),
      ...(options.partition === undefined ? {} : { partition: options.partition }),
    };
    this.#clock = clock;
  }

  /** Sends one request and resolves whatever comes of it. */
  async exchange(request: ConsulRequest): Promise<ConsulReply | NoReply> {
    if (this.#closed) return this.#noReply(request, "CLOSED");
    if (request.signal?.aborted === true) return this.#noReply(request, "CANCELLED");
    const exchange = this.#client.send({
      method: request.method,
      path: request.path,
      query: { ...this.#scope, ...request.query },
      body: request.body,
      background: request.upkeep === "background",
    });
    const bounds = this.#bound(exchange, request);
    try {
      return { answered: true, ...(await exchange.reply) };
    } catch (error) {
      return this.#noReply(request, bounds.gaveUp() ?? codeOf(error), error);
    } finally {
      bounds.lift();
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

  /** Ends every request under way and closes the sockets. Later requests are refused. */
  close(): void {
    this.#closed = true;
    for (const giveUp of this.#open) giveUp("CLOSED");
    this.#client.close();
  }

  /** The three ways in which we give up by ourselves. */
  #bound(exchange: PapiExchange, request: ConsulRequest): { gaveUp(): string | undefined; lift(): void } {
    let reason: string | undefined;
    const giveUp = (why: string): void => {
      reason ??= why;
      exchange.cancel();
    };
    const onAbort = (): void => giveUp("CANCELLED");
    const onTimeout = (): void => giveUp("TIMEOUT");
    const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timer =
      request.upkeep === "background"
        ? this.#clock.setBackgroundTimer(onTimeout, timeoutMs)
        : this.#clock.setTimer(onTimeout, timeoutMs);
    request.signal?.addEventListener("abort", onAbort, { once: true });
    this.#open.add(giveUp);
    return {
      gaveUp: () => reason,
      lift: () => {
        timer.cancel();
        request.signal?.removeEventListener("abort", onAbort);
        this.#open.delete(giveUp);
      },
    };
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
      default: {
        const how = why === "TIMEOUT" ? `not within ${request.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms` : why;
        const reason = `consul at ${this.place} did not answer (${how}): start one (on a laptop: npx mesh agent), or set CONSUL_HTTP_ADDR`;
        return { answered: false, why, error: new MeshError("UNAVAILABLE", reason, { cause }) };
      }
    }
  }
}

/** What a refusal of Consul means to a caller: the code by status, Consul's own text, and the way out where one is known. */
export function refusal(http: ConsulHttp, what: string, { status, text }: ConsulReply): MeshError {
  const said = text.trim() === "" ? "" : `: ${text.trim().slice(0, MAX_QUOTED_CHARS)}`;
  return new MeshError(
    codeForStatus(status),
    `consul at ${http.place} refused ${what} (${status}${said})${wayOut(status)}`,
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

function wayOut(status: number): string {
  switch (status) {
    case 401:
    case 403:
      return "; set CONSUL_HTTP_TOKEN to a token that may";
    case 404:
      return "; check that CONSUL_HTTP_ADDR names a Consul agent";
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
