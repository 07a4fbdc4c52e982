import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { watchBlocking } from "../../../sdk/src/consul/blocking-query.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import type { Watch } from "../../../sdk/src/discovery/directory.ts";
import { Inbox } from "../../support/inbox.ts";
import { WatchedClock } from "../../support/watched-clock.ts";
import { ScriptedConsul } from "./scripted-consul.ts";

type Heard =
  | { readonly value: unknown; readonly circumstance: string }
  | { readonly error: MeshError; readonly known: unknown };

/** How long requests may take: with an answer due at once, and with one that waits. */
const TIMEOUTS_MS = [10_000, 63_438];

describe("a blocking query", () => {
  let clock: WatchedClock;
  let consul: ScriptedConsul;
  let http: ConsulHttp;
  let heard: Inbox<Heard>;
  let watch: Watch;

  beforeEach(async () => {
    clock = new WatchedClock();
    consul = await ScriptedConsul.start();
    http = new ConsulHttp({ url: consul.url }, clock);
    heard = new Inbox();
    watch = start();
  });

  afterEach(async () => {
    watch.close();
    await turn();
    assert.equal(clock.pending, 0, "a timer is left");
    http.close();
    await consul.close();
  });

  function start(): Watch {
    return watchBlocking(http, {
      path: "/things",
      query: { passing: "1" },
      parse: (text): unknown => JSON.parse(text),
      clock,
      random: () => 0,
      onValue: (value, circumstance) => heard.put({ value, circumstance }),
      onFailure: (error, known) => heard.put({ error, known }),
    });
  }

  async function failure(): Promise<{ error: MeshError; known: unknown }> {
    const next = await heard.next();
    assert.ok("error" in next, JSON.stringify(next));
    return next;
  }

  async function asked(index: string | null) {
    const request = await consul.next();
    assert.equal(request.query.get("index"), index);
    assert.equal(request.query.get("wait"), index === null ? null : "55s");
    assert.equal(request.query.get("passing"), "1");
    return request;
  }

  /** The query waits before it asks again: so long, and it has passed. */
  async function pauses(ms: number): Promise<void> {
    assert.equal(await clock.nextDelay(TIMEOUTS_MS), ms);
    clock.advance(ms);
  }

  it("asks at once, then with the index of the last answer, and calls back on content that differs", async () => {
    (await asked(null)).answer(["a"], 10);
    assert.deepEqual(await heard.next(), { value: ["a"], circumstance: "steady" });
    (await asked("10")).answer(["a"], 11);
    (await asked("11")).answer(["b"], 12);
    assert.deepEqual(await heard.next(), { value: ["b"], circumstance: "steady" });
    await asked("12");
    assert.equal(heard.waiting, 0);
  });

  it("never takes the index of an error, and starts over after one", async () => {
    (await asked(null)).answer(["a"], 10);
    await heard.next();
    (await asked("10")).reply(500, "no", { "X-Consul-Index": "1" });
    const { error } = await failure();
    assert.equal(error.code, "UNAVAILABLE");
    assert.match(error.reason, /refused GET \/v1\/things \(500: no\)/);
    await pauses(50);
    (await asked(null)).answer(["a"], 10);
    assert.deepEqual(await heard.next(), { value: ["a"], circumstance: "steady" });
    await asked("10");
  });

  it("starts over when the index goes backwards, and says that the state may be lost", async () => {
    (await asked(null)).answer(["a"], 194);
    await heard.next();
    (await asked("194")).answer([], 12);
    assert.deepEqual(await heard.next(), { value: [], circumstance: "after-reset" });
    (await asked(null)).answer(["a"], 13);
    assert.deepEqual(await heard.next(), { value: ["a"], circumstance: "steady" });
    await asked("13");
  });

  it("takes an index of 0 for 1", async () => {
    (await asked(null)).answer([], 0);
    await asked("1");
  });

  it("retries with growing waits and is steady again after an answer", async () => {
    for (const waitMs of [50, 100, 200, 400]) {
      (await asked(null)).reply(503, "busy");
      await failure();
      await pauses(waitMs);
    }
    (await asked(null)).answer([], 5);
    await heard.next();
    (await asked("5")).reply(503);
    await failure();
    await pauses(50);
    await asked(null);
  });

  it("survives 429 with an empty body, and waits as long as it is asked to", async () => {
    (await asked(null)).reply(429);
    assert.equal((await failure()).error.code, "RESOURCE_EXHAUSTED");
    await pauses(50);
    (await asked(null)).reply(429, "", { "Retry-After": "3" });
    await failure();
    await pauses(3_000);
    await asked(null);
  });

  for (const [status, code] of [
    [403, "PERMISSION_DENIED"],
    [400, "INVALID_ARGUMENT"],
    [404, "NOT_FOUND"],
  ] as const) {
    it(`goes on slowly after ${status}, for somebody may mend it`, async () => {
      (await asked(null)).reply(status, "no");
      assert.equal((await failure()).error.code, code);
      await pauses(15_000);
      (await asked(null)).answer(["a"], 2);
      assert.ok("value" in (await heard.next()));
      await asked("2");
    });
  }

  it("takes what any server knows while there is no leader", async () => {
    (await asked(null)).reply(500, "No cluster leader", { "X-Consul-Index": "1" });
    const stale = await asked(null);
    assert.ok(stale.query.has("stale"));
    stale.answer(["old"], 99);
    const { error, known } = await failure();
    assert.match(error.reason, /No cluster leader/);
    assert.deepEqual(known, ["old"]);
    await pauses(50);
    assert.ok(!(await asked(null)).query.has("stale"));
  });

  it("does without when no server knows anything either", async () => {
    (await asked(null)).reply(500, "rpc error making call: EOF");
    (await asked(null)).reply(500, "rpc error making call: EOF");
    assert.equal((await failure()).known, undefined);
    await pauses(50);
    await asked(null);
  });

  it("asks again at once, without a word, when a waiting connection ends", async () => {
    (await asked(null)).answer(["a"], 10);
    await heard.next();
    (await asked("10")).breakOff();
    (await asked(null)).answer(["a"], 10);
    (await asked("10")).answer(["b"], 11);
    assert.deepEqual(await heard.next(), { value: ["b"], circumstance: "steady" });
  });

  it("says so when the connection ends twice, and that the answer after it follows an outage", async () => {
    (await asked(null)).answer(["a"], 10);
    await heard.next();
    (await asked("10")).breakOff();
    (await asked(null)).breakOff();
    assert.equal((await failure()).error.code, "UNAVAILABLE");
    await pauses(100);
    (await asked(null)).answer([], 10);
    assert.deepEqual(await heard.next(), { value: [], circumstance: "after-outage" });
  });

  it("notices at once that an answer broke off midway", async () => {
    (await asked(null)).truncate();
    assert.match((await failure()).error.reason, /did not answer \(ECONNRESET\)/);
    await pauses(50);
    await asked(null);
  });

  it("gives up on an answer that hangs beyond its wait, jitter and slack", async () => {
    (await asked(null)).answer(["a"], 10);
    await heard.next();
    const hanging = await asked("10");
    clock.advance(63_437);
    assert.equal(clock.pending, 1);
    clock.advance(1);
    assert.match((await failure()).error.reason, /not within 63438 ms/);
    await hanging.gone;
    await pauses(50);
    await asked(null);
  });

  it("waits shorter where connections are cut off after half a minute", async () => {
    (await asked(null)).answer(["a"], 10);
    await heard.next();
    for (let cutOffs = 0; cutOffs < 2; cutOffs++) {
      const waiting = await asked("10");
      clock.advance(30_000);
      waiting.breakOff();
      (await asked(null)).answer(["a"], 10);
    }
    assert.equal((await consul.next()).query.get("wait"), "25s");
    assert.equal(heard.waiting, 0);
  });

  it("refuses an answer without an index, by which changes could not be followed", async () => {
    (await asked(null)).reply(200, "[]");
    const { error } = await failure();
    assert.equal(error.code, "FAILED_PRECONDITION");
    assert.match(error.reason, /without X-Consul-Index.*let the header through/);
    await pauses(15_000);
    await asked(null);
  });

  it("keeps going after an answer that cannot be read", async () => {
    (await asked(null)).reply(200, "<html>", { "X-Consul-Index": "4" });
    assert.equal((await failure()).error.code, "INTERNAL");
    await pauses(50);
    (await asked(null)).answer([], 4);
    assert.deepEqual(await heard.next(), { value: [], circumstance: "steady" });
  });

  it("does not spin on an index that moves all the time", async () => {
    let index = 1;
    (await asked(null)).answer(["a"], index);
    await heard.next();
    for (; index < 20; index++) (await asked(String(index))).answer(["a"], index + 1);
    for (; index < 25; index++) {
      (await asked(String(index))).answer(["a"], index + 1);
      const waitMs = await clock.nextDelay(TIMEOUTS_MS);
      assert.ok(waitMs > 0 && waitMs < 100.001, `waits ${waitMs} ms`);
      clock.advance(waitMs);
    }
    assert.ok(clock.now() > 400, `five replies in ${clock.now()} ms`);
    await asked("25");
    assert.equal(heard.waiting, 0);
  });

  it("stops asking when closed: while waiting for an answer, and between attempts", async () => {
    const waiting = await asked(null);
    watch.close();
    await waiting.gone;
    watch = start();
    (await asked(null)).reply(503);
    await failure();
    watch.close();
    await clock.advanceAsync(60_000);
    assert.equal(consul.waiting + heard.waiting, 0);
  });
});
