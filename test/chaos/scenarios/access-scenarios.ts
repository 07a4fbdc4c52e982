/** Somebody revokes the token that every mesh uses, and gives it back. */
import assert from "node:assert/strict";
import { until } from "../../support/consul-cluster.ts";
import type { Scenario, Scene } from "../scenario.ts";
import { stir } from "../stir.ts";

/** An agent remembers for 30 s what a token may, so heartbeats are refused from then on only. */
const FORGOTTEN_BY_AGENT = { full: 60_000, short: 45_000 } as const;
const REFUSED_WITHIN_MS = 20_000;

async function refused({ cluster, access }: Scene): Promise<void> {
  await stir(cluster.agent);
  const headers = { "x-consul-token": access?.token ?? "" };
  await until(
    "reads with the token are refused",
    async () => {
      const reply = await fetch(`${cluster.agent.url}/v1/health/service/greeter`, { headers });
      return reply.status === 403 && /ACL not found/.test(await reply.text());
    },
    REFUSED_WITHIN_MS,
  );
}

function keeper({ access }: Scene): NonNullable<Scene["access"]> {
  assert.ok(access !== undefined, "the scenario wants a cluster that denies by default");
  return access;
}

export const accessScenarios: readonly Scenario[] = [
  {
    name: "token revoked, and granted again",
    access: "deny",
    lasts: FORGOTTEN_BY_AGENT,
    break: (scene) => keeper(scene).revoke(),
    prove: refused,
    mend: (scene) => keeper(scene).grant(),
  },
];
