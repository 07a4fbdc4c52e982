import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { Logger } from "../../../sdk/src/call/logger.ts";
import { consulDirectory } from "../../../sdk/src/consul/consul-directory.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import type { Directory, EndpointView } from "../../../sdk/src/discovery/directory.ts";
import type { Remembered, ViewMemory } from "../../../sdk/src/discovery/view-memory.ts";
import { Inbox } from "../../support/inbox.ts";
import { WatchedClock } from "../../support/watched-clock.ts";
import { healthEntry, ScriptedConsul } from "./scripted-consul.ts";

const EARLIER = -60_000;

const known: Remembered = {
  endpoints: [{ id: "g-1", address: { host: "127.0.0.1", port: 1 }, weight: 1, metadata: {} }],
  confirmedAt: EARLIER,
};

describe("a service that a process before this one knew", () => {
  let clock: WatchedClock;
  let consul: ScriptedConsul;
  let http: ConsulHttp;
  let directory: Directory;
  let views: Inbox<EndpointView>;
  let observed: Inbox<string>;
  let recalls: Inbox<(remembered: Remembered | undefined) => void>;
  let logged: string[];

  beforeEach(async () => {
    clock = new WatchedClock();
    consul = await ScriptedConsul.start();
    http = new ConsulHttp({ url: consul.url }, clock);
    views = new Inbox();
    observed = new Inbox();
    recalls = new Inbox();
    logged = [];
    const memory: ViewMemory = {
      recall: () => new Promise((resolve) => recalls.put(resolve)),
      confirmed: (service) => observed.put(`${service} confirmed`),
      failed: (service, kind) => observed.put(`${service} ${kind}`),
      viewed: (service, { freshness, endpoints }) => observed.put(`${service} ${freshness} ${endpoints.length}`),
      closed: () => {},
      close: () => Promise.resolve(),
    };
    const log = { warn: (_: unknown, text: string) => void logged.push(text), info: () => {} } as unknown as Logger;
    directory = consulDirectory(http, { clock, random: () => 0, log, memory });
    directory.watch("greeter", (view) => views.put(view));
  });

  afterEach(async () => {
    directory.close();
    await turn();
    assert.equal(clock.pending, 0, "a timer is left");
    http.close();
    await consul.close();
  });

  /** The watch waits so long before it asks again, and the time has passed. */
  async function pauses(ms: number): Promise<void> {
    assert.equal(await clock.nextDelay([500, 2_000, 10_000]), ms);
    clock.advance(ms);
  }

  it("is what it was when Consul has never answered, as stale and from disk, with its age", async () => {
    (await consul.next()).reply(503);
    (await recalls.next())(known);
    const view = await views.next();
    assert.deepEqual(
      { ...view, error: undefined },
      {
        endpoints: known.endpoints,
        freshness: "stale",
        from: "disk",
        confirmedAt: EARLIER,
        error: undefined,
      },
    );
    assert.match(String(view.error), /503/);
    assert.deepEqual(logged, ["service cannot be followed: the endpoints remembered on disk are used, as of 60 s ago"]);
    await pauses(50);
    (await consul.next()).reply(500, "boom");
    const second = await views.next();
    assert.deepEqual([second.from, second.confirmedAt, second.endpoints.length], ["disk", EARLIER, 1]);
  });

  it("is what it was also while Consul hangs", async () => {
    const hanging = await consul.next();
    clock.advance(2_000);
    (await recalls.next())(known);
    assert.equal((await views.next()).from, "disk");
    hanging.answer([healthEntry("g-2"), healthEntry("g-1")], 3);
    const live = await views.next();
    assert.deepEqual([live.freshness, live.from, live.endpoints.length], ["live", undefined, 2]);
  });

  it("keeps what it was until its instances had time to register with a Consul that is back and empty", async () => {
    (await consul.next()).breakOff();
    (await recalls.next())(known);
    assert.equal((await views.next()).from, "disk");
    await pauses(50);
    (await consul.next()).answer([], 3);
    const held = await views.next();
    assert.deepEqual([held.freshness, held.from, held.endpoints.length], ["stale", "disk", 1]);
    assert.match(String(held.error), /in an outage/);
  });

  it("waits for the disk although Consul fails again meanwhile, and tells the latest failure", async () => {
    (await consul.next()).reply(503);
    const recall = await recalls.next();
    await pauses(50);
    (await consul.next()).reply(500, "boom");
    while ((await observed.next()) !== "greeter failing");
    while ((await observed.next()) !== "greeter failing");
    recall(known);
    const view = await views.next();
    assert.equal(view.from, "disk");
    assert.match(String(view.error), /boom/);
    assert.equal(recalls.waiting, 0);
  });

  it("is what Consul says when that answers before the disk does", async () => {
    (await consul.next()).reply(503);
    const recall = await recalls.next();
    await pauses(50);
    (await consul.next()).answer([healthEntry("g-7")], 3);
    assert.equal((await views.next()).freshness, "live");
    recall(known);
    await turn();
    assert.equal(views.waiting, 0);
  });

  it("is nobody when nobody was known", async () => {
    (await consul.next()).reply(503);
    (await recalls.next())(undefined);
    const view = await views.next();
    assert.deepEqual([view.freshness, view.endpoints.length, view.from], ["stale", 0, undefined]);
    assert.deepEqual(logged, ["service cannot be followed: none of its endpoints is known"]);
  });

  it("is not asked for when Consul answers, and told of every answer that is believed", async () => {
    (await consul.next()).answer([healthEntry("g-1")], 3);
    await views.next();
    assert.deepEqual([await observed.next(), await observed.next()], ["greeter confirmed", "greeter live 1"]);
    (await consul.next()).answer([healthEntry("g-1")], 4);
    assert.equal(await observed.next(), "greeter confirmed");
    (await consul.next()).reply(403, "ACL not found");
    assert.deepEqual([await observed.next(), await observed.next()], ["greeter denied", "greeter stale 1"]);
    assert.equal(recalls.waiting, 0);
  });
});
