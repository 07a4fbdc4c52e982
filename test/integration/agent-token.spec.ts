/** The development agent with a token: services that have it find each other, those that do not are told so. */
import assert from "node:assert/strict";
import { startAgent } from "@meshwork/agent";
import { createMesh, type Mesh } from "@meshwork/sdk";
import { describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { MeshError } from "../../sdk/src/call/mesh-error.ts";
import { aclTokenSelf } from "../../sdk/src/consul/acl-api.ts";
import { consulDirectory } from "../../sdk/src/consul/consul-directory.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { consulRegistration } from "../../sdk/src/consul/consul-registration.ts";
import type { EndpointView } from "../../sdk/src/discovery/directory.ts";
import { Inbox } from "../support/inbox.ts";
import { recordedLog } from "../support/logs.ts";

const TOKEN = "0ddba11-for-the-laptop";
const shop = {
  name: "shop",
  id: "shop-1",
  address: { host: "127.0.0.1", port: 1 },
  weight: 1,
  tags: [],
  metadata: {},
} as const;

function meshWith(url: string, token?: string): Mesh {
  const consul = token === undefined ? { url } : { url, token };
  return createMesh({ consul, admin: false, log: recordedLog().log });
}

const isDenied = (error: unknown): boolean => error instanceof MeshError && error.code === "PERMISSION_DENIED";

describe("an agent with a token", () => {
  it("serves those who have it as one without", async () => {
    await using agent = await startAgent({ token: TOKEN });
    const http = new ConsulHttp({ url: agent.url, token: TOKEN }, systemClock);
    const self = await aclTokenSelf(http);
    assert.deepEqual(self?.policies, ["global-management"]);
    const directory = consulDirectory(http, { clock: systemClock });
    const views = new Inbox<EndpointView>();
    const registered = await consulRegistration(http, { clock: systemClock }).register(shop);
    directory.watch("shop", (view) => views.put(view));
    assert.equal((await views.next()).endpoints[0]?.id, "shop-1");
    await registered.deregister();
    // Believed, for whoever may see everything is told that nobody is left.
    while ((await views.next()).endpoints.length > 0);
    directory.close();
    http.close();

    const mesh = meshWith(agent.url, TOKEN);
    const lock = await mesh.lock("jobs").acquire();
    await lock.release();
    await mesh.close();
  });

  it("tells those who have none, or another, what they lack", async () => {
    await using agent = await startAgent({ token: TOKEN });
    for (const token of [undefined, "another"]) {
      const http = new ConsulHttp(token === undefined ? { url: agent.url } : { url: agent.url, token }, systemClock);
      await assert.rejects(consulRegistration(http, { clock: systemClock }).register(shop), isDenied);
      await assert.rejects(aclTokenSelf(http), isDenied);
      const directory = consulDirectory(http, { clock: systemClock });
      const views = new Inbox<EndpointView>();
      directory.watch("shop", (view) => views.put(view));
      const view = await views.next();
      assert.equal(view.freshness, "stale");
      assert.ok(isDenied(view.error), String(view.error));
      directory.close();
      http.close();
      const mesh = meshWith(agent.url, token);
      await assert.rejects(mesh.lock("jobs").acquire(), isDenied);
      await mesh.close();
    }
  });
});
