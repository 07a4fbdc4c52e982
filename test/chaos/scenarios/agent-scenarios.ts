/** The agent beside the programs: it crashes, it loses what it knew, it hangs. */
import assert from "node:assert/strict";
import { refuses } from "../refuses.ts";
import type { Scenario } from "../scenario.ts";

/**
 * Gossip takes a node for failed within 5 s of silence, and the checks' TTL is 10 s: an outage of this length is one that
 * the rest of the cluster has noticed.
 */
const NOTICED = { full: 30_000, short: 15_000 } as const;
const SILENT_FOR_MS = 1_000;

export const agentScenarios: readonly Scenario[] = [
  {
    name: "agent killed, back with its data",
    lasts: NOTICED,
    break: ({ cluster }) => cluster.agent.kill(),
    prove: refuses,
    mend: ({ cluster }) => cluster.agent.start(),
  },
  {
    name: "agent killed, back at once",
    lasts: { full: 0, short: 0 },
    break: ({ cluster }) => cluster.agent.kill(),
    prove: refuses,
    mend: ({ cluster }) => cluster.agent.start(),
  },
  {
    name: "agent killed, back without its data",
    lasts: NOTICED,
    async break({ cluster }) {
      await cluster.agent.kill();
      await cluster.agent.loseData();
    },
    prove: refuses,
    mend: ({ cluster }) => cluster.agent.start(),
  },
  {
    name: "agent frozen, so that sockets hang",
    lasts: NOTICED,
    break: ({ cluster }) => cluster.agent.freeze(),
    async prove({ cluster }) {
      await assert.rejects(cluster.agent.request("/v1/status/leader", { timeoutMs: SILENT_FOR_MS }), /timeout/i);
    },
    mend: ({ cluster }) => cluster.agent.thaw(),
  },
];
