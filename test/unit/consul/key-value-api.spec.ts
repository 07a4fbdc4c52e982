import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import {
  kvDelete,
  kvDeleteTree,
  type KvEntry,
  kvGet,
  kvPut,
  type KvTree,
  kvTree,
  watchKey,
  watchTree,
} from "../../../sdk/src/consul/kv-api.ts";
import { createSession, destroySession, renewSession, sessionInfo } from "../../../sdk/src/consul/session-api.ts";
import { kvTransaction } from "../../../sdk/src/consul/txn-api.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { Inbox } from "../../support/inbox.ts";
import { type Asked, consulForEach, type ScriptedConsul } from "./scripted-consul.ts";

const INDEX = { "X-Consul-Index": "7" };
const STORED = { Key: "a/b", Value: "AP8=", Flags: 3, CreateIndex: 4, ModifyIndex: 6, LockIndex: 1, Session: "s1" };
const FREE = { Key: "a/b", Value: null, Flags: 0, CreateIndex: 4, ModifyIndex: 5, LockIndex: 0 };
const READ = { key: "a/b", flags: 3, createIndex: 4, modifyIndex: 6, lockIndex: 1, session: "s1" };

describe("keys, sessions and transactions", () => {
  let consul: ScriptedConsul;
  let http: ConsulHttp;

  consulForEach((made) => ({ consul, http } = made));

  /** The question that work asks, answered. */
  async function asked(status: number, body: unknown = "", headers: Record<string, string> = INDEX): Promise<Asked> {
    const request = await consul.next();
    request.reply(status, typeof body === "string" ? body : JSON.stringify(body), headers);
    return request;
  }

  function place({ method, path, query }: Asked): string {
    const text = query.toString();
    return `${method} ${path}${text === "" ? "" : `?${text}`}`;
  }

  async function refused(work: Promise<unknown>, code: string): Promise<void> {
    await assert.rejects(work, (error) => error instanceof MeshError && error.code === code);
  }

  it("reads a key as bytes, with who holds it", async () => {
    const read = kvGet(http, "a/b c", { consistency: "consistent" });
    assert.equal(place(await asked(200, [STORED])), "GET /v1/kv/a/b%20c?consistent=");
    const { value, ...rest } = (await read)!;
    assert.deepEqual([...value], [0, 255]);
    assert.deepEqual(rest, READ);
    const free = kvGet(http, "a/b");
    await asked(200, [FREE]);
    const { value: none, ...others } = (await free)!;
    assert.equal(none.byteLength, 0);
    assert.equal("session" in others, false);
  });

  it("believes of a missing key only Consul's own 404", async () => {
    const missing = kvGet(http, "a");
    await asked(404);
    assert.equal(await missing, undefined);
    const elsewhere = kvGet(http, "a");
    await asked(404, "<html>no such page</html>");
    await refused(elsewhere, "NOT_FOUND");
    const indexless = kvGet(http, "a");
    await asked(404, "", {});
    await refused(indexless, "NOT_FOUND");
  });

  for (const [what, body] of [
    ["two entries for one key", [STORED, STORED]],
    ["no entry", []],
    ["a value that is not base64", [{ ...STORED, Value: "?" }]],
    ["an index below 1", [{ ...STORED, ModifyIndex: 0 }]],
    ["no lock index", [{ ...STORED, LockIndex: undefined }]],
    ["what is no JSON", "yes"],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const read = kvGet(http, "a/b");
      await asked(200, body);
      await refused(read, "INTERNAL");
    });
  }

  it("reads what is below a prefix, with the index of that moment", async () => {
    const some = kvTree(http, "a/");
    assert.equal(place(await asked(200, [STORED, FREE])), "GET /v1/kv/a/?recurse=");
    const { entries, index } = await some;
    assert.deepEqual([entries.length, index], [2, 7]);
    const none = kvTree(http, "a/");
    await asked(404);
    assert.deepEqual(await none, { entries: [], index: 7 });
    const indexless = kvTree(http, "a/");
    await asked(200, [STORED], {});
    await refused(indexless, "FAILED_PRECONDITION");
  });

  it("writes bytes as they are, on condition or for a session", async () => {
    const bytes = Buffer.from('"x"').subarray(1, 2);
    const plain = kvPut(http, "k", bytes);
    const first = await asked(200, "true");
    assert.deepEqual([place(first), first.body], ["PUT /v1/kv/k", "x"]);
    assert.equal(await plain, true);
    const cas = kvPut(http, "k", bytes, { cas: 0, flags: 5 });
    assert.equal(place(await asked(200, "false\n")), "PUT /v1/kv/k?cas=0&flags=5");
    assert.equal(await cas, false);
    const acquired = kvPut(http, "k", bytes, { acquire: "s" });
    assert.equal(place(await asked(200, "true")), "PUT /v1/kv/k?acquire=s");
    assert.equal(await acquired, true);
    const released = kvPut(http, "k", new Uint8Array(), { release: "s" });
    const last = await asked(200, "true");
    assert.deepEqual([place(last), last.body], ["PUT /v1/kv/k?release=s", ""]);
    assert.equal(await released, true);
  });

  it("sends a conditional write once, and others again when an idle connection was closed", async () => {
    const cas = kvPut(http, "k", new Uint8Array(), { cas: 3 });
    (await consul.next()).breakOff();
    await refused(cas, "UNAVAILABLE");
    const plain = kvPut(http, "k", new Uint8Array());
    (await consul.next()).breakOff();
    await asked(200, "true");
    assert.equal(await plain, true);
    const compared = kvTransaction(http, [{ verb: "check-index", key: "k", index: 3 }]);
    (await consul.next()).breakOff();
    await refused(compared, "UNAVAILABLE");
    const locked = kvTransaction(http, [{ verb: "lock", key: "a/b", value: new Uint8Array(), session: "s1" }]);
    (await consul.next()).breakOff();
    await asked(200, { Results: [{ KV: STORED }], Errors: null });
    assert.equal((await locked).committed, true);
  });

  it("says of a write that it was refused, and not that Consul is gone", async () => {
    const tooLong = kvPut(http, "k", new Uint8Array());
    await asked(413, "Value exceeds 524288 byte limit");
    await refused(tooLong, "INVALID_ARGUMENT");
    const stranger = kvPut(http, "k", new Uint8Array(), { acquire: "s" });
    await asked(500, "invalid session");
    await refused(stranger, "INVALID_ARGUMENT");
    const leaderless = kvPut(http, "k", new Uint8Array());
    await asked(500, "No cluster leader");
    await refused(leaderless, "UNAVAILABLE");
    const unreadable = kvPut(http, "k", new Uint8Array());
    await asked(200, '"done"');
    await refused(unreadable, "INTERNAL");
  });

  it("deletes a key, on condition or with all below it", async () => {
    const one = kvDelete(http, "k", { cas: 9 });
    assert.equal(place(await asked(200, "false")), "DELETE /v1/kv/k?cas=9");
    assert.equal(await one, false);
    const any = kvDelete(http, "k");
    assert.equal(place(await asked(200, "true")), "DELETE /v1/kv/k");
    assert.equal(await any, true);
    const all = kvDeleteTree(http, "a/");
    assert.equal(place(await asked(200, "true")), "DELETE /v1/kv/a/?recurse=");
    await all;
    const denied = kvDelete(http, "k");
    await asked(403, "Permission denied");
    await refused(denied, "PERMISSION_DENIED");
  });

  it("follows a key, for which to be missing is an answer", async () => {
    const seen = new Inbox<KvEntry | undefined | MeshError>();
    const watch = watchKey(http, "a/b", {
      clock: new VirtualClock(),
      random: () => 0,
      onValue: (entry) => seen.put(entry),
      onFailure: (error) => seen.put(error),
    });
    assert.equal(place(await asked(404)), "GET /v1/kv/a/b");
    assert.equal(await seen.next(), undefined);
    assert.equal(place(await asked(200, [STORED], { "X-Consul-Index": "8" })), "GET /v1/kv/a/b?index=7&wait=55s");
    assert.equal(((await seen.next()) as KvEntry).session, "s1");
    await asked(404, "404 page not found\n");
    assert.equal(((await seen.next()) as MeshError).code, "NOT_FOUND");
    watch.close();
  });

  it("follows a prefix, with the index of each answer", async () => {
    const seen = new Inbox<KvTree>();
    const watch = watchTree(http, "a/", {
      clock: new VirtualClock(),
      random: () => 0,
      onValue: (tree) => seen.put(tree),
      onFailure: () => {},
    });
    assert.equal(place(await asked(200, [STORED])), "GET /v1/kv/a/?recurse=");
    assert.equal((await seen.next()).index, 7);
    await asked(404, "", { "X-Consul-Index": "11" });
    assert.deepEqual(await seen.next(), { entries: [], index: 11 });
    watch.close();
  });

  it("creates a session on its terms", async () => {
    const created = createSession(http, {
      name: "n",
      ttlMs: 10_500,
      lockDelayMs: 0,
      behavior: "delete",
      nodeChecks: [],
    });
    const request = await asked(200, { ID: "s1" });
    assert.equal(place(request), "PUT /v1/session/create");
    assert.deepEqual(JSON.parse(request.body), {
      Name: "n",
      TTL: "10500ms",
      LockDelay: "0ms",
      Behavior: "delete",
      NodeChecks: [],
    });
    assert.equal(await created, "s1");
    const wrong = createSession(http, { ttlMs: 1 });
    await asked(500, "Invalid Session TTL '1000000', must be between [10s=24h0m0s]");
    await refused(wrong, "INVALID_ARGUMENT");
    const nameless = createSession(http);
    await asked(200, { ID: "" });
    await refused(nameless, "INTERNAL");
  });

  it("renews, tells of and ends a session, and takes no stranger's 404 for its end", async () => {
    const SESSION = {
      ID: "s1",
      Name: "n",
      Node: "node-1",
      Behavior: "release",
      TTL: "10s",
      LockDelay: 15_000_000_000,
      NodeChecks: null,
      CreateIndex: 4,
    };
    const renewed = renewSession(http, "s1");
    assert.equal(place(await asked(200, [SESSION])), "PUT /v1/session/renew/s1");
    assert.equal(await renewed, "renewed");
    const gone = renewSession(http, "s1");
    await asked(404, "Session id 's1' not found");
    assert.equal(await gone, "gone");
    const elsewhere = renewSession(http, "s1");
    await asked(404, "404 page not found");
    await refused(elsewhere, "NOT_FOUND");
    const info = sessionInfo(http, "s1");
    assert.equal(place(await asked(200, [SESSION])), "GET /v1/session/info/s1");
    const told = { id: "s1", name: "n", node: "node-1", behavior: "release", ttlMs: 10_000, lockDelayMs: 15_000 };
    assert.deepEqual(await info, { ...told, nodeChecks: [], createIndex: 4 });
    const none = sessionInfo(http, "s1");
    await asked(200, "[]");
    assert.equal(await none, undefined);
    const ended = destroySession(http, "s1");
    assert.equal(place(await asked(200, "true")), "PUT /v1/session/destroy/s1");
    await ended;
  });

  it("does several things as one", async () => {
    const done = kvTransaction(http, [
      { verb: "lock", key: "a/b", value: Buffer.from([0, 255]), session: "s1" },
      { verb: "cas", key: "c", value: new Uint8Array(), index: 0, flags: 1 },
      { verb: "check-not-exists", key: "d" },
    ]);
    const request = await asked(200, { Results: [{ KV: STORED }, { KV: FREE }], Errors: null });
    assert.equal(place(request), "PUT /v1/txn");
    assert.deepEqual(JSON.parse(request.body), [
      { KV: { Verb: "lock", Key: "a/b", Value: "AP8=", Session: "s1" } },
      { KV: { Verb: "cas", Key: "c", Value: "", Flags: 1, Index: 0 } },
      { KV: { Verb: "check-not-exists", Key: "d" } },
    ]);
    const outcome = await done;
    assert.deepEqual(outcome.committed && outcome.entries.map(({ modifyIndex }) => modifyIndex), [6, 5]);
  });

  it("says which operation was in the way, and tells a missing permission from it", async () => {
    const held = kvTransaction(http, [{ verb: "get", key: "x" }]);
    await asked(409, { Results: null, Errors: [{ OpIndex: 0, What: "lock is already held" }] });
    assert.deepEqual(await held, { committed: false, failures: [{ operation: 0, reason: "lock is already held" }] });
    const denied = kvTransaction(http, [{ verb: "get", key: "x" }]);
    await asked(409, { Results: null, Errors: [{ OpIndex: 0, What: "Permission denied" }] });
    await refused(denied, "PERMISSION_DENIED");
    const mute = kvTransaction(http, [{ verb: "get", key: "x" }]);
    await asked(409, { Results: null, Errors: [] });
    await refused(mute, "INTERNAL");
    await refused(kvTransaction(http, []), "INVALID_ARGUMENT");
  });
});
