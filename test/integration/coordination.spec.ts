/**
 * Coordination over registries that really run: our own agent, Consul 1.8 and a current one, where there are some. The same
 * code, the same expectations.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { startAgent } from "@meshwork/agent";
import { createMesh, type Leader, type Mesh, MeshError, type Semaphore, type Settings } from "@meshwork/sdk";
import { setTimeout as delay } from "node:timers/promises";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { kvDelete, kvDeleteTree, kvGet, kvPut, kvTree } from "../../sdk/src/consul/kv-api.ts";
import { createSession, destroySession, renewSession, sessionInfo } from "../../sdk/src/consul/session-api.ts";
import { kvTransaction } from "../../sdk/src/consul/txn-api.ts";
import { findCurrentConsul } from "../support/current-consul.ts";
import { Inbox } from "../support/inbox.ts";
import { recordedLog } from "../support/logs.ts";
import { notRun } from "../support/not-run.ts";
import { findConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

interface Registry {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

interface Shape {
  greeting: string;
  maxItems: number;
}

type StartRegistry = (port?: number) => Promise<Registry>;

coordinationOver("our agent", async (port = 0) => startAgent({ port }));

const consul = findConsul();
if (consul === undefined) {
  describe("coordination over a real Consul", () => {
    it("is tested where there is one", () => sayNotRun("coordination"));
  });
} else {
  coordinationOver("a real Consul", startReal(consul));
}

const current = findCurrentConsul();
if (current === undefined) {
  describe("coordination over a current Consul", () => {
    it("is tested where there is one", () =>
      notRun("coordination", "current-consul", "npm run test:registry builds one where Go is"));
  });
} else {
  coordinationOver("a current Consul", startReal(current));
}

function startReal(binary: string): StartRegistry {
  return (port) => startConsul({ binary, ...(port === undefined ? {} : { httpPort: port }) });
}

function coordinationOver(name: string, start: StartRegistry): void {
  describe(`coordination over ${name}`, () => {
    let registry: Registry;
    let http: ConsulHttp;
    let meshes: Mesh[];
    let lockName: string;
    let serial = 0;

    before(async function () {
      this.timeout(60_000);
      registry = await start();
      http = new ConsulHttp({ url: registry.url }, systemClock);
    });

    after(async () => {
      http.close();
      await registry.close();
    });

    beforeEach(() => {
      meshes = [];
      lockName = `job-${++serial}`;
    });

    afterEach(async () => {
      await Promise.all(meshes.map((mesh) => mesh.close()));
    });

    function meshOf(instance: string): Mesh {
      const { log } = recordedLog();
      const mesh = createMesh({ service: "test", instance, consul: { url: registry.url }, admin: false, log });
      meshes.push(mesh);
      return mesh;
    }

    async function sessionOf(key: string): Promise<string> {
      const entry = await kvGet(http, key);
      assert.ok(entry?.session !== undefined, `nobody holds ${key}`);
      return entry.session;
    }

    async function aborted(signal: AbortSignal): Promise<MeshError> {
      if (!signal.aborted) await once(signal, "abort");
      return signal.reason as MeshError;
    }

    it("reads back bytes as they were written, and says when a condition did not hold", async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      assert.equal(await kvPut(http, "bytes/ä b%?#+", bytes, { cas: 0, flags: Number.MAX_SAFE_INTEGER }), true);
      const entry = await kvGet(http, "bytes/ä b%?#+", { consistency: "consistent" });
      assert.deepEqual([...(entry?.value ?? [])], [...bytes]);
      assert.equal(entry?.flags, Number.MAX_SAFE_INTEGER);
      assert.equal(await kvPut(http, "bytes/ä b%?#+", bytes, { cas: 0 }), false);
      assert.equal(await kvDelete(http, "bytes/ä b%?#+", { cas: 1 }), false);
      assert.equal(await kvPut(http, "bytes/empty", new Uint8Array()), true);
      assert.deepEqual(
        (await kvTree(http, "bytes/")).entries.map(({ key }) => key),
        ["bytes/empty", "bytes/ä b%?#+"],
      );
      await kvDeleteTree(http, "bytes/");
      assert.equal(await kvGet(http, "bytes/empty"), undefined);
      assert.deepEqual((await kvTree(http, "bytes/")).entries, []);
      await assert.rejects(
        kvPut(http, "bytes/long", new Uint8Array(512 * 1024 + 1)),
        (error) => error instanceof MeshError && error.code === "INVALID_ARGUMENT",
      );
    });

    it("keeps sessions on their terms, by the TTL alone", async () => {
      const id = await createSession(http, { name: "n", ttlMs: 10_000, lockDelayMs: 1_000, nodeChecks: [] });
      const { node, createIndex, ...told } = (await sessionInfo(http, id))!;
      assert.deepEqual(told, {
        id,
        name: "n",
        behavior: "release",
        ttlMs: 10_000,
        lockDelayMs: 1_000,
        nodeChecks: [],
      });
      assert.ok(node !== "" && createIndex > 0);
      assert.equal(await renewSession(http, id), "renewed");
      await destroySession(http, id);
      await destroySession(http, id);
      assert.equal(await renewSession(http, id), "gone");
      assert.equal(await sessionInfo(http, id), undefined);
    });

    it("numbers processes of a name from 0, and gives the number of one that has gone to the next that comes", async () => {
      const [first, second, third] = ["a", "b", "c"].map(meshOf) as [Mesh, Mesh, Mesh];
      assert.equal(await first.claimNumber(), 0);
      assert.equal(await second.claimNumber(), 1);
      await first.close();
      // Those that come at once each get one of their own.
      const together = await Promise.all([third, meshOf("d"), meshOf("e")].map((mesh) => mesh.claimNumber()));
      assert.deepEqual(
        together.toSorted((a, b) => a - b),
        [0, 2, 3],
      );
      await assert.rejects(first.claimNumber(), { code: "FAILED_PRECONDITION" });
    });

    it("does all of a transaction or nothing", async () => {
      const value = Buffer.from("v");
      const done = await kvTransaction(http, [
        { verb: "check-not-exists", key: "txn/a" },
        { verb: "cas", key: "txn/a", value, index: 0 },
        { verb: "set", key: "txn/b", value },
        { verb: "get-tree", key: "txn/" },
      ]);
      assert.ok(done.committed);
      assert.deepEqual(
        done.entries.map(({ key }) => key),
        ["txn/a", "txn/b", "txn/a", "txn/b"],
      );
      const undone = await kvTransaction(http, [
        { verb: "delete", key: "txn/b" },
        { verb: "check-index", key: "txn/a", index: 1 },
      ]);
      assert.ok(!undone.committed);
      assert.equal(undone.failures[0]?.operation, 1);
      assert.ok((await kvGet(http, "txn/b")) !== undefined);
    });

    it("hands a lock on at once when it is released, with a greater token", async () => {
      const ada = await meshOf("ada").lock(lockName).acquire();
      const waits = meshOf("bob").lock(lockName);
      assert.equal(await waits.tryAcquire(), undefined);
      const had = waits.acquire({ timeoutMs: 10_000 });
      const late = waits.acquire({ timeoutMs: 300 });
      await assert.rejects(late, /DEADLINE_EXCEEDED: lock job-\d+ was not had within 300 ms: test ada has it/);
      assert.equal(ada.held, true);
      await ada.release();
      const bob = await had;
      assert.ok(bob.held && bob.token > ada.token);
      assert.ok(bob.remainingMs > 7_000 && bob.remainingMs <= 8_000);
      assert.equal((await kvGet(http, `meshwork/lock/${lockName}`))?.modifyIndex, bob.token);
      await bob.release();
      await kvDelete(http, `meshwork/lock/${lockName}`);
      const again = await waits.acquire();
      assert.ok(again.token > bob.token);
    });

    it("leaves no session behind when a mesh closes that holds, waits and has tried", async () => {
      const [ada, bob, eve] = [meshOf("ada"), meshOf("bob"), meshOf("eve")];
      await ada.lock(lockName).acquire();
      const waits = bob.lock(lockName).acquire();
      const cancelled = assert.rejects(waits, (error) => error instanceof MeshError && error.code === "CANCELLED");
      assert.equal(await eve.lock(lockName).tryAcquire(), undefined);
      await eve.close();
      await bob.close();
      await cancelled;
      await ada.close();
      const list = await http.request({ method: "GET", path: "/session/list" });
      const names = (JSON.parse(list.text) as { readonly Name: string }[]).map(({ Name }) => Name);
      assert.deepEqual(
        names.filter((one) => one.includes(lockName)),
        [],
      );
    });

    it("loses a lock as soon as its session is ended by somebody, and waits for the lock delay", async () => {
      const ada = await meshOf("ada").lock(lockName, { lockDelayMs: 1_000 }).acquire();
      const had = meshOf("bob").lock(lockName).acquire({ timeoutMs: 15_000 });
      const session = await sessionOf(`meshwork/lock/${lockName}`);
      // Before it is asked for: the delay runs from when Consul ends it, and its answer may come later.
      const endedAt = performance.now();
      await destroySession(http, session);
      assert.equal((await aborted(ada.signal)).code, "ABORTED");
      assert.equal(ada.held, false);
      assert.ok((await had).token > ada.token);
      assert.ok(performance.now() - endedAt >= 900);
    });

    it("loses a lock when its key is deleted", async () => {
      const ada = await meshOf("ada").lock(lockName).acquire();
      await kvDelete(http, `meshwork/lock/${lockName}`);
      assert.match((await aborted(ada.signal)).reason, /its key/);
    });

    it("has one leader after the other, seen by everybody", async () => {
      const [ada, bob, eve] = [meshOf("ada"), meshOf("bob"), meshOf("eve")];
      const leaders = new Inbox<Leader | "nobody">();
      eve.election(lockName).watch((leader) => leaders.put(leader ?? "nobody"));
      assert.equal(await leaders.next(), "nobody");
      const began = new Inbox<Leader>();
      const lead = (mesh: Mesh, value: string) =>
        mesh.election(lockName, { value }).campaign(async ({ token, signal }) => {
          began.put({ value, token });
          await once(signal, "abort");
        });
      const first = lead(ada, "ada at 10.0.0.1");
      const seen = [await leaders.next()];
      const terms = [await began.next()];
      const second = lead(bob, "bob at 10.0.0.2");
      await ada.close();
      await first.ended;
      while (seen.length < 2) {
        const leader = await leaders.next();
        if (leader !== "nobody") seen.push(leader);
      }
      terms.push(await began.next());
      await second.resign();
      assert.equal(await leaders.next(), "nobody");
      assert.deepEqual(seen, terms);
      assert.ok(terms[1]!.token > terms[0]!.token);
      assert.deepEqual([first.leading, second.leading], [false, false]);
    });

    it("gives so many slots of a semaphore and no more, and takes back those of the dead", async () => {
      const options = { limit: 2, lockDelayMs: 0 };
      const [ada, bob, eve] = ["ada", "bob", "eve"].map((name) => meshOf(name).semaphore(lockName, options)) as [
        Semaphore,
        Semaphore,
        Semaphore,
      ];
      const first = await ada.acquire();
      const second = await bob.acquire();
      assert.equal(await eve.tryAcquire(), undefined);
      const third = eve.acquire({ timeoutMs: 10_000 });
      await second.release();
      assert.equal((await third).held, true);
      assert.equal(await bob.tryAcquire(), undefined);
      const { entries } = await kvTree(http, `meshwork/semaphore/${lockName}/`);
      const sessions = entries.flatMap(({ session }) => session ?? []);
      assert.equal(sessions.length, 2);
      for (const session of sessions) await destroySession(http, session);
      assert.equal((await aborted(first.signal)).code, "ABORTED");
      assert.equal((await aborted((await third).signal)).code, "ABORTED");
      let most = 0;
      let working = 0;
      const work = async (): Promise<void> => {
        most = Math.max(most, ++working);
        await delay(100);
        working--;
      };
      await Promise.all([ada, bob, eve, ada, bob, eve].map((one) => one.run(work)));
      assert.equal(most, 2);
      const left = await kvTree(http, `meshwork/semaphore/${lockName}/`);
      assert.deepEqual(
        left.entries.map(({ key, value }) => [key, Buffer.from(value).toString()]),
        [[`meshwork/semaphore/${lockName}/.holders`, '{"limit":2,"holders":[]}']],
      );
    });

    it("has the same settings everywhere, changed without losing a change", async () => {
      const prefix = `config/${lockName}`;
      await kvPut(http, `${prefix}/maxItems`, Buffer.from("20"));
      const shape = { greeting: { default: "Hello" }, maxItems: { default: 10 } };
      const all = ["ada", "bob", "eve"].map((name) => meshOf(name).settings(prefix, shape));
      for (const one of all) assert.deepEqual(await one.loaded(), { greeting: "Hello", maxItems: 20 });
      const [ada, bob, eve] = all as [Settings<Shape>, Settings<Shape>, Settings<Shape>];
      const seen = new Inbox<number>();
      eve.onChange(({ maxItems }) => seen.put(maxItems));
      await Promise.all([ada, bob].map((one) => one.update(({ maxItems }) => ({ maxItems: maxItems + 1 }))));
      let last = await seen.next();
      while (last !== 22) last = await seen.next();
      await kvPut(http, `${prefix}/maxItems`, Buffer.from("twenty"));
      await kvPut(http, `${prefix}/greeting`, Buffer.from("Hi"));
      while (eve.current.greeting !== "Hi") last = await seen.next();
      assert.equal(eve.current.maxItems, 22);
      assert.match(eve.state.faults.get("maxItems")?.reason ?? "", /holds what cannot be used/);
      await ada.update({ maxItems: undefined, greeting: undefined });
      assert.deepEqual(ada.current, { greeting: "Hello", maxItems: 10 });
      assert.deepEqual((await kvTree(http, `${prefix}/`)).entries, []);
    });

    it("keeps the settings in use when the registry comes back without its data", async function () {
      this.timeout(60_000);
      const prefix = `config/${lockName}`;
      const mesh = meshOf("ada");
      const settings = mesh.settings(prefix, { maxItems: { default: 10 } });
      await settings.update({ maxItems: 20 });
      const { port } = registry;
      await registry.close();
      registry = await start(port);
      // That nothing changes has no event.
      while (settings.state.freshness !== "live" || settings.state.faults.size === 0) await delay(20);
      assert.equal(settings.current.maxItems, 20);
      await settings.update({ maxItems: 30 });
      assert.deepEqual([settings.current.maxItems, settings.state.faults.size], [30, 0]);
    });

    it("loses everything when the registry comes back without its data, and begins anew", async function () {
      this.timeout(60_000);
      const mesh = meshOf("ada");
      const held = await mesh.lock(lockName).acquire();
      const { port } = registry;
      await registry.close();
      registry = await start(port);
      assert.equal((await aborted(held.signal)).code, "ABORTED");
      const again = await mesh.lock(lockName).acquire({ timeoutMs: 20_000 });
      assert.equal(again.held, true);
    });
  });
}
