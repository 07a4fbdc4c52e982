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
import type { DiscoveryFailure } from "../discovery/directory-observer.ts";
import { backoffMs } from "./backoff.ts";
import { type ConsulHttp, type ConsulReply, type NoReply, refusal } from "./consul-http.ts";
import { pause } from "./pause.ts";
import { IMMEDIATE_TIMEOUT_MS, QueryIndex, indexOf } from "./query-index.ts";
import { ownSeat, type QuerySeat } from "./query-seat.ts";
import { actionFor, failureOf, retryAfterMs, silenceOf } from "./reply-action.ts";
import { ReplyPace } from "./reply-pace.ts";

/**
 * What came before an answer. "after-outage": Consul could not be reached, so what is missing may only not be back yet.
 * "after-reset": its index went backwards, so the servers have lost their state, or have got an older one.
 */
export type Circumstance = "steady" | "after-outage" | "after-reset";

export interface BlockingQueryOptions<T> {
  /** Below /v1, percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Reads an answer's text; throws a MeshError for one that is wrong. */
  readonly parse: (text: string) => T;
  readonly clock: Clock;
  readonly random: Random;
  /** The first answer, every one that differs from the last, and the first after a failure. */
  readonly onValue: (value: T, circumstance: Circumstance) => void;
  /** After every failed attempt. known: what a server without a leader still knows, if one answered. */
  readonly onFailure: (error: MeshError, known: T | undefined, kind: DiscoveryFailure) => void;
  /** After every good answer, before onValue, also when it says the same as the last. index: what Consul calls its state. */
  readonly onAnswer?: (index: bigint) => void;
  /**
   * What it means that Consul answers 404 to a question it understood, without a text but with an index: "answer", that
   * nothing is there, for parse to read ""; "refusal" by default.
   */
  readonly missing?: "answer" | "refusal";
  /** Among other watches. Default: alone. */
  readonly seat?: QuerySeat;
}

/** What a watch of one endpoint is given; the rest of its options is the endpoint's own. */
export type Following<T> = Pick<BlockingQueryOptions<T>, "clock" | "random" | "onValue" | "onFailure" | "onAnswer">;

