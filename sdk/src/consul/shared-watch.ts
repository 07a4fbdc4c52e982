/**
 * One watch for many services: follows all checks of the cluster, or those of the services in question where Consul can
 * filter, and names the services that are worth a look. Three connections, however many services: among thousands of
 * checks a list of all takes Consul a tenth of a second, so checks that fail or pass again are followed by a list of their own.
 *
 * What checks do not show is found on a second signal, the list of services, which tells that something has changed but
 * not where: services without any check are then looked at at once, and every service some seconds later, for an
 * instance may have come without a check beside others that have one, or have got another weight, address or metadata.
 */
import type { Clock, Timer } from "../call/clock.ts";
import type { Random } from "../call/random.ts";
import type { Watch } from "../discovery/directory.ts";
import type { DiscoveryFailure } from "../discovery/directory-observer.ts";
import { watchBlocking } from "./blocking-query.ts";
import {
  changedServices,
  checkFilter,
  type CheckList,
  nodesChanged,
  NOT_PASSING,
  readCheckList,
} from "./check-list.ts";
import type { ConsulHttp } from "./consul-http.ts";
import type { LookLanes } from "./look-lanes.ts";
import { pause } from "./pause.ts";
import { ownSeat, type QuerySeat } from "./query-seat.ts";

export interface SharedWatchOptions {
  readonly http: ConsulHttp;
  readonly clock: Clock;
  readonly random: Random;
  readonly lanes: LookLanes;
  /** Told of services that may have changed, by name in lower case. */
  readonly suspect: (names: Iterable<string>) => void;
}

/** Connections that wait at the server for all of them. */
export const SHARED_CONNECTIONS = 3;

/** Clients are made one after the other, and each would have the watch start over. */
const GATHER_MS = 20;
/** Reading a list of thousands of checks costs milliseconds here and more at the server: a tenth of the time at most. */
const REST_PER_BUSY = 10;
/** Of a list that takes no time to read: the way there and back is work for both sides too. */
const MIN_REST_MS = 20;
/** Rest that may be owed, so that only changes without end are seen later for it. */
const REST_OWED_MS = 500;
/** What only the list of services hints at is looked for so much later, once for all hints meanwhile. */
const HINT_WITHIN_MS = 10_000;
/** So often every service is looked at whatever the signals say: nothing is older than this, nor missed for longer. */
const CONFIRM_EVERY_MS = 60_000;

const NO_CHECKS: CheckList = { services: new Map(), nodes: new Map(), servicesOn: new Map() };

export class SharedWatch implements Watch {
  readonly #options: SharedWatchOptions;
  /** To be followed, in lower case. */
  #names: ReadonlySet<string> = new Set();
  /** Those that the running query's first answer is about. */
  #followed: ReadonlySet<string> = new Set();
  #list = NO_CHECKS;
  #filters: "taken" | "refused" = "taken";
  /** Rest that was owed when the last list had been read. */
  #owedMs = 0;
  #readAt = 0;
  #checks: Watch | undefined;
  #flips: Watch | undefined;
  #services: Watch | undefined;
  #servicesIndex: bigint | undefined;
  #gather: Timer | undefined;
  #hint: Timer | undefined;
  #confirm: Timer | undefined;
  /** Ends a rest between two questions. */
  #rest = new AbortController();

  constructor(options: SharedWatchOptions) {
    this.#options = options;
  }

