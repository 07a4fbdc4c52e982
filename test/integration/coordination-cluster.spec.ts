/**
 * Coordination over a cluster as production has it: what is held outlives the death of Consul's leader, and is given up by the
 * holder's own clock when its agent hangs.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createMesh, type Mesh } from "@meshwork/sdk";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { ConsulCluster, until } from "../support/consul-cluster.ts";
import { recordedLog } from "../support/logs.ts";
import { findConsul, sayNotRun } from "../support/real-consul.ts";

/** Beside the clusters of the chaos tests. */
const LANE = 23;
const LEASE_MS = 8_000;
const TTL_MS = 10_000;

if (findConsul() === undefined) {
  describe("coordination over a cluster", () => {
    it("is tested where there is a Consul", () => sayNotRun("coordination over a cluster"));
  });
} else {
  describe("coordination over a cluster", () => {
    let cluster: ConsulCluster;
    let meshes: Mesh[];

    before(async function () {
      this.timeout(90_000);
      cluster = await ConsulCluster.start({ lane: LANE });
    });

    after(async function () {
      this.timeout(30_000);
      await cluster.close();
    });

    beforeEach(() => {
      meshes = [];
    });

    afterEach(async function () {
      this.timeout(30_000);
      await Promise.all(meshes.map((mesh) => mesh.close()));
    });

    function meshOf(instance: string, url = cluster.agent.url): Mesh {
      const { log } = recordedLog();
      const mesh = createMesh({ service: "test", instance, consul: { url }, admin: false, log });
      meshes.push(mesh);
      return mesh;
    }

    it("holds on when Consul's leader dies, and hands on under the next", async function () {
      this.timeout(60_000);
      const [ada, bob] = [meshOf("ada"), meshOf("bob")];
      const settings = ada.settings("config/it", { maxItems: { default: 10 } });
      await settings.update({ maxItems: 20 });
      const held = await ada.lock("it").acquire();
      const had = bob.lock("it").acquire({ timeoutMs: 40_000 });
      const leader = await cluster.leader();
      const killedAt = performance.now();
      await leader.kill();
      await until("another server leads", async () => (await cluster.leader()) !== leader, 20_000);
      const led = performance.now() - killedAt;
      await settings.update(({ maxItems }) => ({ maxItems: maxItems + 1 }), { timeoutMs: 20_000 }).catch(() => {});
      await until("settings are live", () => settings.state.freshness === "live", 20_000);
      assert.ok(settings.current.maxItems >= 20);
      // Longer than a lease: it must have been renewed under the next leader.
      await until("a lease has passed", () => performance.now() - killedAt > LEASE_MS + 1_000, 20_000);
      assert.equal(held.held, true);
      assert.equal(held.signal.aborted, false);
      await held.release();
      const next = await had;
      assert.ok(next.token > held.token);
      console.log(`      another server led after ${led.toFixed(0)} ms, the lock was held throughout`);
      await leader.start();
      await cluster.ready();
    });

    it("knows before anybody else has it when its agent leaves, which ends its session at once", async function () {
      this.timeout(90_000);
      const held = await meshOf("ada").lock("left").acquire();
      const had = meshOf("bob", cluster.servers[0]?.url).lock("left").acquire({ timeoutMs: 60_000 });
      let knewAt = Infinity;
      held.signal.addEventListener("abort", () => (knewAt = performance.now()), { once: true });
      const leftAt = performance.now();
      const left = cluster.agent.request("/v1/agent/leave", { method: "PUT", timeoutMs: 30_000 }).catch(() => {});
      const session = async (): Promise<string | undefined> => {
        const reply = await cluster.servers[0]!.request("/v1/kv/meshwork/lock/left");
        return ((await reply.json()) as { readonly Session?: string }[])[0]?.Session;
      };
      await until("its session has ended", async () => (await session()) === undefined, 20_000);
      const endedAfter = performance.now() - leftAt;
      const next = await had;
      const hadAt = performance.now();
      assert.ok(knewAt < hadAt && !held.held && next.token > held.token);
      const [ended, knew, passed] = [endedAfter, knewAt - leftAt, hadAt - leftAt].map((ms) => ms.toFixed(0));
      console.log(
        `      its session ended after ${ended} ms, it knew after ${knew} ms, another had it after ${passed} ms`,
      );
      await left;
      await cluster.agent.kill();
      await cluster.agent.start();
      await cluster.ready();
    });

    it("knows before anybody else leads when its agent hangs, and stands again when that goes on", async function () {
      this.timeout(120_000);
      const terms: string[] = [];
      const lead = (mesh: Mesh, name: string) =>
        mesh.election("it", { lockDelayMs: 0 }).campaign(async ({ signal }) => {
          terms.push(`${name} leads`);
          if (!signal.aborted) await once(signal, "abort");
          terms.push(`${name} stops`);
        });
      const first = lead(meshOf("ada"), "ada");
      await until("ada leads", () => first.leading, 10_000);
      const server = meshOf("bob", cluster.servers[0]?.url);
      const second = lead(server, "bob");
      const frozenAt = performance.now();
      cluster.agent.freeze();
      await until("ada has stopped", () => terms.length === 2, 15_000);
      const knewAfter = performance.now() - frozenAt;
      assert.deepEqual([first.leading, second.leading], [false, false]);
      // A new leader of Consul's counts every TTL anew.
      await until("bob leads", () => second.leading, 60_000);
      const hadAfter = performance.now() - frozenAt;
      cluster.agent.thaw();
      await second.resign();
      await until("ada leads again", () => first.leading, 20_000);
      assert.deepEqual(terms, ["ada leads", "ada stops", "bob leads", "bob stops", "ada leads"]);
      assert.ok(knewAfter <= LEASE_MS + 500 && hadAfter >= TTL_MS - LEASE_MS / 3);
      console.log(`      it knew after ${knewAfter.toFixed(0)} ms, another led after ${hadAfter.toFixed(0)} ms`);
    });
  });
}
