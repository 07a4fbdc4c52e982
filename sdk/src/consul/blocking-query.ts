/**
 * A watch on one path of Consul's HTTP API: asks with the index of the last answer and is answered when something has
 * changed (https://developer.hashicorp.com/consul/api-docs/features/blocking). It goes on until closed, whatever Consul
 * does, and calls back on content that differs and on failures only.
 *
 * Its timers and sockets let the process end: a watch is no reason to stay alive.
 */
import { createHash } from "node:crypto";
import type { Clock } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import type { Watch } from "../discovery/directory.ts";
import { backoffMs } from "./backoff.ts";
import { type ConsulHttp, type ConsulReply, type NoReply, refusal } from "./consul-http.ts";
import { pause } from "./pause.ts";
import { QueryIndex, indexOf } from "./query-index.ts";
import { actionFor, retryAfterMs } from "./reply-action.ts";
import { ReplyPace } from "./reply-pace.ts";

export interface BlockingQueryOptions<T> {
  /** Below /v1, percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Reads an answer's text; throws a MeshError for one that is wrong. */
  readonly parse: (text: string) => T;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * The first answer, every one that differs from the last, and the first after a failure. "after-outage": Consul could
   * not be reached before it or has lost its state, so what is missing from it may only not be back yet.
   */
  readonly onValue: (value: T, circumstance: "steady" | "after-outage") => void;
  /** After every failed attempt. known: what a server without a leader still knows, if one answered. */
  readonly onFailure: (error: MeshError, known: T | undefined) => void;
}

/** An agent that is back is noticed within so long; asking costs it and us next to nothing. */
const MAX_BACKOFF_MS = 5_000;
/** Between attempts that cannot succeed until somebody changes a setting. */
const SLOW_RETRY_MS = 30_000;

/** Starts watching. */
export function watchBlocking<T>(http: ConsulHttp, options: BlockingQueryOptions<T>): Watch {
  const query = new BlockingQuery(http, options);
  void query.run();
  return query;
}

class BlockingQuery<T> implements Watch {
  readonly #http: ConsulHttp;
  readonly #options: BlockingQueryOptions<T>;
  readonly #stop = new AbortController();
  readonly #index = new QueryIndex();
  readonly #pace: ReplyPace;
  #failures = 0;
  /** Of the last content called back with; undefined after a failure, so the next content is called back. */
  #fingerprint: string | undefined;
  #outage = false;

  constructor(http: ConsulHttp, options: BlockingQueryOptions<T>) {
    this.#http = http;
    this.#options = options;
    this.#pace = new ReplyPace(options.clock);
  }

  close(): void {
    this.#stop.abort();
  }

  async run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      const askedAt = clock.now();
      const reply = await this.#ask({ ...this.#options.query, ...this.#index.query() }, this.#index.timeoutMs);
      if (this.#stop.signal.aborted) return;
      const waitMs = reply.answered ? await this.#takeReply(reply) : this.#takeSilence(reply, clock.now() - askedAt);
      if (waitMs > 0) await pause(clock, waitMs, this.#stop.signal);
    }
  }

  #ask(query: Readonly<Record<string, string>>, timeoutMs: number): Promise<ConsulReply | NoReply> {
    const { path } = this.#options;
    const { signal } = this.#stop;
    return this.#http.exchange({ method: "GET", path, query, timeoutMs, signal, upkeep: "background" });
  }

  /** Returns how long to wait before asking again. */
  async #takeReply(reply: ConsulReply): Promise<number> {
    const action = actionFor(reply);
    if (action === "take") return this.#takeAnswer(reply);
    const known = action === "retry-stale" ? await this.#askAnyServer() : undefined;
    const waitMs = Math.max(this.#failed(this.#refused(reply), known), retryAfterMs(reply));
    return action === "retry-slowly" ? this.#slowly() : waitMs;
  }

  #takeAnswer(reply: ConsulReply): number {
    const index = indexOf(reply);
    if (index === undefined) {
      this.#failed(this.#withoutIndex(), undefined);
      return this.#slowly();
    }
    const fingerprint = createHash("sha1").update(reply.text).digest("base64");
    const parsed = this.#parse(reply.text);
    if (parsed.error !== undefined) return this.#failed(parsed.error, undefined);
    if (this.#index.accept(index) === "backwards") this.#outage = true;
    this.#failures = 0;
    const content = fingerprint === this.#fingerprint ? "same" : "new";
    const circumstance = this.#outage ? "after-outage" : "steady";
    this.#fingerprint = fingerprint;
    this.#outage = false;
    if (content === "new") this.#options.onValue(parsed.value, circumstance);
    return this.#pace.take(content);
  }

  #takeSilence({ why, error }: NoReply, afterMs: number): number {
    const broken = why === "ECONNRESET";
    if (broken) this.#index.noteReset(afterMs);
    this.#outage = true;
    // A connection ends for many reasons (a restart, a proxy's limit); whether Consul is gone shows the next attempt.
    if (broken && this.#failures === 0 && this.#fingerprint !== undefined) {
      this.#index.startOver();
      this.#failures = 1;
      return 0;
    }
    return this.#failed(error, undefined);
  }

  /** Without a leader the servers still know who was healthy. */
  async #askAnyServer(): Promise<T | undefined> {
    const reply = await this.#ask({ ...this.#options.query, stale: "" }, new QueryIndex().timeoutMs);
    return reply.answered && reply.status === 200 ? this.#parse(reply.text).value : undefined;
  }

  #failed(error: MeshError, known: T | undefined): number {
    if (this.#stop.signal.aborted) return 0;
    this.#failures++;
    this.#index.startOver();
    this.#fingerprint = undefined;
    this.#options.onFailure(error, known);
    return backoffMs(this.#failures, MAX_BACKOFF_MS, this.#options.random);
  }

  #slowly(): number {
    return SLOW_RETRY_MS * (0.5 + this.#options.random() / 2);
  }

  #parse(
    text: string,
  ): { readonly value: T; readonly error?: never } | { readonly value?: never; readonly error: MeshError } {
    try {
      return { value: this.#options.parse(text) };
    } catch (error) {
      if (error instanceof MeshError) return { error };
      return {
        error: new MeshError("INTERNAL", `answer of consul cannot be read: ${String(error)}`, { cause: error }),
      };
    }
  }

  #refused(reply: ConsulReply): MeshError {
    return refusal(this.#http, `GET /v1${this.#options.path}`, reply);
  }

  #withoutIndex(): MeshError {
    return new MeshError(
      "FAILED_PRECONDITION",
      `consul at ${this.#http.place} answered /v1${this.#options.path} without X-Consul-Index, so changes cannot be followed: ` +
        `let the header through in whatever stands between, or set CONSUL_HTTP_ADDR to the agent itself`,
    );
  }
}