  /** From now on these; what is new among them is suspected as soon as its checks are followed. */
  follow(names: ReadonlySet<string>): void {
    if (names.size === this.#names.size && [...names].every((name) => this.#names.has(name))) return;
    this.#names = names;
    if (names.size === 0) this.close();
    else this.#gather ??= this.#options.clock.setBackgroundTimer(() => this.#restart(), GATHER_MS);
  }

  close(): void {
    this.#checks?.close();
    this.#flips?.close();
    this.#services?.close();
    this.#rest.abort();
    for (const timer of [this.#gather, this.#hint, this.#confirm]) timer?.cancel();
    this.#gather = this.#hint = this.#confirm = undefined;
    this.#checks = this.#flips = this.#services = undefined;
    this.#followed = new Set();
    this.#list = NO_CHECKS;
  }

  #restart(): void {
    this.#gather = undefined;
    this.#checks?.close();
    this.#rest.abort();
    this.#rest = new AbortController();
    const joined = new Set([...this.#names].filter((name) => !this.#followed.has(name)));
    this.#followed = this.#names;
    this.#checks = this.#watchChecks(joined);
    if (this.#filters === "taken") this.#flips ??= this.#watchFlips();
    this.#services ??= this.#watchServices();
    this.#confirm ??= this.#options.clock.setBackgroundTimer(() => this.#confirmAll(), CONFIRM_EVERY_MS);
  }

  #watchChecks(joined: Set<string>): Watch {
    const { http, clock, random } = this.#options;
    const filter = this.#filters === "taken" ? checkFilter(this.#names) : undefined;
    return watchBlocking(http, {
      path: "/health/state/any",
      ...(filter === undefined ? {} : { query: { filter } }),
      parse: (text) => this.#read(text),
      clock,
      random,
      seat: this.#seat(),
      onValue: (list) => this.#answered(list, joined),
      onFailure: (_error, _known, kind) => this.#failed(kind, filter),
    });
  }

  #read(text: string): CheckList {
    const { clock } = this.#options;
    const began = clock.now();
    const list = readCheckList(text);
    const now = clock.now();
    const cost = Math.max(MIN_REST_MS, REST_PER_BUSY * (now - began));
    this.#owedMs = Math.max(0, this.#owedMs - (now - this.#readAt)) + cost;
    this.#readAt = now;
    return list;
  }

  #seat(): QuerySeat {
    const { clock, lanes } = this.#options;
    return {
      ...ownSeat(),
      look: (ask) => lanes.run(ask),
      turn: () => {
        const restMs = this.#owedMs - (clock.now() - this.#readAt) - REST_OWED_MS;
        return restMs <= 0 ? "wait" : pause(clock, restMs, this.#rest.signal).then(() => "wait");
      },
    };
  }

  #answered(list: CheckList, joined: Set<string>): void {
    const suspects = new Set(changedServices(this.#list, list));
    for (const name of joined) suspects.add(name);
    joined.clear();
    const nodes = nodesChanged(this.#list, list);
    this.#list = list;
    if (nodes) for (const name of this.#withoutChecks()) suspects.add(name);
    this.#suspect(suspects);
  }

  /** Whatever it is, every service finds out for itself; so they are followed, if slowly, while this watch cannot be. */
  #failed(kind: DiscoveryFailure, filter: string | undefined): void {
    if (filter !== undefined && (kind === "refused" || kind === "failing")) {
      this.#filters = "refused";
      this.#flips?.close();
      this.#flips = undefined;
      this.#followed = new Set();
      this.#gather ??= this.#options.clock.setBackgroundTimer(() => this.#restart(), GATHER_MS);
    }
    this.#suspect(this.#names);
  }

  #watchFlips(): Watch {
    const { http, clock, random, lanes } = this.#options;
    let before: CheckList | undefined;
    return watchBlocking(http, {
      path: "/health/state/any",
      query: { filter: NOT_PASSING },
      parse: readCheckList,
      clock,
      random,
      seat: { ...ownSeat(), look: (ask) => lanes.run(ask) },
      onValue: (list) => {
        if (before !== undefined) this.#suspect(changedServices(before, list));
        before = list;
      },
      onFailure: () => {},
    });
  }

  #watchServices(): Watch {
    const { http, clock, random, lanes } = this.#options;
    this.#servicesIndex = undefined;
    return watchBlocking(http, {
      path: "/catalog/services",
      parse: () => undefined,
      clock,
      random,
      seat: { ...ownSeat(), look: (ask) => lanes.run(ask) },
      onValue: () => {},
      onFailure: () => {},
      onAnswer: (index) => {
        if (this.#servicesIndex !== undefined && this.#servicesIndex !== index) this.#hinted();
        this.#servicesIndex = index;
      },
    });
  }

  #hinted(): void {
    this.#suspect(this.#withoutChecks());
    this.#hint ??= this.#options.clock.setBackgroundTimer(() => {
      this.#hint = undefined;
      this.#suspect(this.#names);
    }, HINT_WITHIN_MS);
  }

  #confirmAll(): void {
    this.#confirm = this.#options.clock.setBackgroundTimer(() => this.#confirmAll(), CONFIRM_EVERY_MS);
    this.#suspect(this.#names);
  }

  #withoutChecks(): string[] {
    return [...this.#names].filter((name) => !this.#list.services.has(name));
  }

  #suspect(names: Iterable<string>): void {
    this.#options.suspect([...names].filter((name) => this.#names.has(name)));
  }
}
