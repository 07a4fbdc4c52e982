/**
 * What a directory says of one service in Consul, through good times and bad: an error keeps the last good endpoints as
 * "stale", and so does an answer that takes endpoints away right after an outage. An agent that restarts empty says with
 * authority that nobody is there, seconds before everybody has registered again; believing it would fail every call.
 */
import type { Clock, Timer } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import type { Endpoint } from "../balancing/endpoint.ts";
import type { EndpointView, Watch } from "../discovery/directory.ts";
import { inOrder } from "../discovery/endpoint-view.ts";
import { watchBlocking } from "./blocking-query.ts";
import { healthPath, PASSING, readHealth } from "./catalog-api.ts";
import type { ConsulHttp } from "./consul-http.ts";

export interface ServiceWatchOptions {
  readonly http: ConsulHttp;
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger | undefined;
  readonly publish: (view: EndpointView) => void;
}

/** A Consul that neither answers nor refuses must not leave callers without a word until their deadline. */
const FIRST_VIEW_WITHIN_MS = 2_000;

/** An instance that its agent has forgotten notices by its next heartbeat, 3.5 s later at most, and needs a moment to register. */
export const RETURN_WITHIN_MS = 5_000;

const NOBODY: EndpointView = { endpoints: [], freshness: "stale" };

export class ServiceWatch implements Watch {
  readonly #options: ServiceWatchOptions;
  #query: Watch | undefined;
  /** Before the first view: patience. After an outage: until missing endpoints are given up. */
  #timer: Timer | undefined;
  #view = NOBODY;
  /** What Consul said last, while the view still holds more. */
  #answer: readonly Endpoint[] | undefined;

  constructor(options: ServiceWatchOptions) {
    this.#options = options;
  }

  start(): void {
    const { http, name, clock, random } = this.#options;
    this.#timer = clock.setBackgroundTimer(() => this.#failed(this.#slow(), undefined), FIRST_VIEW_WITHIN_MS);
    this.#query = watchBlocking(http, {
      path: healthPath(name),
      query: PASSING,
      parse: (text) => readHealth(http, text),
      clock,
      random,
      onValue: (endpoints, circumstance) => this.#answered(endpoints, circumstance),
      onFailure: (error, known) => this.#failed(error, known),
    });
  }

  close(): void {
    this.#query?.close();
    this.#timer?.cancel();
  }

  #answered(endpoints: readonly Endpoint[], circumstance: "steady" | "after-outage"): void {
    const here = new Set(endpoints.map(({ id }) => id));
    const missing = this.#view.endpoints.filter(({ id }) => !here.has(id));
    if (missing.length === 0 || (circumstance === "steady" && this.#answer === undefined)) {
      this.#believe(endpoints);
      return;
    }
    if (this.#answer === undefined) this.#waitForReturn();
    this.#answer = endpoints;
    this.#publish({
      endpoints: inOrder([...missing, ...endpoints]),
      freshness: "stale",
      error: this.#awaiting(missing),
    });
  }

  #believe(endpoints: readonly Endpoint[]): void {
    this.#timer?.cancel();
    this.#answer = undefined;
    this.#publish({ endpoints, freshness: "live" });
  }

  #waitForReturn(): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setBackgroundTimer(() => this.#believe(this.#answer ?? []), RETURN_WITHIN_MS);
  }

  #failed(error: MeshError, known: readonly Endpoint[] | undefined): void {
    this.#timer?.cancel();
    this.#answer = undefined;
    // A server that is just back knows nobody before it has heard from a leader.
    const endpoints = known === undefined || known.length === 0 ? this.#view.endpoints : known;
    this.#publish({ endpoints, freshness: "stale", error });
  }

  #publish(view: EndpointView): void {
    this.#logTurn(this.#view, view);
    this.#view = view;
    this.#options.publish(view);
  }

  #logTurn(before: EndpointView, after: EndpointView): void {
    const { log, name } = this.#options;
    const fields = { target: `consul:///${name}`, endpoints: after.endpoints.length };
    if (after.freshness === "stale" && (before.freshness === "live" || before === NOBODY)) {
      const meanwhile =
        after.endpoints.length === 0 ? "none of its endpoints is known" : "its last known endpoints stay in use";
      log?.warn({ ...fields, err: after.error }, `service cannot be followed: ${meanwhile}`);
    }
    if (after.freshness === "live" && before.freshness === "stale" && before !== NOBODY) {
      log?.info(fields, "service is followed again");
    }
  }

  #slow(): MeshError {
    const { http, name } = this.#options;
    return new MeshError(
      "UNAVAILABLE",
      `consul at ${http.place} has not answered who serves ${name} for ${FIRST_VIEW_WITHIN_MS} ms: check that CONSUL_HTTP_ADDR names a healthy agent`,
    );
  }

  #awaiting(missing: readonly Endpoint[]): MeshError {
    const { http, name } = this.#options;
    const ids = missing.map(({ id }) => id).join(", ");
    return new MeshError(
      "UNAVAILABLE",
      `consul at ${http.place} has lost ${ids} of ${name} in an outage: they stay in use for up to ${RETURN_WITHIN_MS} ms, in which they may register again`,
    );
  }
}
