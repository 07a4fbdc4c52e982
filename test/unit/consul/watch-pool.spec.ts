import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { Logger } from "../../../sdk/src/call/logger.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { type PoolSeat, WatchPool } from "../../../sdk/src/consul/watch-pool.ts";
import { WatchedClock } from "../../support/watched-clock.ts";
import { type Asked, ScriptedConsul } from "./scripted-consul.ts";
import { SortedConsul } from "./sorted-consul.ts";

const LIMIT = 20;
/** The three that the shared watch takes. */
const ALONE = LIMIT - 3;
const GATHER_MS = 20;
const HINT_MS = 10_000;

const list = ({ path, query }: Asked): boolean =>
  path === "/v1/health/state/any" && query.get("filter")?.startsWith("ServiceName") === true;
const wholeList = ({ path, query }: Asked): boolean => path === "/v1/health/state/any" && !query.has("filter");
const failing = ({ query }: Asked): boolean => query.get("filter") === 'Status != "passing"';
const services = ({ path }: Asked): boolean => path === "/v1/catalog/services";

describe("watches of more services than may wait", () => {
  let clock: WatchedClock;
  let scripted: ScriptedConsul;
  let consul: SortedConsul;
  let http: ConsulHttp;
  let pool: WatchPool;
  let warned: string[];

  beforeEach(async () => {
    clock = new WatchedClock();
    scripted = await ScriptedConsul.start();
    consul = new SortedConsul(scripted);
    http = new ConsulHttp({ url: scripted.url }, clock);
    warned = [];
    const log = { warn: (_fields: unknown, text: string) => void warned.push(text) } as unknown as Logger;
    pool = new WatchPool({ http, clock, random: () => 0, log, maxWaiting: LIMIT });
  });

  afterEach(async () => {
    pool.close();
    await turn();
    await turn();
    assert.equal(clock.pending, 0, "a timer is left");
    http.close();
    await scripted.close();
  });

  /** What a watch has been told to do, and is not yet doing. */
  class Sitting {
    readonly seat: PoolSeat;
    readonly turns: string[] = [];

    constructor(name: string) {
      this.seat = pool.join(name);
    }

    /** The watch has an answer and asks what to do next. */
    async asks(): Promise<string | undefined> {
      const next = this.seat.turn();
      if (typeof next === "string") this.turns.push(next);
      else void next.then((one) => this.turns.push(one));
      await turn();
      return this.turns.at(-1);
    }
  }

  async function sit(count: number): Promise<readonly Sitting[]> {
    const all = Array.from({ length: count }, (_, at) => new Sitting(`s-${at}`));
    for (const one of all) await one.asks();
    return all;
  }

  /** The shared watch is about to start, and does. */
  async function gathers(): Promise<void> {
    while ((await clock.delays.next()) !== GATHER_MS);
    await clock.advanceAsync(GATHER_MS);
  }

  const waiting = (all: readonly Sitting[]): number => all.filter(({ turns }) => turns.at(-1) === "wait").length;

  function check(service: string, status = "passing"): object {
    return { Node: "n", CheckID: `c:${service}`, Status: status, ServiceName: service, CreateIndex: 5 };
  }

  const checksOf = (count: number): object[] => Array.from({ length: count }, (_, at) => check(`s-${at}`));

  /** Three too many, and all of the shared watch is waiting at the server. */
  async function threeBeyond() {
    const all = await sit(LIMIT + 3);
    await gathers();
    (await consul.next(list)).answer(checksOf(LIMIT + 3), 40);
    (await consul.next(failing)).answer([], 40);
    (await consul.next(services)).answer({}, 30);
    const signals = {
      list: await consul.next(list),
      failing: await consul.next(failing),
      services: await consul.next(services),
    };
    await turn();
    return { all, beyond: all.filter(({ turns }) => turns[0] !== "wait"), signals };
  }

  it("wait at the server, each for itself, as long as they are no more", async () => {
    const all = await sit(LIMIT);
    assert.equal(waiting(all), LIMIT);
    await clock.advanceAsync(60_000);
    assert.equal(scripted.waiting, 0);
  });

  it("share three connections beyond, and look once at what had been seen before that began", async () => {
    const { all, beyond, signals } = await threeBeyond();
    assert.equal(waiting(all), ALONE);
    assert.equal(beyond.length, 6);
    assert.match(signals.list.query.get("filter") ?? "", /\^\(\?:s-0\|s-1\|.*\|s-22\)\$/);
    for (const { turns } of beyond) assert.deepEqual(turns, ["look"]);
  });

  it("look when the list of checks shows a change of theirs, and only then", async () => {
    const { beyond, signals } = await threeBeyond();
    for (const one of beyond) await one.asks();
    const changed = checksOf(LIMIT + 3).filter((one) => JSON.stringify(one) !== JSON.stringify(check("s-22")));
    signals.list.answer(changed, 41);
    await consul.next(list);
    await turn();
    assert.deepEqual(
      beyond.map(({ turns }) => turns.length),
      beyond.map((one) => (one === beyond.at(-1) ? 2 : 1)),
    );
  });

  it("look when a check of theirs has failed, before the whole list tells", async () => {
    const { beyond, signals } = await threeBeyond();
    for (const one of beyond) await one.asks();
    signals.failing.answer([check("S-21", "critical")], 41);
    await consul.next(failing);
    await turn();
    assert.deepEqual(
      beyond.map(({ turns }) => turns.length),
      beyond.map((_, at) => (at === beyond.length - 2 ? 2 : 1)),
    );
  });

  it("look ten seconds after the list of services moved, and at once without a check of their own", async () => {
    const { beyond, signals } = await threeBeyond();
    for (const one of beyond) await one.asks();
    const without = checksOf(LIMIT + 2);
    signals.list.answer(without, 41);
    await consul.next(list);
    await turn();
    const last = beyond.at(-1);
    await last?.asks();
    assert.deepEqual(last?.turns, ["look", "look"]);
    signals.services.answer({}, 31);
    await consul.next(services);
    await turn();
    assert.deepEqual(last?.turns, ["look", "look", "look"]);
    await clock.advanceAsync(HINT_MS - 1);
    assert.equal(beyond[0]?.turns.length, 1);
    await clock.advanceAsync(1);
    for (const { turns } of beyond) assert.equal(turns.at(-1), "look");
    assert.equal(beyond[0]?.turns.length, 2);
  });

  it("all look once a minute, whatever the signals say", async () => {
    const { beyond } = await threeBeyond();
    for (const one of beyond) await one.asks();
    await clock.advanceAsync(60_000);
    for (const { turns } of beyond) assert.equal(turns.length, 2);
  });

  it("find out for themselves while the shared watch fails", async () => {
    const { beyond, signals } = await threeBeyond();
    for (const one of beyond) await one.asks();
    signals.list.reply(500, "No cluster leader");
    (await consul.next(({ query }) => query.has("stale"))).reply(500, "No cluster leader");
    await turn();
    await turn();
    for (const { turns } of beyond) assert.equal(turns.length, 2);
  });

  it("do without a filter where the agent knows none", async () => {
    await sit(LIMIT + 3);
    await gathers();
    (await consul.next(list)).reply(501, "?filter is not supported");
    await gathers();
    (await consul.next(wholeList)).answer(checksOf(LIMIT + 3), 40);
    await consul.next(wholeList);
  });

  it("take the place of one that has been quiet, when they change", async () => {
    const { all, beyond } = await threeBeyond();
    const [first] = beyond;
    assert.ok(first !== undefined);
    clock.advance(10_000);
    first.seat.changed();
    assert.equal(await first.asks(), "wait");
    const others = all.filter((one) => one !== first && !beyond.includes(one));
    let shares = 0;
    for (const one of others) if ((await one.asks()) === "look") shares++;
    assert.equal(shares, 1, "one has given up its place, and looks once for what it may have missed");
  });

  it("keep their places when they have changed a moment ago", async () => {
    const { all, beyond } = await threeBeyond();
    const [first] = beyond;
    clock.advance(20_000);
    for (const one of all.filter((one) => !beyond.includes(one))) one.seat.changed();
    first?.seat.changed();
    assert.equal(await first?.asks(), "look");
  });

  it("give places up when the agent turns one away although others wait there, and take them back later", async () => {
    const all = await sit(LIMIT);
    await clock.advanceAsync(1_001);
    const last = all.at(-1);
    assert.equal(last?.seat.crowded(), true);
    assert.match(warned.join(), /takes no more connections.*raise limits.http_max_conns_per_client/);
    const asked = await Promise.all(all.map((one) => one.asks()));
    assert.equal(asked.filter((one) => one === "wait").length, LIMIT - 8 - 3);
    await clock.advanceAsync(300_000);
    await clock.advanceAsync(300_000);
    const again = await Promise.all(all.map((one) => one.asks()));
    assert.equal(again.filter((one) => one === "wait").length, LIMIT);
  });

  it("make room when a look is turned away while waits hold all connections", async () => {
    const { all, beyond } = await threeBeyond();
    await clock.advanceAsync(1_001);
    const [first, second] = beyond;
    assert.equal(first?.seat.crowded(), true, "it may look again at once");
    assert.match(warned.join(), /takes no more connections/);
    assert.equal(second?.seat.crowded(), false, "room is being made already");
    assert.equal(warned.length, 1);
    const asked = await Promise.all(all.map((one) => one.asks()));
    assert.equal(asked.filter((one) => one === "wait").length, ALONE - 8 - 3);
  });

  it("keep an idle connection for looks by every eight services, eight at most", async () => {
    const kept: number[] = [];
    const told = { keepIdle: (count: number) => kept.push(count) } as unknown as ConsulHttp;
    const other = new WatchPool({ http: told, clock, random: () => 0 });
    const seats = Array.from({ length: 80 }, (_, at) => other.join(`s-${at}`));
    assert.deepEqual([kept[0], kept[14], kept[15], kept[63], kept[79]], [1, 1, 2, 8, 8]);
    for (const seat of seats) seat.close();
    assert.equal(kept.at(-1), 1);
    other.close();
  });

  it("have no other way when hardly any of them waits: the agent is gone, or sharing would not help", async () => {
    const few = await sit(8);
    await clock.advanceAsync(500);
    assert.equal(few[0]?.seat.crowded(), false, "none has waited for long enough to tell");
    assert.deepEqual(warned, []);
  });

  it("all wait again when others have left", async () => {
    const { all, beyond } = await threeBeyond();
    for (const one of beyond) await one.asks();
    for (const one of all.filter((one) => !beyond.includes(one)).slice(0, 6)) one.seat.close();
    await turn();
    for (const { turns } of beyond) assert.equal(turns.at(-1), "wait");
  });
});
