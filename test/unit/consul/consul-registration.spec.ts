import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { Logger } from "../../../sdk/src/call/logger.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { consulRegistration } from "../../../sdk/src/consul/consul-registration.ts";
import type { Registered, ServiceInstance, UpkeepEvent } from "../../../sdk/src/discovery/registration.ts";
import { WatchedClock } from "../../support/watched-clock.ts";
import { type Asked, ScriptedConsul } from "./scripted-consul.ts";

const TTL_MS = 9_000;
const BEAT_MS = 3_000;
/** Of requests at the start and on leaving; those of upkeep are as long as a beat, so they are told apart by order. */
const FOREGROUND_MS = [10_000, 5_000, 2_000];

const instance: ServiceInstance = {
  name: "greeter",
  id: "greeter 1/a",
  address: { host: "::1", port: 50_051 },
  weight: 2,
  zone: "z1",
  version: "1.0",
  tags: ["grpc"],
  metadata: { team: "x" },
};

describe("a registration in Consul", () => {
  let clock: WatchedClock;
  let consul: ScriptedConsul;
  let http: ConsulHttp;
  let logged: string[];
  let events: UpkeepEvent[];
  let current: Registered | undefined;

  beforeEach(async () => {
    clock = new WatchedClock();
    consul = await ScriptedConsul.start();
    http = new ConsulHttp({ url: consul.url }, clock);
    logged = [];
    events = [];
    current = undefined;
  });

  afterEach(async () => {
    if (current !== undefined) {
      const left = current.deregister();
      (await taken("deregister")).reply(200);
      await left;
    }
    await turn();
    assert.equal(clock.pending, 0, "a timer is left");
    http.close();
    await consul.close();
  });

  function registration(ttlMs = TTL_MS, whenUnreachable: "fail" | "retry" = "fail") {
    return consulRegistration(http, { clock, random: () => 0, ttlMs, log: fakeLog(), whenUnreachable });
  }

  function fakeLog(): Logger {
    const at = (level: string) => (fields: unknown, text?: string) =>
      void logged.push(`${level}: ${text ?? String(fields)}`);
    const log = { warn: at("warn"), info: at("info"), child: () => log };
    return log as unknown as Logger;
  }

  /** The next request, which must be of this kind. */
  async function taken(kind: "look" | "register" | "pass" | "deregister"): Promise<Asked> {
    const asked = await consul.next();
    const paths = {
      look: "/v1/agent/health/service/id/greeter%201%2Fa",
      register: "/v1/agent/service/register",
      pass: "/v1/agent/check/pass/service%3Agreeter%201%2Fa",
      deregister: "/v1/agent/service/deregister/greeter%201%2Fa",
    };
    assert.equal(asked.method, kind === "look" ? "GET" : "PUT");
    assert.equal(asked.path, paths[kind]);
    return asked;
  }

  async function registered(ttlMs = TTL_MS): Promise<Asked> {
    const registering = registration(ttlMs).register(instance, (event) => void events.push(event));
    (await taken("look")).reply(404);
    const asked = await taken("register");
    asked.reply(200);
    (await taken("pass")).reply(200);
    current = await registering;
    return asked;
  }

  /** The next wait of the upkeep; it has passed. */
  async function waits(ms: number): Promise<void> {
    assert.equal(await clock.nextDelay(FOREGROUND_MS), ms);
    clock.advance(ms);
  }

  /** A heartbeat's own timeout is as long as a beat. */
  async function requestBound(): Promise<void> {
    assert.equal(await clock.nextDelay(FOREGROUND_MS), BEAT_MS);
  }

  it("says all there is to say, passing from the start, and beats at once", async () => {
    const asked = await registered();
    assert.deepEqual(JSON.parse(asked.body), {
      ID: "greeter 1/a",
      Name: "greeter",
      Address: "::1",
      Port: 50_051,
      Tags: ["grpc"],
      Meta: { team: "x", zone: "z1", version: "1.0" },
      Weights: { Passing: 2, Warning: 1 },
      Check: {
        CheckID: "service:greeter 1/a",
        Name: "heartbeat of greeter 1/a",
        TTL: "9s",
        Status: "passing",
        DeregisterCriticalServiceAfter: "1m",
      },
    });
  });

  it("beats every third of its TTL, silently", async () => {
    await registered();
    for (let beats = 0; beats < 3; beats++) {
      await waits(BEAT_MS);
      (await taken("pass")).reply(200);
      await requestBound();
    }
    assert.deepEqual(logged, []);
  });

  it("beats often enough to notice in time that it was forgotten, however long its TTL", async () => {
    await registered(60_000);
    await waits(3_500);
    (await taken("pass")).reply(200);
  });

  for (const [status, text] of [
    [500, 'CheckID "service:greeter 1/a" does not have associated TTL'],
    [404, 'Unknown check ID "service:greeter 1/a"'],
  ] as const) {
    it(`registers again when the agent has forgotten it (${status})`, async () => {
      await registered();
      await waits(BEAT_MS);
      (await taken("pass")).reply(status, text);
      (await taken("register")).reply(200);
      (await taken("pass")).reply(200);
      for (let requests = 0; requests < 3; requests++) await requestBound();
      await waits(BEAT_MS);
      (await taken("pass")).reply(200);
      assert.equal(logged.length, 1);
    });
  }

  it("retries through an outage, registers again after it, and logs both once", async () => {
    await registered();
    await waits(BEAT_MS);
    (await taken("pass")).reply(503);
    await requestBound();
    await waits(50);
    (await taken("register")).reply(500, "No cluster leader");
    await requestBound();
    await waits(100);
    (await taken("register")).reply(200);
    (await taken("pass")).reply(200);
    await requestBound();
    await requestBound();
    await waits(BEAT_MS);
    (await taken("pass")).reply(200);
    await requestBound();
    assert.deepEqual(logged, [
      "warn: instance cannot be kept registered: trying on",
      "info: instance is registered again",
    ]);
    assert.deepEqual(events, ["failing", "registered"]);
  });

  it("says when the process was too busy for a heartbeat, and whether callers were told that it is dead", async () => {
    await registered();
    for (const lateMs of [BEAT_MS - 1, BEAT_MS, TTL_MS]) {
      assert.equal(await clock.nextDelay(FOREGROUND_MS), BEAT_MS);
      clock.stall(BEAT_MS + lateMs);
      (await taken("pass")).reply(200);
      await requestBound();
    }
    const stalled = "event loop was blocked when a heartbeat was due";
    const wayOut = "find what keeps it busy and move that to a worker thread";
    assert.deepEqual(logged, [
      `warn: ${stalled}: ${wayOut}`,
      `warn: ${stalled}, so callers were told that it is dead: ${wayOut}`,
    ]);
    assert.deepEqual(events, ["stalled", "stalled"]);
  });

  describe("of an id that is there already", () => {
    for (const [what, status, aggregated, removes] of [
      ["takes away what an earlier process left", 200, "passing", true],
      ["takes it away too when it is failing", 503, "critical", true],
      ["leaves it in maintenance", 503, "maintenance", false],
      ["takes nothing away where it cannot see", 403, "", false],
    ] as const) {
      it(what, async () => {
        const registering = registration().register(instance);
        (await taken("look")).reply(status, JSON.stringify({ AggregatedStatus: aggregated }));
        const asked = await taken("register");
        assert.equal(asked.query.has("replace-existing-checks"), removes);
        asked.reply(200);
        (await taken("pass")).reply(200);
        current = await registering;
        assert.equal(
          logged.filter((line) => line.includes("in maintenance")).length,
          aggregated === "maintenance" ? 1 : 0,
        );
      });
    }

    it("never ends maintenance when it registers again", async () => {
      await registered();
      await waits(BEAT_MS);
      (await taken("pass")).reply(404);
      const asked = await taken("register");
      assert.equal(asked.query.has("replace-existing-checks"), false);
      asked.reply(200);
      (await taken("pass")).reply(200);
    });
  });

  describe("that may come later", () => {
    it("is made when Consul can be reached", async () => {
      const registering = registration(TTL_MS, "retry").register(instance, (event) => void events.push(event));
      (await taken("look")).reply(500, "rpc error");
      (await taken("register")).reply(503);
      current = await registering;
      assert.deepEqual(events, ["failing"]);
      await waits(50);
      (await taken("register")).reply(200);
      (await taken("pass")).reply(200);
      await requestBound();
      await requestBound();
      await waits(BEAT_MS);
      (await taken("pass")).reply(200);
      assert.deepEqual(events, ["failing", "registered"]);
    });

    it("fails all the same when Consul refuses it", async () => {
      const registering = registration(TTL_MS, "retry").register(instance);
      (await taken("look")).reply(404);
      (await taken("register")).reply(403, "Permission denied");
      (await taken("deregister")).reply(403, "Permission denied");
      await assert.rejects(registering, /refused to register/);
    });
  });

  it("never waits longer than a beat between attempts", async () => {
    await registered();
    await waits(BEAT_MS);
    (await taken("pass")).reply(403, "ACL not found");
    await requestBound();
    for (const waitMs of [50, 100, 200, 400, 800, 1_500, 1_500]) {
      await waits(waitMs);
      (await taken("register")).reply(403, "ACL not found");
      await requestBound();
    }
    assert.equal(logged.length, 1);
  });

  it("does not wait for a heartbeat that hangs", async () => {
    await registered();
    await waits(BEAT_MS);
    const hanging = await taken("pass");
    await waits(BEAT_MS);
    await hanging.gone;
    await waits(50);
    (await taken("register")).reply(200);
    (await taken("pass")).reply(200);
  });

  it("cannot start without Consul: it says what, where and the way out, and leaves nothing behind", async () => {
    await consul.close();
    await assert.rejects(registration().register(instance), (error) => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, "UNAVAILABLE");
      assert.match(error.reason, /^consul at http:\S+ did not answer \(ECONNREFUSED\): start one .*CONSUL_HTTP_ADDR$/);
      return true;
    });
  });

  it("cannot start without the right to, and takes back what it may have left", async () => {
    const registering = registration().register(instance);
    (await taken("look")).reply(403, "Permission denied");
    (await taken("register")).reply(403, "Permission denied");
    (await taken("deregister")).reply(403, "Permission denied");
    await assert.rejects(
      registering,
      /refused to register greeter as greeter 1\/a \(403: Permission denied\); set CONSUL/,
    );
  });

  it("takes itself out when the first heartbeat fails", async () => {
    const registering = registration().register(instance);
    (await taken("look")).reply(404);
    (await taken("register")).reply(200);
    (await taken("pass")).reply(404, "Unknown check");
    (await taken("deregister")).reply(200);
    await assert.rejects(registering, /does not know check .* it was just given: set CONSUL_HTTP_ADDR to one agent/);
  });

  it("leaves once, however often it is asked, and beats no more", async () => {
    await registered();
    const [first, second] = [current?.deregister(), current?.deregister()];
    current = undefined;
    assert.equal(first, second);
    (await taken("deregister")).reply(200);
    await first;
    await clock.advanceAsync(10 * TTL_MS);
    assert.equal(consul.waiting, 0);
  });

  it("has left when Consul does not know it any more", async () => {
    await registered();
    const left = current?.deregister();
    current = undefined;
    (await taken("deregister")).reply(404, "Unknown service ID");
    await left;
  });

  it("says that it could not leave, and ends its upkeep all the same", async () => {
    await registered();
    const left = current?.deregister();
    current = undefined;
    (await taken("deregister")).reply(500, "rpc error");
    await assert.rejects(left!, /refused to deregister greeter 1\/a \(500: rpc error\)/);
    await clock.advanceAsync(10 * TTL_MS);
    assert.equal(consul.waiting, 0);
  });

  it("lets a registration under way end before it leaves, so that it cannot come back", async () => {
    await registered();
    await waits(BEAT_MS);
    const beat = await taken("pass");
    const left = current?.deregister();
    current = undefined;
    await turn();
    assert.equal(consul.waiting, 0);
    beat.reply(404, "Unknown check");
    (await taken("deregister")).reply(200);
    await left;
  });

  it("leaves in bounded time when that registration hangs", async () => {
    await registered();
    await waits(BEAT_MS);
    const beat = await taken("pass");
    const left = current?.deregister();
    current = undefined;
    clock.advance(2_000);
    await beat.gone;
    (await taken("deregister")).reply(200);
    await left;
  });

  for (const [change, why] of [
    [{ weight: 0.5 }, /weight of greeter 1\/a is 0.5: consul takes whole numbers from 1 to 65535/],
    [{ weight: 0 }, /weight of/],
    [{ name: "a/b" }, /does not name a service/],
    [{ id: "" }, /give it an id/],
    [{ address: { host: "::1", port: 0 } }, /at \[::1\]:0 cannot be registered: give it an id and the host and port/],
  ] as const) {
    it(`refuses ${JSON.stringify(change)} without asking Consul`, async () => {
      await assert.rejects(registration().register({ ...instance, ...change }), why);
      assert.equal(consul.waiting, 0);
    });
  }

  it("refuses a TTL that heartbeats cannot hold", () => {
    for (const ttlMs of [999, 0, Number.NaN]) {
      assert.throws(
        () => consulRegistration(http, { clock, ttlMs }),
        /give the TTL of checks in milliseconds, 1000 or more/,
      );
    }
  });
});
