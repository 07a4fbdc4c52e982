/** Proof that the agent is gone: nobody listens where it was. */
import assert from "node:assert/strict";
import type { Scene } from "./scenario.ts";

export async function refuses({ cluster }: Pick<Scene, "cluster">): Promise<void> {
  await assert.rejects(cluster.agent.request("/v1/status/leader"), /fetch failed/);
}
