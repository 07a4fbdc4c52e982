/**
 * The watches that a process has on one Consul, and who of them waits at the server. An agent takes 200 connections from
 * one address by default (limits.http_max_conns_per_client): Consul 1.8 breaks those above, later versions answer 429. All
 * processes of a machine share them when they speak to its agent over loopback.
 *
 * Up to the limit every service waits at the server by itself, which is the cheapest for both sides: nobody is woken but
 * by its own changes. Beyond it, the services that have been quiet longest share a watch, and one of them that changes
 * takes the place of one that has been quiet for longer. When the agent turns connections away all the same, for others
 * use them, the limit goes down for a while.
 *
 * Whoever gives up a place stays until the wait is over: Consul 1.8 does not notice that somebody has stopped waiting, and
 * counts the connection until then.
 */
import type { Clock, Timer } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import type { Random } from "../call/random.ts";
import type { Watch } from "../discovery/directory.ts";
import type { ConsulHttp } from "./consul-http.ts";
import { LookLanes, LOOKS_AT_ONCE } from "./look-lanes.ts";
import type { QuerySeat, Turn } from "./query-seat.ts";
import { SHARED_CONNECTIONS, SharedWatch } from "./shared-watch.ts";

export interface WatchPoolOptions {
  readonly http: ConsulHttp;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger | undefined;
  /** Connections that may wait at the server, 8 or more; LOOKS_AT_ONCE more come and go. Default 64. */
  readonly maxWaiting?: number | undefined;
}

/** Three processes on a machine stay below an agent's 200 with it. */
const DEFAULT_MAX_WAITING = 64;
/** Sharing is no cure for so few. */
export const MIN_WAITING = 8;
/** Left free for looks when the agent turns us away, and taken back at a time: others may need them still. */
const STEP = LOOKS_AT_ONCE;
const STEP_UP_AFTER_MS = 300_000;
/** Other waits that have lasted so long show that the agent is well, and only has no room. */
const SETTLED_MS = 1_000;
/** Connections stay open for looks by the number of services, so that looks need not find room when there is none. */
const SEATS_PER_IDLE = 8;
/** A place is not taken from a service that has changed so lately. */
const QUIET_MS = 10_000;
/** Places that are given up but not left yet; no more are exchanged for so long. */
const MAX_LEAVING = 8;

/** A seat, until closed. */
export type PoolSeat = QuerySeat & Watch;

export class WatchPool {
  readonly #options: WatchPoolOptions;
  readonly #clock: Clock;
  readonly #maxWaiting: number;
  readonly #lanes: LookLanes;
  readonly #shared: SharedWatch;
  readonly #seats = new Set<Seat>();
  #limit: number;
  #stepUp: Timer | undefined;

  constructor(options: WatchPoolOptions) {
    const { http, clock, random, maxWaiting = DEFAULT_MAX_WAITING } = options;
    this.#options = options;
    this.#clock = clock;
    this.#maxWaiting = Math.max(MIN_WAITING, maxWaiting);
    this.#limit = this.#maxWaiting;
    this.#lanes = new LookLanes(clock);
    const suspect = (names: Iterable<string>): void => this.#suspect(new Set(names));
    this.#shared = new SharedWatch({ http, clock, random, lanes: this.#lanes, suspect });
  }