/** An agent that is back is noticed within so long; asking costs it and us next to nothing. */
const MAX_BACKOFF_MS = 5_000;
/** Between attempts that cannot succeed until somebody changes a setting. */
const SLOW_RETRY_MS = 30_000;
/** A connection that ends so soon after the question was never taken: Consul 1.8 closes those above its limit. */
const TURNED_AWAY_MS = 250;

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
  readonly #seat: QuerySeat;
  #failures = 0;
  /** Of the last content called back with; undefined after a failure, so the next content is called back. */
  #fingerprint: string | undefined;
  #circumstance: Circumstance = "steady";

  constructor(http: ConsulHttp, options: BlockingQueryOptions<T>) {
    this.#http = http;
    this.#options = options;
    this.#pace = new ReplyPace(options.clock);
    this.#seat = options.seat ?? ownSeat();
  }

  close(): void {
    this.#stop.abort();
  }

  async run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      const turn = this.#index.waits ? await this.#seat.turn() : "look";
      if (this.#stop.signal.aborted) return;
      const askedAt = clock.now();
      const reply =
        turn === "wait" ? await this.#ask(this.#index.query(), this.#index.timeoutMs) : await this.#look({});
      if (this.#stop.signal.aborted) return;
      const afterMs = clock.now() - askedAt;
      const waitMs = reply.answered ? await this.#takeReply(reply, afterMs) : this.#takeSilence(reply, afterMs);
      if (waitMs > 0) await pause(clock, waitMs, this.#stop.signal);
    }
  }

  #look(query: Readonly<Record<string, string>>): Promise<ConsulReply | NoReply> {
    return this.#seat.look(() => this.#ask(query, IMMEDIATE_TIMEOUT_MS));
  }

  #ask(query: Readonly<Record<string, string>>, timeoutMs: number): Promise<ConsulReply | NoReply> {
    const { path } = this.#options;
    const { signal } = this.#stop;
    const all = { ...this.#options.query, ...query };
    const waits = query["index"] !== undefined;
    return this.#http.exchange({ method: "GET", path, query: all, timeoutMs, signal, upkeep: "background", waits });
  }

  /** Returns how long to wait before asking again. */
  async #takeReply(reply: ConsulReply, afterMs: number): Promise<number> {
    const action = this.#saysMissing(reply) ? "take" : actionFor(reply);
    if (action === "take") return this.#takeAnswer(reply);
    if (action === "cut-off") return this.#cutOff(this.#refused(reply), failureOf(reply), afterMs);
    if (reply.status === 429 && this.#tookOtherWay()) return retryAfterMs(reply);
    const known = action === "retry-stale" ? await this.#askAnyServer() : undefined;
    const waitMs = Math.max(this.#failed(this.#refused(reply), failureOf(reply), known), retryAfterMs(reply));
    return action === "retry-slowly" ? this.#slowly() : waitMs;
  }

  #takeAnswer(reply: ConsulReply): number {
    const index = indexOf(reply);
    if (index === undefined) {
      this.#failed(this.#withoutIndex(), "unreadable");
      return this.#slowly();
    }
    const fingerprint = createHash("sha1").update(reply.text).digest("base64");
    const parsed = fingerprint === this.#fingerprint ? "same" : this.#parse(reply.text);
    if (parsed !== "same" && parsed.error !== undefined) return this.#failed(parsed.error, "unreadable");
    if (this.#index.accept(index) === "backwards") this.#circumstance = "after-reset";
    const circumstance = this.#circumstance;
    this.#failures = 0;
    this.#fingerprint = fingerprint;
    this.#circumstance = "steady";
    this.#options.onAnswer?.(index);
    if (parsed === "same") return this.#pace.take("same");
    if (circumstance === "steady") this.#seat.changed();
    this.#options.onValue(parsed.value, circumstance);
    return this.#pace.take("new");
  }

  #takeSilence(reply: NoReply, afterMs: number): number {
    const kind = silenceOf(reply);
    if (kind === "broken" && afterMs < TURNED_AWAY_MS && this.#tookOtherWay()) return 0;
    this.#circumstance = "after-outage";
    return kind === "broken" ? this.#cutOff(reply.error, kind, afterMs) : this.#failed(reply.error, kind);
  }

  /** A connection ends for many reasons (a restart, a proxy's limit); whether Consul is gone shows the next attempt. */
  #cutOff(error: MeshError, kind: DiscoveryFailure, afterMs: number): number {
    this.#index.noteReset(afterMs);
    if (this.#failures > 0 || this.#fingerprint === undefined) return this.#failed(error, kind);
    this.#index.startOver();
    this.#failures = 1;
    return 0;
  }

  /** Said every time, so that room is made, but at once only the first: the other way may be closed as well. */
  #tookOtherWay(): boolean {
    if (!this.#seat.crowded() || this.#failures > 0) return false;
    this.#index.startOver();
    this.#failures = 1;
    return true;
  }

  /** A proxy's 404 has a text, and one of another server has no index. */
  #saysMissing(reply: ConsulReply): boolean {
    const { missing } = this.#options;
    return missing === "answer" && reply.status === 404 && reply.text.trim() === "" && indexOf(reply) !== undefined;
  }

  /** Without a leader the servers still know who was healthy. */
  async #askAnyServer(): Promise<T | undefined> {
    const reply = await this.#look({ stale: "" });
    return reply.answered && (reply.status === 200 || this.#saysMissing(reply))
      ? this.#parse(reply.text).value
      : undefined;
  }

  #failed(error: MeshError, kind: DiscoveryFailure, known?: T): number {
    if (this.#stop.signal.aborted) return 0;
    this.#failures++;
    this.#index.startOver();
    this.#fingerprint = undefined;
    this.#options.onFailure(error, known, kind);
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
