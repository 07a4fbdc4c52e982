import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { consulDirectory, type ConsulDirectoryOptions } from "../../../sdk/src/consul/consul-directory.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import type { Directory, EndpointView } from "../../../sdk/src/discovery/directory.ts";
import { Inbox } from "../../support/inbox.ts";
import { WatchedClock } from "../../support/watched-clock.ts";
import { healthEntry, ScriptedConsul } from "./scripted-consul.ts";
import { at, confirmed, SortedConsul, watched } from "./sorted-consul.ts";

const CONFIRM_MS = 250;
const RETURN_MS = 5_000;
const OWN_TOKEN = at("/v1/acl/token/self");
const RIGHTS = at("/v1/internal/acl/authorize");

describe("an answer that says nobody serves a service", () => {
  let clock: WatchedClock;
  let scripted: ScriptedConsul;
  let consul: SortedConsul;
  let http: ConsulHttp;
  let directory: Directory;
  let views: Inbox<EndpointView>;
  let failures: string[];

  beforeEach(async () => {
    clock = new WatchedClock();
    scripted = await ScriptedConsul.start();
    consul = new SortedConsul(scripted);
    http = new ConsulHttp({ url: scripted.url }, clock);
    open({});
  });

  afterEach(async () => {
    directory.close();
    await turn();
    assert.equal(clock.pending, 0, "a timer is left");
    http.close();
    await scripted.close();
  });

  function open(options: Partial<ConsulDirectoryOptions>): void {
    views = new Inbox();
    failures = [];
    const observer = {
      confirmed: () => {},
      failed: (_service: string, kind: string) => void failures.push(kind),
      viewed: () => {},
      closed: () => {},
    };
    directory = consulDirectory(http, { clock, random: () => 0, observer, ...options });
    directory.watch("greeter", (view) => views.put(view));
  }

  async function expect(freshness: string, ...ids: string[]): Promise<EndpointView> {
    const view = await views.next();
    assert.deepEqual([view.freshness, ...view.endpoints.map(({ id }) => id)], [freshness, ...ids], String(view.error));
    return view;
  }

  /** A live view of g-1 and g-2, and the question that waits for what follows. */
  async function twoInstances() {
    (await consul.next(watched("greeter"))).answer([healthEntry("g-1"), healthEntry("g-2")], 20);
    await expect("live", "g-1", "g-2");
    return consul.next(watched("greeter"));
  }

  /** Everything is taken away in a steady state. */
  async function vanish(): Promise<void> {
    (await twoInstances()).answer([], 21);
    const { error } = await expect("stale", "g-1", "g-2");
    assert.match(
      String(error),
      /lists none of greeter any more \(g-1, g-2\): they stay in use until that is confirmed/,
    );
  }

  async function confirms(passing: readonly object[], all: readonly object[]): Promise<void> {
    (await consul.next(confirmed("passing"))).answer(passing, 21);
    if (passing.length === 0) (await consul.next(confirmed("all"))).answer(all, 21);
  }

  async function accessControlIsOff(): Promise<void> {
    (await consul.next(OWN_TOKEN)).reply(401, "ACL support disabled");
  }

  async function may(service: boolean, node: boolean): Promise<void> {
    (await consul.next(OWN_TOKEN)).reply(403, "ACL not found");
    const asked = await consul.next(RIGHTS);
    assert.deepEqual(JSON.parse(asked.body), [
      { Resource: "service", Access: "read", Segment: "greeter" },
      { Resource: "node", Access: "read", Segment: "" },
    ]);
    const rights = [
      { Resource: "service", Segment: "greeter", Access: "read", Allow: service },
      { Resource: "node", Segment: "", Access: "read", Allow: node },
    ];
    asked.reply(200, JSON.stringify(rights));
  }

  it("is believed when the leader confirms that nobody is registered", async () => {
    await vanish();
    await clock.advanceAsync(CONFIRM_MS);
    await confirms([], []);
    await accessControlIsOff();
    await expect("live");
    assert.deepEqual(failures, []);
  });

  it("is not believed when the leader knows better", async () => {
    await vanish();
    await clock.advanceAsync(CONFIRM_MS);
    await confirms([healthEntry("g-2")], []);
    await expect("live", "g-2");
  });

  it("is believed after five seconds when instances are registered but fail their checks", async () => {
    await vanish();
    await clock.advanceAsync(CONFIRM_MS);
    await confirms([], [healthEntry("g-1"), healthEntry("g-2")]);
    await turn();
    await clock.advanceAsync(RETURN_MS - CONFIRM_MS - 1);
    assert.equal(await consul.has(confirmed("passing")), false);
    await clock.advanceAsync(1);
    await confirms([], [healthEntry("g-1"), healthEntry("g-2")]);
    await expect("live");
    assert.equal(clock.now(), RETURN_MS);
  });

  it("is forgotten when instances pass again meanwhile", async () => {
    await vanish();
    (await consul.next(watched("greeter"))).answer([healthEntry("g-1"), healthEntry("g-2")], 22);
    await expect("live", "g-1", "g-2");
    await clock.advanceAsync(RETURN_MS);
    assert.equal(await consul.has(confirmed("passing")), false);
  });

  it("does not let a late confirmation undo what came after it", async () => {
    await vanish();
    await clock.advanceAsync(CONFIRM_MS);
    const late = await consul.next(confirmed("passing"));
    (await consul.next(watched("greeter"))).answer([healthEntry("g-1"), healthEntry("g-3")], 22);
    await expect("stale", "g-1", "g-2", "g-3");
    late.answer([], 21);
    await late.gone;
    await clock.advanceAsync(RETURN_MS);
    await expect("live", "g-1", "g-3");
  });

  it("is asked about again while the leader cannot confirm it", async () => {
    await vanish();
    await clock.advanceAsync(CONFIRM_MS);
    for (let attempt = 0; attempt < 3; attempt++) {
      (await consul.next(confirmed("passing"))).reply(500, "No cluster leader");
      assert.equal(await clock.nextDelay([500, 2_000, 10_000, CONFIRM_MS, 63_438]), 1_000);
      await clock.advanceAsync(1_000);
    }
    await confirms([], []);
    await accessControlIsOff();
    await expect("live");
  });

  it("is a lack of rights when our token may not read the service", async () => {
    await vanish();
    await clock.advanceAsync(CONFIRM_MS);
    await confirms([], []);
    await may(false, false);
    const { error } = await expect("stale", "g-1", "g-2");
    assert.ok(error instanceof MeshError);
    assert.equal(error.code, "PERMISSION_DENIED");
    assert.match(error.reason, /does not show who serves greeter to our token: set CONSUL_HTTP_TOKEN to one with/);
    assert.deepEqual(failures, ["denied"]);
  });

  it("is a lack of rights when Consul says that it has left something out", async () => {
    await vanish();
    await clock.advanceAsync(CONFIRM_MS);
    const filtered = { "X-Consul-Index": "21", "X-Consul-Results-Filtered-By-ACLs": "true" };
    (await consul.next(confirmed("passing"))).reply(200, "[]", filtered);
    (await consul.next(confirmed("all"))).answer([], 21);
    assert.equal(((await expect("stale", "g-1", "g-2")).error as MeshError).code, "PERMISSION_DENIED");
  });

  it("is looked into again every half minute while rights are missing, and believed once they are there", async () => {
    await vanish();
    await clock.advanceAsync(CONFIRM_MS);
    await confirms([], []);
    await may(false, true);
    await expect("stale", "g-1", "g-2");
    await clock.advanceAsync(30_000);
    await confirms([], []);
    await may(true, true);
    await expect("live");
  });

  it("is believed after five seconds when Consul does not say what our token may read of nodes", async () => {
    await vanish();
    await clock.advanceAsync(CONFIRM_MS);
    await confirms([], []);
    await may(true, false);
    await turn();
    await clock.advanceAsync(RETURN_MS - CONFIRM_MS);
    await confirms([], []);
    await may(true, false);
    await expect("live");
  });

  it("is no first view for who may not see anybody", async () => {
    (await consul.next(watched("greeter"))).answer([], 20);
    await may(false, true);
    const { error } = await expect("stale");
    assert.equal((error as MeshError).code, "PERMISSION_DENIED");
    assert.deepEqual(failures, ["denied"]);
  });

  it("is a first view at once for who may, and asks what a token may once a minute at most", async () => {
    (await consul.next(watched("greeter"))).answer([], 20);
    await accessControlIsOff();
    await expect("live");
    directory.watch("translator", (view) => views.put(view));
    (await consul.next(watched("translator"))).answer([], 20);
    await expect("live");
    assert.equal(await consul.has(OWN_TOKEN), false);
  });

  it("is a first view also where Consul does not answer what our token may", async () => {
    (await consul.next(watched("greeter"))).answer([], 20);
    (await consul.next(OWN_TOKEN)).reply(404);
    (await consul.next(RIGHTS)).reply(404);
    await expect("live");
  });

  it("is confirmed after an outage too, when the time to return is over", async () => {
    (await twoInstances()).breakOff();
    (await consul.next(watched("greeter"))).answer([], 21);
    const { error } = await expect("stale", "g-1", "g-2");
    assert.match(String(error), /in an outage: they stay in use for up to 5000 ms, in which they may register again/);
    await clock.advanceAsync(RETURN_MS);
    await confirms([], []);
    await may(false, false);
    assert.equal(((await expect("stale", "g-1", "g-2")).error as MeshError).code, "PERMISSION_DENIED");
  });

  it("leaves smaller losses to be believed at once", async () => {
    (await twoInstances()).answer([healthEntry("g-2")], 21);
    await expect("live", "g-2");
    (await consul.next(watched("greeter"))).answer([healthEntry("g-3")], 22);
    await expect("live", "g-3");
  });

  it("is believed at once where that is wanted", async () => {
    directory.close();
    open({ believeEmpty: "at-once" });
    (await twoInstances()).answer([], 21);
    await expect("live");
    assert.equal(await consul.has(confirmed("passing")), false);
  });
});
