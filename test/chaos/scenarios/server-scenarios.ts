/** The servers behind the agent: their leader dies, too many of them die, they lose everything, they go back in time. */
import assert from "node:assert/strict";
import { until } from "../../support/consul-cluster.ts";
import type { ConsulNode } from "../../support/consul-node.ts";
import type { Scenario, Scene } from "../scenario.ts";

const AT_ONCE = { full: 0, short: 0 } as const;
/** A read without a leader is refused after 7 s. */
const REFUSED_WITHIN_MS = 15_000;
const ELECTED_WITHIN_MS = 30_000;
/** A new cluster's first services have an index of about 30. */
const WRITES = 200;

function leaderKilled(): Scenario {
  let former: ConsulNode;
  return {
    name: "leader killed",
    lasts: AT_ONCE,
    async break({ cluster }) {
      former = await cluster.leader();
      await former.kill();
    },
    async prove() {
      await assert.rejects(former.request("/v1/status/leader"), /fetch failed/);
    },
    // The two that are left elect one of them; nobody has to mend anything.
    mend: () => {},
    async recovered({ cluster }) {
      await until("another server leads", async () => (await cluster.leader()) !== former, ELECTED_WITHIN_MS);
    },
    async after({ cluster }) {
      await former.start();
      await cluster.ready();
    },
  };
}

function quorumLost(): Scenario {
  let lost: readonly ConsulNode[];
  return {
    name: "quorum lost",
    lasts: { full: 120_000, short: 15_000 },
    async break({ cluster }) {
      const leader = await cluster.leader();
      lost = [leader, ...cluster.servers.filter((server) => server !== leader).slice(1)];
      await Promise.all(lost.map((server) => server.kill()));
    },
    async prove({ cluster: { agent } }) {
      const ask = (): Promise<Response> =>
        agent.request("/v1/health/service/greeter", { timeoutMs: REFUSED_WITHIN_MS });
      await until("reads are refused", async () => (await ask()).status === 500, REFUSED_WITHIN_MS);
    },
    mend: async () => void (await Promise.all(lost.map((server) => server.start()))),
  };
}

function serversEmptied(): Scenario {
  let indexBefore: number;
  return {
    name: "servers back without their data",
    lasts: { full: 5_000, short: 1_000 },
    // Until agents compare themselves with servers that they have not met before.
    consulNeedsMs: 60_000,
    async break(scene) {
      indexBefore = await raiseIndex(scene);
      const { servers } = scene.cluster;
      await Promise.all(servers.map((server) => server.kill()));
      await Promise.all(servers.map((server) => server.loseData()));
    },
    async prove({ cluster }) {
      await assert.rejects(cluster.leader(), /no leader/);
    },
    mend: async ({ cluster }) => void (await Promise.all(cluster.servers.map((server) => server.start()))),
    recovered: ({ cluster }) => isBackwards(cluster.agent, indexBefore),
  };
}

function snapshotRestored(): Scenario {
  let indexBefore: number;
  return {
    name: "index reset by a restored snapshot",
    lasts: AT_ONCE,
    async break(scene) {
      const { agent } = scene.cluster;
      const snapshot = await (await agent.request("/v1/snapshot")).arrayBuffer();
      indexBefore = await raiseIndex(scene);
      const reply = await agent.request("/v1/snapshot", { method: "PUT", body: new Uint8Array(snapshot) });
      assert.equal(reply.status, 200, await reply.text());
    },
    prove: ({ cluster }) => isBackwards(cluster.agent, indexBefore),
    mend: () => {},
  };
}

/** Has the greeters' index grow well beyond what it is after a start; returns it. */
async function raiseIndex({ cluster: { agent }, fleet, signal }: Scene): Promise<number> {
  for (let write = 0; write < WRITES; write++) await agent.put("/v1/kv/chaos", write);
  const passer = await fleet.start("passer");
  await fleet.when(() => fleet.sees(passer), signal);
  await passer.leave();
  return greeterIndex(agent);
}

async function isBackwards(node: ConsulNode, before: number): Promise<void> {
  const now = await greeterIndex(node);
  assert.ok(now < before, `index of greeter went from ${before} to ${now}, not backwards`);
}

async function greeterIndex(node: ConsulNode): Promise<number> {
  const reply = await node.request("/v1/health/service/greeter?passing=1");
  assert.equal(reply.status, 200, await reply.text());
  return Number(reply.headers.get("x-consul-index"));
}

export const serverScenarios: readonly Scenario[] = [
  leaderKilled(),
  quorumLost(),
  serversEmptied(),
  snapshotRestored(),
];
