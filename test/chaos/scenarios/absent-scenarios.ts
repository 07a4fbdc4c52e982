/** A client starts while there is no Consul. */
import assert from "node:assert/strict";
import { MeshError } from "@meshwork/sdk";
import type { GreeterFleet } from "../../support/greeter-fleet.ts";
import { refuses } from "../refuses.ts";
import type { Scenario, Scene } from "../scenario.ts";

/** A client says that it knows nobody within 2 s, even of a Consul that neither answers nor refuses. */
const SAID_WITHIN_MS = 3_000;
const ASK_AGAIN_MS = 20;

const late = new WeakMap<GreeterFleet, ReturnType<GreeterFleet["bystander"]>>();

function lateClient({ fleet }: Scene): ReturnType<GreeterFleet["bystander"]> {
  const client = late.get(fleet) ?? fleet.bystander();
  late.set(fleet, client);
  return client;
}

function remembering({ fleet, folder }: Scene): ReturnType<GreeterFleet["bystander"]> {
  return fleet.bystander({ discovery: { stateDir: folder } });
}

export const absentScenarios: readonly Scenario[] = [
  {
    name: "Consul absent when a client starts, without a disk snapshot",
    lasts: { full: 10_000, short: 3_000 },
    break: ({ cluster }) => cluster.agent.kill(),
    // There is nobody it could call; it says so instead of waiting for its deadline.
    async prove(scene) {
      const { client } = lateClient(scene);
      const askedAt = performance.now();
      await assert.rejects(client.sayHello({ name: "Ada" }, { timeoutMs: 2 * SAID_WITHIN_MS }), (error: unknown) => {
        assert.ok(error instanceof MeshError);
        assert.equal(error.code, "UNAVAILABLE");
        assert.match(error.message, /ECONNREFUSED/);
        return true;
      });
      assert.ok(performance.now() - askedAt < SAID_WITHIN_MS, "it waited instead of saying that it knows nobody");
    },
    mend: ({ cluster }) => cluster.agent.start(),
    async recovered(scene) {
      const { client } = lateClient(scene);
      for (;;) {
        try {
          await client.sayHello({ name: "Ada" });
          break;
        } catch (error) {
          scene.signal.throwIfAborted();
          if (!(error instanceof MeshError)) throw error;
          await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
        }
      }
      scene.underLoad(client);
    },
  },
  {
    name: "Consul absent when a client starts, with a disk snapshot",
    lasts: { full: 10_000, short: 3_000 },
    async prepare(scene) {
      const before = remembering(scene);
      await before.client.sayHello({ name: "Ada" });
      await before.close();
    },
    break: ({ cluster }) => cluster.agent.kill(),
    async prove(scene) {
      await refuses(scene);
      scene.underLoad(remembering(scene).client);
    },
    mend: ({ cluster }) => cluster.agent.start(),
  },
];
