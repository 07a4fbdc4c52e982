/**
 * What a directory says of one service in Consul, through good times and bad. What Consul says is believed at once, with
 * exceptions that keep the endpoints of before as "stale":
 *
 * - Instances that it does not list for want of news and not for bad news (kept-endpoints.ts) stay for a while.
 * - An answer that takes away everything at once, registry well or not: a token that has lost its rights, a server that is
 *   cut off and an agent whose checks have all run out at once look like nobody. It is confirmed first (confirm-empty.ts).
 *   That takes a third of a second when instances have deregistered, and 5 s when they are registered but fail their checks.
 *
 * An error never takes anything away.
 */
import type { Clock, Timer } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import type { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import type { Endpoint } from "../balancing/endpoint.ts";
import type { EndpointView, Watch } from "../discovery/directory.ts";
import type { DirectoryObserver } from "../discovery/directory-observer.ts";
import { inOrder } from "../discovery/endpoint-view.ts";
import type { ViewMemory } from "../discovery/view-memory.ts";
import { type Circumstance, watchBlocking } from "./blocking-query.ts";
import { FROM_LEADER, type HealthAnswer, healthPath, readHealth } from "./catalog-api.ts";
import { confirmEmpty, type Emptiness } from "./confirm-empty.ts";
import type { ConsulHttp } from "./consul-http.ts";
import { KeptEndpoints, RETURN_WITHIN_MS } from "./kept-endpoints.ts";
import type { ReadRights } from "./read-rights.ts";
import { type Doubt, hiddenInstances, lostInstances, meanwhile, slowAnswer } from "./view-doubts.ts";
import type { WatchPool, PoolSeat } from "./watch-pool.ts";

/** "at-once": Consul is always taken at its word but right after an outage. */
export type BelieveEmpty = "confirmed" | "at-once";

/** Whether changes may come as a stream from any server, up to 0.1 s late, or are asked of the leader. */
export type Streaming = "avoid" | "allow";

export interface ServiceWatchOptions {
  readonly http: ConsulHttp;
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly pool: WatchPool;
  readonly rights: ReadRights;
  readonly believeEmpty: BelieveEmpty;
  readonly streaming: Streaming;
  readonly log?: Logger | undefined;
  readonly observer: DirectoryObserver;
  /** Asked when Consul has never answered. */
  readonly memory?: Pick<ViewMemory, "recall"> | undefined;
  readonly publish: (view: EndpointView) => void;
}

/** A Consul that neither answers nor refuses must not leave callers without a word until their deadline. */
const FIRST_VIEW_WITHIN_MS = 2_000;

/** For what passes in a moment: a server that lags behind, an instance that replaces its registration. */
const CONFIRM_AFTER_MS = 250;
/** Consul cannot confirm now: a leader is being elected, for example. */
const CONFIRM_AGAIN_MS = 1_000;
/** Somebody has to give us rights first. */
const LOOK_FOR_RIGHTS_EVERY_MS = 30_000;

export class ServiceWatch implements Watch {
  readonly #options: ServiceWatchOptions;
  readonly #seat: PoolSeat;
  #query: Watch | undefined;
  /** Before the first view: patience. While something is doubted: until it is looked into. */
  #timer: Timer | undefined;
  #view: EndpointView = { endpoints: [], freshness: "stale" };
  /** When Consul last confirmed the endpoints of the view. */
  #confirmedAt: number | undefined;
  /** What Consul said last, while it is doubted, and since when and why. */
  #answer: { readonly endpoints: readonly Endpoint[]; readonly doubtedAt: number; readonly why: Doubt } | undefined;
  readonly #kept = new KeptEndpoints();
  #confirming: AbortController | undefined;
  /** Until it has been asked, or is of no use any more. */
  #memory: Pick<ViewMemory, "recall"> | undefined;
  /** What to publish if nothing is remembered, while the memory is being asked. */
  #otherwise: EndpointView | undefined;
  /** Whether somebody was told that the service cannot be followed. */
  #lamented = false;

  constructor(options: ServiceWatchOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#seat = options.pool.join(options.name);
  }

  start(): void {
    const { http, name, clock, random, observer, streaming } = this.#options;
    this.#wait(FIRST_VIEW_WITHIN_MS, () => this.#fail(slowAnswer(http, name, FIRST_VIEW_WITHIN_MS)));
    this.#query = watchBlocking(http, {
      path: healthPath(name),
      ...(streaming === "avoid" ? { query: FROM_LEADER } : {}),
      parse: (text) => readHealth(http, text),
      clock,
      random,
      seat: this.#seat,
      onAnswer: () => this.#heard(),
      onValue: (answer, circumstance) => this.#answered(answer, circumstance),
      onFailure: (error, known, kind) => {
        observer.failed(name, kind);
        this.#fail(error, known?.endpoints);
      },
    });
  }

  close(): void {
    this.#query?.close();
    this.#seat.close();
    this.#settle();
    this.#otherwise = undefined;
    this.#options.observer.closed(this.#options.name);
  }

  #heard(): void {
    if (this.#view.freshness !== "live" || this.#answer !== undefined) return;
    this.#confirmedAt = this.#options.clock.wallTime();
    this.#options.observer.confirmed(this.#options.name);
  }

  #answered({ endpoints, silent }: HealthAnswer, circumstance: Circumstance): void {
    this.#memory = this.#otherwise = undefined;
    const now = this.#options.clock.now();
    const missing = this.#missing(endpoints);
    const kept = this.#kept.take({ missing, silent, circumstance, doubting: this.#answer !== undefined, now });
    const unconfirmed = endpoints.length === 0 && this.#options.believeEmpty === "confirmed";
    if (!unconfirmed && kept.length === 0) {
      this.#believe(endpoints);
      return;
    }
    const { doubtedAt, why } = this.#answer ?? { doubtedAt: now, why: doubt(kept, silent, circumstance) };
    this.#settle();
    this.#answer = { endpoints, doubtedAt, why };
    if (missing.length === 0) void this.#lookInto();
    else if (kept.length > 0) this.#keep(kept, endpoints, this.#kept.firstMs(kept, now));
    else this.#keep(missing, endpoints, CONFIRM_AFTER_MS);
  }

  /** Until it is clear what has become of them, which is looked into later. */
  #keep(missing: readonly Endpoint[], endpoints: readonly Endpoint[], laterMs: number): void {
    const { http, name, log } = this.#options;
    const why = this.#answer?.why ?? "all at once";
    const error = lostInstances(http, name, missing, why, Math.max(laterMs, RETURN_WITHIN_MS));
    log?.info({ target: this.#target, err: error }, "service has lost instances: they stay in use for now");
    this.#publish({ ...this.#view, endpoints: inOrder([...missing, ...endpoints]), freshness: "stale", error });
    this.#wait(laterMs, () => void this.#lookInto());
  }

  async #lookInto(): Promise<void> {
    const answer = this.#answer;
    if (answer === undefined) return;
    if (answer.endpoints.length > 0 || this.#options.believeEmpty === "at-once") {
      this.#giveUp(answer.endpoints);
      return;
    }
    this.#confirming?.abort();
    const confirming = new AbortController();
    this.#confirming = confirming;
    const emptiness = await this.#confirm(confirming.signal);
    if (!confirming.signal.aborted) this.#learned(emptiness, answer.doubtedAt);
  }

  /** When nothing is lost by believing, all there is to find out is whether our token would be shown anybody. */
  async #confirm(signal: AbortSignal): Promise<Emptiness> {
    const { http, name, rights } = this.#options;
    if (this.#view.endpoints.length > 0) return confirmEmpty({ http, name, rights, signal });
    return { kind: (await rights.sight(name, {}, signal)) === "hidden" ? "hidden" : "gone" };
  }

  #learned(emptiness: Emptiness, doubtedAt: number): void {
    const { http, name, clock, observer } = this.#options;
    switch (emptiness.kind) {
      case "gone":
        this.#giveUp([]);
        return;
      case "back":
        this.#giveUp(emptiness.endpoints);
        return;
      case "failing":
      case "unsure": {
        const leftMs = doubtedAt + RETURN_WITHIN_MS - clock.now();
        if (leftMs > 0) this.#wait(leftMs, () => void this.#lookInto());
        else this.#giveUp([]);
        return;
      }
      case "hidden":
        observer.failed(name, "denied");
        this.#wait(LOOK_FOR_RIGHTS_EVERY_MS, () => void this.#lookInto());
        this.#lament({ ...this.#view, freshness: "stale", error: hiddenInstances(http, name) });
        return;
      case "unanswered":
        this.#wait(CONFIRM_AGAIN_MS, () => void this.#lookInto());
    }
  }

  /** What is missing from these, but for those whose time is not over. */
  #giveUp(endpoints: readonly Endpoint[]): void {
    const now = this.#options.clock.now();
    const kept = this.#kept.of(this.#missing(endpoints), now);
    if (kept.length === 0) this.#believe(endpoints);
    else this.#keep(kept, endpoints, this.#kept.firstMs(kept, now));
  }

  #believe(endpoints: readonly Endpoint[]): void {
    this.#settle();
    if (this.#lamented) {
      this.#options.log?.info({ target: this.#target, endpoints: endpoints.length }, "service is followed again");
    }
    this.#lamented = false;
    this.#confirmedAt = this.#options.clock.wallTime();
    this.#options.observer.confirmed(this.#options.name);
    this.#publish({ endpoints, freshness: "live" });
  }

  #fail(error: MeshError, known?: readonly Endpoint[]): void {
    this.#settle();
    // A server that is just back knows nobody before it has heard from a leader.
    const stale: EndpointView =
      known !== undefined && known.length > 0
        ? { endpoints: known, freshness: "stale", error }
        : { ...this.#view, freshness: "stale", error };
    if (this.#memory === undefined) {
      this.#lament(stale);
      return;
    }
    const asked = this.#otherwise !== undefined;
    this.#otherwise = stale;
    if (!asked) void this.#recall(this.#memory);
  }

  /** What a process before us knew is better than nothing. */
  async #recall(memory: Pick<ViewMemory, "recall">): Promise<void> {
    const remembered = await memory.recall(this.#options.name);
    const otherwise = this.#otherwise;
    this.#memory = this.#otherwise = undefined;
    if (otherwise === undefined) return;
    if (remembered === undefined || otherwise.endpoints.length > 0) {
      this.#lament(otherwise);
      return;
    }
    this.#confirmedAt = remembered.confirmedAt;
    this.#lament({ ...otherwise, endpoints: remembered.endpoints, from: "disk" });
  }

  #missing(endpoints: readonly Endpoint[]): readonly Endpoint[] {
    const here = new Set(endpoints.map(({ id }) => id));
    return this.#view.endpoints.filter(({ id }) => !here.has(id));
  }

  #wait(ms: number, then: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setBackgroundTimer(then, ms);
  }

  #settle(): void {
    this.#timer?.cancel();
    this.#confirming?.abort();
    this.#answer = undefined;
  }

  /** Publishes a view that is worse than it should be. */
  #lament(next: EndpointView): void {
    const view = this.#publish(next);
    if (this.#lamented) return;
    this.#lamented = true;
    this.#options.log?.warn(
      { target: this.#target, endpoints: view.endpoints.length, err: view.error },
      `service cannot be followed: ${meanwhile(view, this.#options.clock)}`,
    );
  }

  #publish(next: EndpointView): EndpointView {
    const confirmedAt = this.#confirmedAt;
    this.#view = next.freshness === "live" || confirmedAt === undefined ? next : { ...next, confirmedAt };
    this.#options.observer.viewed(this.#options.name, this.#view);
    this.#options.publish(this.#view);
    return this.#view;
  }

  get #target(): string {
    return `consul:///${this.#options.name}`;
  }
}

function doubt(kept: readonly Endpoint[], silent: ReadonlySet<string>, circumstance: Circumstance): Doubt {
  if (circumstance === "after-reset") return "reset";
  if (kept.length === 0) return "all at once";
  return kept.some(({ id }) => silent.has(id)) ? "silence" : "outage";
}