  /** A place for the watch of one service. */
  join(name: string): PoolSeat {
    const seat = new Seat(name.toLowerCase(), this.#clock, this.#lanes, {
      changed: () => this.#makeRoomFor(seat),
      crowded: () => this.#turnedAway(seat),
      left: () => this.#left(seat),
    });
    this.#seats.add(seat);
    this.#arrange();
    return seat;
  }

  close(): void {
    const seats = [...this.#seats];
    this.#seats.clear();
    for (const seat of seats) seat.close();
    this.#stepUp?.cancel();
    this.#shared.close();
  }

  /** Gives places up or away until as many wait as may; those stay that wait already, and that changed last. */
  #arrange(): void {
    this.#options.http.keepIdle(Math.max(1, Math.min(LOOKS_AT_ONCE, Math.floor(this.#seats.size / SEATS_PER_IDLE))));
    const places = this.#seats.size <= this.#limit ? this.#seats.size : this.#limit - SHARED_CONNECTIONS;
    const settled = this.#settled();
    const waiting = this.#byChange("waits").sort((a, b) => Number(settled.has(b)) - Number(settled.has(a)));
    const sharing = this.#byChange("shares");
    for (const seat of waiting.slice(places)) seat.share();
    for (const seat of sharing.slice(0, Math.max(0, places - waiting.length))) seat.wait();
    // All of them, so that exchanging places does not have it start over.
    const followed = this.#byChange("shares").length > 0 ? [...this.#seats].map(({ name }) => name) : [];
    this.#shared.follow(new Set(followed));
  }

  /** Those that changed last come first. */
  #byChange(place: Place): Seat[] {
    return [...this.#seats].filter((seat) => seat.place === place).sort((a, b) => b.changedAt - a.changedAt);
  }

  /** Those whose connection the agent has certainly taken. */
  #settled(): ReadonlySet<Seat> {
    const before = this.#clock.now() - SETTLED_MS;
    return new Set([...this.#seats].filter(({ waitingSince }) => waitingSince !== undefined && waitingSince < before));
  }

  #makeRoomFor(seat: Seat): void {
    if (seat.place === "waits" || this.#byChange("shares").filter(({ leaving }) => leaving).length >= MAX_LEAVING)
      return;
    const quietest = this.#byChange("waits").at(-1);
    if (quietest === undefined || this.#clock.now() - quietest.changedAt < QUIET_MS) return;
    quietest.share();
    seat.wait();
  }

  #turnedAway(seat: Seat): boolean {
    if (seat.leaving) return true;
    const settled = this.#settled().size;
    if (settled < MIN_WAITING) return false;
    // A look had no room: those that leave will make some.
    if (seat.place === "shares" && this.#byChange("shares").some(({ leaving }) => leaving)) return false;
    this.#limit = Math.max(MIN_WAITING, Math.min(this.#limit, settled) - STEP);
    this.#options.log?.warn(
      { waiting: this.#limit },
      `consul at ${this.#options.http.place} takes no more connections: fewer services wait there by themselves, the others share a watch; raise limits.http_max_conns_per_client of that agent`,
    );
    if (seat.place === "waits") seat.share();
    this.#arrange();
    this.#stepUp ??= this.#clock.setBackgroundTimer(() => this.#goUp(), STEP_UP_AFTER_MS);
    return true;
  }

  #goUp(): void {
    this.#limit = Math.min(this.#maxWaiting, this.#limit + STEP);
    this.#stepUp =
      this.#limit === this.#maxWaiting
        ? undefined
        : this.#clock.setBackgroundTimer(() => this.#goUp(), STEP_UP_AFTER_MS);
    this.#arrange();
  }

  #left(seat: Seat): void {
    if (this.#seats.delete(seat)) this.#arrange();
  }

  #suspect(names: ReadonlySet<string>): void {
    for (const seat of this.#seats) if (names.has(seat.name)) seat.suspect();
  }
}

type Place = "waits" | "shares";

interface SeatEvents {
  changed(): void;
  crowded(): boolean;
  left(): void;
}

class Seat implements PoolSeat {
  readonly name: string;
  place: Place = "shares";
  /** When an answer last brought news. */
  changedAt = Number.NEGATIVE_INFINITY;
  /** Since when it waits at the server; undefined when it does not. */
  waitingSince: number | undefined;
  readonly #clock: Clock;
  readonly #lanes: LookLanes;
  readonly #events: SeatEvents;
  #suspected = false;
  #take: ((turn: Turn) => void) | undefined;

  constructor(name: string, clock: Clock, lanes: LookLanes, events: SeatEvents) {
    this.name = name;
    this.#clock = clock;
    this.#lanes = lanes;
    this.#events = events;
  }

  /** Has given up its place, but still waits at the server. */
  get leaving(): boolean {
    return this.place === "shares" && this.waitingSince !== undefined;
  }

  turn(): Turn | Promise<Turn> {
    if (this.place === "waits") {
      this.waitingSince = this.#clock.now();
      this.#suspected = false;
      return "wait";
    }
    this.waitingSince = undefined;
    if (this.#suspected) {
      this.#suspected = false;
      return "look";
    }
    return new Promise((resolve) => {
      this.#take = resolve;
    });
  }

  look<T>(ask: () => Promise<T>): Promise<T> {
    this.waitingSince = undefined;
    return this.#lanes.run(ask);
  }

  changed(): void {
    this.changedAt = this.#clock.now();
    this.#events.changed();
  }

  crowded(): boolean {
    return this.#events.crowded();
  }

  /** To wait at the server from the next question on. */
  wait(): void {
    this.place = "waits";
    if (this.#take !== undefined) this.waitingSince = this.#clock.now();
    this.#go("wait");
  }

  /** To ask only when a change is suspected, and once the wait is over for what may have changed since. */
  share(): void {
    this.place = "shares";
    if (this.waitingSince !== undefined) this.#suspected = true;
  }

  suspect(): void {
    this.#suspected = this.#take === undefined;
    this.#go("look");
  }

  close(): void {
    this.#go("look");
    this.#events.left();
  }

  #go(turn: Turn): void {
    const take = this.#take;
    this.#take = undefined;
    take?.(turn);
  }
}
