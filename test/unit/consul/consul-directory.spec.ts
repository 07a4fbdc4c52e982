import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type { Logger } from "../../../sdk/src/call/logger.ts";
import { consulDirectory } from "../../../sdk/src/consul/consul-directory.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import type { Directory, EndpointView, Watch } from "../../../sdk/src/discovery/directory.ts";
import { Inbox } from "../../support/inbox.ts";
import { WatchedClock } from "../../support/watched-clock.ts";
import { checkOf, healthEntry, ScriptedConsul } from "./scripted-consul.ts";

const RETURN_MS = 5_000;
const SHAKEN_MS = 10_000;
const REBUILT_MS = 120_000;
/** Patience for the first view, for a look to let others pass, and for answers that come at once or wait. */
const ORDINARY_MS = [2_000, 500, 10_000, 63_438];

describe("the Consul directory", () => {
  let clock: WatchedClock;
  let consul: ScriptedConsul;
  let http: ConsulHttp;
  let directory: Directory;
  let views: Inbox<EndpointView>;
  let logged: string[];

  beforeEach(async () => {
    clock = new WatchedClock();
    consul = await ScriptedConsul.start();
    http = new ConsulHttp({ url: consul.url }, clock);
    views = new Inbox();
    logged = [];
    directory = consulDirectory(http, { clock, random: () => 0, log: fakeLog(), believeEmpty: "at-once" });
  });

  afterEach(async () => {
    directory.close();
    await turn();
    assert.equal(clock.pending, 0, "a timer is left");
    http.close();
    await consul.close();
  });

  function fakeLog(): Logger {
    const at = (level: string) => (_fields: unknown, text: string) => void logged.push(`${level}: ${text}`);
    return { warn: at("warn"), info: at("info") } as unknown as Logger;
  }

  const watch = (name = "greeter"): Watch => directory.watch(name, (view) => views.put(view));

  async function expect(freshness: string, ...ids: string[]): Promise<EndpointView> {
    const view = await views.next();
    assert.deepEqual([view.freshness, ...view.endpoints.map(({ id }) => id)], [freshness, ...ids], String(view.error));
    assert.equal(view.error === undefined, freshness === "live");
    return view;
  }

  /** A live view of g-1 and g-2 at index 20, and the question that waits for what follows. */
  async function twoInstances() {
    watch();
    (await consul.next()).answer([healthEntry("g-2"), healthEntry("g-1")], 20);
    await expect("live", "g-1", "g-2");
    return consul.next();
  }

  async function pauses(ms: number): Promise<void> {
    assert.equal(await clock.nextDelay(ORDINARY_MS), ms);
    clock.advance(ms);
  }

  it("asks for the instances of the name and follows those that pass", async () => {
    watch("shop.greeter");
    const asked = await consul.next();
    assert.equal(`${asked.path}?${asked.query.toString()}`, "/v1/health/service/shop.greeter?near=_agent");
    asked.answer([], 3);
    await expect("live");
    const failing = { ...healthEntry("g-2"), Checks: [checkOf("critical")] };
    (await consul.next()).answer([healthEntry("g-1"), failing], 4);
    await expect("live", "g-1");
    (await consul.next()).answer([], 5);
    await expect("live");
    assert.deepEqual(logged, []);
  });

  it("lets Consul tell of changes by a stream where that is allowed", async () => {
    const other = consulDirectory(http, { clock, random: () => 0, streaming: "allow" });
    other.watch("greeter", () => {});
    assert.equal((await consul.next()).query.toString(), "");
    other.close();
  });

  it("asks once however many listen, and not for what changes nothing that they see", async () => {
    const waiting = await twoInstances();
    watch();
    await expect("live", "g-1", "g-2");
    waiting.answer([{ ...healthEntry("g-1"), Checks: [checkOf("passing", "new")] }, healthEntry("g-2")], 21);
    (await consul.next()).answer([healthEntry("g-1")], 22);
    await expect("live", "g-1");
    await expect("live", "g-1");
    assert.equal(views.waiting, 0);
  });

  it("says promptly and readably that Consul cannot be reached, and is live as soon as it answers", async () => {
    const { port, url } = consul;
    await consul.close();
    watch();
    const { error } = await expect("stale");
    assert.ok(error instanceof MeshError);
    assert.equal(error.code, "UNAVAILABLE");
    assert.equal(
      error.reason,
      `consul at ${url} did not answer (ECONNREFUSED): start one (on a laptop: npx mesh agent), or set CONSUL_HTTP_ADDR`,
    );
    consul = await ScriptedConsul.start(port);
    await pauses(50);
    (await consul.next()).answer([healthEntry("g-1")], 3);
    await expect("live", "g-1");
    assert.deepEqual(
      logged.map((line) => line.slice(0, 33)),
      ["warn: service cannot be followed:", "info: service is followed again"],
    );
  });

  it("does not leave listeners without a word when Consul hangs", async () => {
    watch();
    const hanging = await consul.next();
    clock.advance(2_000);
    const { error } = await expect("stale");
    assert.match(String(error), /has not answered who serves greeter for 2000 ms: check that CONSUL_HTTP_ADDR/);
    hanging.answer([healthEntry("g-1")], 3);
    await expect("live", "g-1");
  });

  it("keeps the last good endpoints through errors", async () => {
    (await twoInstances()).reply(500, "No path to datacenter", { "X-Consul-Index": "1" });
    const { error } = await expect("stale", "g-1", "g-2");
    assert.match(String(error), /500: No path to datacenter/);
    await pauses(50);
    (await consul.next()).answer([healthEntry("g-1")], 21);
    await expect("live", "g-1");
  });

  it("takes what the servers know while they have no leader, as stale", async () => {
    (await twoInstances()).reply(500, "No cluster leader");
    (await consul.next()).answer([healthEntry("g-1")], 19);
    await expect("stale", "g-1");
  });

  it("keeps the instances while the servers have no leader and know of none", async () => {
    (await twoInstances()).reply(500, "No cluster leader");
    (await consul.next()).answer([], 1);
    await expect("stale", "g-1", "g-2");
  });

  it("keeps instances that an agent lost in a restart until they have registered again", async () => {
    (await twoInstances()).breakOff();
    (await consul.next()).answer([], 22);
    const { error } = await expect("stale", "g-1", "g-2");
    assert.match(String(error), /has lost g-1, g-2 of greeter in an outage: .* may register again/);
    (await consul.next()).answer([healthEntry("g-2")], 23);
    await expect("stale", "g-1", "g-2");
    (await consul.next()).answer([healthEntry("g-1"), healthEntry("g-2")], 24);
    await expect("live", "g-1", "g-2");
    await consul.next();
    assert.equal(clock.pending, 1, "the wait for their return goes on");
  });

  it("gives those up that do not come back in time", async () => {
    (await twoInstances()).breakOff();
    (await consul.next()).answer([], 22);
    await expect("stale", "g-1", "g-2");
    assert.equal(await clock.nextDelay(ORDINARY_MS), RETURN_MS);
    clock.advance(RETURN_MS - 1);
    (await consul.next()).answer([healthEntry("g-2"), healthEntry("g-3")], 23);
    await expect("stale", "g-1", "g-2", "g-3");
    await consul.next();
    clock.advance(1);
    await expect("live", "g-2", "g-3");
  });

  it("keeps for a while what an agent takes away soon after an outage, having listed it at first", async () => {
    (await twoInstances()).breakOff();
    (await consul.next()).breakOff();
    await expect("stale", "g-1", "g-2");
    await pauses(100);
    (await consul.next()).answer([healthEntry("g-1"), healthEntry("g-2")], 20);
    await expect("live", "g-1", "g-2");
    const soon = await consul.next();
    clock.advance(SHAKEN_MS - 1);
    soon.answer([healthEntry("g-1")], 21);
    await expect("stale", "g-1", "g-2");
    const later = await consul.next();
    clock.advance(RETURN_MS);
    await expect("live", "g-1");
    later.answer([healthEntry("g-1"), healthEntry("g-3")], 22);
    await expect("live", "g-1", "g-3");
    (await consul.next()).answer([healthEntry("g-1")], 23);
    await expect("live", "g-1");
    await consul.next();
  });

  it("believes at once what an agent adds after an outage", async () => {
    (await twoInstances()).breakOff();
    (await consul.next()).answer([healthEntry("g-1"), healthEntry("g-2"), healthEntry("g-3")], 21);
    await expect("live", "g-1", "g-2", "g-3");
  });

  it("keeps instances that the servers have lost with their state, longer than agents take to bring them back", async () => {
    (await twoInstances()).answer([], 12);
    const { error } = await expect("stale", "g-1", "g-2");
    assert.match(String(error), /has lost its state, and g-1, g-2 of greeter with it: .* for up to 120000 ms/);
    (await consul.next()).answer([healthEntry("g-3")], 13);
    await expect("stale", "g-1", "g-2", "g-3");
    (await consul.next()).answer([healthEntry("g-2"), healthEntry("g-3")], 14);
    await expect("stale", "g-1", "g-2", "g-3");
    const waiting = await consul.next();
    clock.advance(REBUILT_MS / 2);
    waiting.answer([healthEntry("g-2"), healthEntry("g-3")], 15);
    await consul.next();
    clock.advance(REBUILT_MS / 2 - 1);
    await turn();
    assert.equal(views.waiting, 0);
    clock.advance(1);
    await expect("live", "g-2", "g-3");
  });

  it("lets those go that came after the servers had lost their state, as soon as they may not return", async () => {
    (await twoInstances()).answer([healthEntry("g-2"), healthEntry("g-3")], 12);
    await expect("stale", "g-1", "g-2", "g-3");
    (await consul.next()).answer([healthEntry("g-2")], 13);
    await expect("stale", "g-1", "g-2", "g-3");
    await consul.next();
    clock.advance(RETURN_MS);
    await expect("stale", "g-1", "g-2");
  });

  for (const [what, check] of Object.entries({
    "whose heartbeat has run out": checkOf("critical", "TTL expired (last output before timeout follows): fine"),
    "whose agent the others do not reach": { ...checkOf("critical", "Agent not live"), CheckID: "serfHealth" },
  })) {
    it(`keeps for a while an instance ${what}, for nothing bad is said of it`, async () => {
      const silent = { ...healthEntry("g-1"), Checks: [check] };
      (await twoInstances()).answer([silent, healthEntry("g-2")], 21);
      const { error } = await expect("stale", "g-1", "g-2");
      assert.match(String(error), /hears no more of g-1 of greeter: they stay in use for up to 5000 ms/);
      await consul.next();
      clock.advance(RETURN_MS - 1);
      await turn();
      assert.equal(views.waiting, 0);
      clock.advance(1);
      await expect("live", "g-2");
    });
  }

  it("is live again when an instance is heard again", async () => {
    const silent = { ...healthEntry("g-1"), Checks: [checkOf("critical", "TTL expired")] };
    (await twoInstances()).answer([silent, healthEntry("g-2")], 21);
    await expect("stale", "g-1", "g-2");
    (await consul.next()).answer([healthEntry("g-1"), healthEntry("g-2")], 22);
    await expect("live", "g-1", "g-2");
    await consul.next();
  });

  it("believes bad news at once, of a silent instance too", async () => {
    const ill = {
      ...healthEntry("g-1"),
      Checks: [checkOf("critical", "TTL expired"), checkOf("critical", "disk full")],
    };
    (await twoInstances()).answer([ill, healthEntry("g-2")], 21);
    await expect("live", "g-2");
    await consul.next();
  });

  it("refuses a name that no service has, without asking", () => {
    for (const name of ["", "a/b", "a b", "a?passing=0"]) {
      assert.throws(
        () => watch(name),
        (error) => error instanceof MeshError && error.code === "INVALID_ARGUMENT",
      );
    }
    assert.equal(consul.waiting, 0);
  });

  it("ends its request when the last listener leaves", async () => {
    const first = watch();
    const second = watch();
    const waiting = await consul.next();
    first.close();
    second.close();
    await waiting.gone;
    await clock.advanceAsync(10_000);
    assert.equal(views.waiting + consul.waiting, 0);
  });
});
