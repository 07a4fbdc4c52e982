/** What tokens do to discovery, on a real Consul with access control: errors that say so, and nothing that hangs. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { MeshError } from "../../sdk/src/call/mesh-error.ts";
import { consulDirectory } from "../../sdk/src/consul/consul-directory.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { consulRegistration } from "../../sdk/src/consul/consul-registration.ts";
import type { EndpointView } from "../../sdk/src/discovery/directory.ts";
import type { ServiceInstance } from "../../sdk/src/discovery/registration.ts";
import { findConsul, type RealConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

const ROOT = "5ca1ab1e-0000-4000-8000-000000000000";
/** Requests without a token act as root, so that the test's own start-up check sees the agent come up. */
const ACL = `acl { enabled = true, default_policy = "deny", tokens { master = "${ROOT}", agent = "${ROOT}", default = "${ROOT}" } }`;

const instance: ServiceInstance = {
  name: "guarded",
  id: "guarded-1",
  address: { host: "127.0.0.1", port: 1 },
  weight: 1,
  tags: [],
  metadata: {},
};

describe("a Consul with access control", () => {
  let consul: RealConsul | undefined;

  before(async function () {
    this.timeout(60_000);
    if (findConsul() === undefined) sayNotRun("access control");
    else consul = await startConsul({ args: ["-hcl", ACL] });
  });

  after(() => consul?.close());

  function firstView(http: ConsulHttp): Promise<EndpointView> {
    const directory = consulDirectory(http, { clock: systemClock });
    return new Promise((resolve) => {
      directory.watch(instance.name, (view) => {
        directory.close();
        resolve(view);
      });
    });
  }

  function denied(error: unknown): boolean {
    assert.ok(error instanceof MeshError);
    assert.equal(error.code, "PERMISSION_DENIED");
    assert.match(error.reason, /\(403: ACL not found\); set CONSUL_HTTP_TOKEN to a token that may$/);
    return true;
  }

  it("refuses an unknown token with what to do, to those who register and those who watch", async () => {
    if (consul === undefined) return;
    const http = new ConsulHttp({ url: consul.url, token: "5ca1ab1e-0000-4000-8000-00000000dead" }, systemClock);
    await assert.rejects(consulRegistration(http, { clock: systemClock }).register(instance), (error) => denied(error));
    const view = await firstView(http);
    assert.equal(view.freshness, "stale");
    denied(view.error);
    http.close();
  });

  it("takes a good token", async () => {
    if (consul === undefined) return;
    const http = new ConsulHttp({ url: consul.url, token: ROOT }, systemClock);
    const registered = await consulRegistration(http, { clock: systemClock }).register(instance);
    const view = await firstView(http);
    assert.deepEqual(
      view.endpoints.map(({ id }) => id),
      ["guarded-1"],
    );
    await registered.deregister();
    http.close();
  });
});
