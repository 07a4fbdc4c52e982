import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { consulStore } from "../../../sdk/src/coordination/consul-store.ts";
import type { CoordinationStore, StoredKey } from "../../../sdk/src/coordination/coordination-store.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { Inbox } from "../../support/inbox.ts";
import { type Asked, ScriptedConsul } from "../consul/scripted-consul.ts";
import { hasCode } from "./lab.ts";

const KV = { Key: "k", Value: null, Flags: 0, CreateIndex: 4, ModifyIndex: 6, LockIndex: 1, Session: "s1" };

describe("coordination's store over Consul", () => {
  let consul: ScriptedConsul;
  let http: ConsulHttp;
  let store: CoordinationStore;

  beforeEach(async () => {
    consul = await ScriptedConsul.start();
    const clock = new VirtualClock();
    http = new ConsulHttp({ url: consul.url }, clock);
    store = consulStore(http, { clock, random: () => 0 });
  });

  afterEach(async () => {
    http.close();
    await consul.close();
  });

  async function asked(status: number, body: unknown, index = 9): Promise<Asked> {
    const request = await consul.next();
    request.reply(status, typeof body === "string" ? body : JSON.stringify(body), { "X-Consul-Index": `${index}` });
    return request;
  }

  function lock() {
    return store.lock("k", Buffer.from("ada"), "s1", {});
  }

  function operations({ body }: Asked): object[] {
    return (JSON.parse(body) as { readonly KV: object }[]).map((one) => one.KV);
  }

  it("opens sessions that rest on their TTL alone", async () => {
    const opened = store.openSession({ name: "lock x", ttlMs: 10_000, lockDelayMs: 0, keys: "delete" }, {});
    const { body } = await asked(200, { ID: "s1" });
    assert.deepEqual(JSON.parse(body), {
      Name: "lock x",
      TTL: "10000ms",
      LockDelay: "0ms",
      Behavior: "delete",
      NodeChecks: [],
    });
    assert.equal(await opened, "s1");
  });

  it("takes the index of the write that acquired a key for its token", async () => {
    const locked = lock();
    const request = await asked(200, { Results: [{ KV }], Errors: null });
    assert.deepEqual(operations(request), [{ Verb: "lock", Key: "k", Value: "YWRh", Session: "s1" }]);
    assert.deepEqual(await locked, { outcome: "acquired", token: 6 });
  });

  for (const [what, outcome] of [
    ['failed to lock key "k", lock is already held', "taken"],
    ['failed to lock key "k" due to lock delay', "delayed"],
    ['invalid session "s1"', "session-gone"],
  ] as const) {
    it(`reads "${what}" as ${outcome}`, async () => {
      const locked = lock();
      await asked(409, { Results: null, Errors: [{ OpIndex: 0, What: what }] });
      assert.deepEqual(await locked, { outcome });
    });
  }

  it("takes nothing else for a lock, nor for a reason to wait", async () => {
    const odd = lock();
    await asked(409, { Results: null, Errors: [{ OpIndex: 0, What: "the moon is full" }] });
    await assert.rejects(odd, hasCode("FAILED_PRECONDITION", /the moon is full/));
    const another = lock();
    await asked(200, { Results: [{ KV: { ...KV, Session: "s2" } }], Errors: null });
    await assert.rejects(another, hasCode("INTERNAL"));
    const denied = lock();
    await asked(409, { Results: null, Errors: [{ OpIndex: 0, What: "Permission denied" }] });
    await assert.rejects(denied, hasCode("PERMISSION_DENIED"));
  });

  it("reads what was last written, in every case", async () => {
    const read = store.read("a/", {});
    assert.equal((await asked(200, [{ ...KV, Key: "a/b", Value: "MQ==" }])).query.has("consistent"), true);
    assert.deepEqual(await read, {
      entries: [{ key: "a/b", value: Buffer.from("1"), index: 6, session: "s1" }],
      index: 9,
    });
  });

  it("commits all or nothing, and deletes nothing that another has deleted", async () => {
    const changes = [
      { kind: "put", key: "a", value: Buffer.from("1"), index: 0 },
      { kind: "delete", key: "b", index: 5 },
      { kind: "unchanged", key: "c", index: 6 },
      { kind: "unchanged", key: "d", index: 0 },
    ] as const;
    const done = store.commit(changes, {});
    const request = await asked(200, { Results: [], Errors: null });
    assert.deepEqual(operations(request), [
      { Verb: "cas", Key: "a", Value: "MQ==", Index: 0 },
      { Verb: "check-index", Key: "b", Index: 5 },
      { Verb: "delete-cas", Key: "b", Index: 5 },
      { Verb: "check-index", Key: "c", Index: 6 },
      { Verb: "check-not-exists", Key: "d" },
    ]);
    assert.equal(await done, "done");
    const conflict = store.commit(changes, {});
    await asked(409, { Results: null, Errors: [{ OpIndex: 1, What: "stale" }] });
    assert.equal(await conflict, "conflict");
  });

  it("watches a key until it is closed, and says when it was asked with success", async () => {
    const seen = new Inbox<StoredKey | "none">();
    let confirmed = 0;
    const watch = store.watchKey("k", {
      changed: (entry) => seen.put(entry ?? "none"),
      confirmed: () => confirmed++,
      failed: () => {},
    });
    await asked(404, "");
    assert.equal(await seen.next(), "none");
    await asked(200, [KV], 10);
    assert.deepEqual(await seen.next(), { key: "k", value: Buffer.alloc(0), index: 6, session: "s1" });
    assert.equal(confirmed, 2);
    const { gone } = await consul.next();
    watch.close();
    await gone;
  });
});
