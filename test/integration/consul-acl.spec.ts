/** What tokens do to discovery, on a real Consul with access control: errors that say so, and nothing that hangs. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMesh } from "@meshwork/sdk";
import { after, before, describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { MeshError } from "../../sdk/src/call/mesh-error.ts";
import { aclTokenSelf } from "../../sdk/src/consul/acl-api.ts";
import { agentSelf } from "../../sdk/src/consul/agent-api.ts";
import { agentMembers } from "../../sdk/src/consul/agent-members-api.ts";
import { authorize } from "../../sdk/src/consul/authorize-api.ts";
import { catalogNodes } from "../../sdk/src/consul/catalog-api.ts";
import { getConfigEntry, putConfigEntry } from "../../sdk/src/consul/config-entry-api.ts";
import { caLeaf, caRoots } from "../../sdk/src/consul/connect-ca-api.ts";
import { healthConnect } from "../../sdk/src/consul/connect-health-api.ts";
import { consulDirectory } from "../../sdk/src/consul/consul-directory.ts";
import { consulFeatures } from "../../sdk/src/consul/consul-features.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { consulOptionsFromEnv } from "../../sdk/src/consul/consul-options.ts";
import { consulRegistration } from "../../sdk/src/consul/consul-registration.ts";
import { discoveryChain } from "../../sdk/src/consul/discovery-chain-api.ts";
import { listIntentions, matchIntentions, putIntention } from "../../sdk/src/consul/intentions-api.ts";
import { kvPut } from "../../sdk/src/consul/kv-api.ts";
import { endNodeMaintenance } from "../../sdk/src/consul/maintenance-api.ts";
import type { EndpointView } from "../../sdk/src/discovery/directory.ts";
import type { ServiceInstance } from "../../sdk/src/discovery/registration.ts";
import { Inbox } from "../support/inbox.ts";
import { recordedLog } from "../support/logs.ts";
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
  let serial = 0;

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

  /** A token that may do what the rules say; without rules it is one that may nothing. */
  async function tokenFor(rules: string): Promise<{ readonly secret: string; readonly accessor: string }> {
    const root = new ConsulHttp({ url: consul?.url ?? "", token: ROOT }, systemClock);
    const put = async (path: string, body: object): Promise<Record<string, string>> => {
      const reply = await root.request({ method: "PUT", path, body });
      assert.equal(reply.status, 200, reply.text);
      return JSON.parse(reply.text) as Record<string, string>;
    };
    const { Name } = await put("/acl/policy", { Name: `rules-${serial++}`, Rules: rules });
    const { SecretID = "", AccessorID = "" } = await put("/acl/token", { Policies: [{ Name }] });
    root.close();
    return { secret: SecretID, accessor: AccessorID };
  }

  it("refuses locks by what is missing, and tells settings that may not be read from those that are not there", async () => {
    if (consul === undefined) return;
    const { url } = consul;
    const meshOf = async (rules: string) => {
      const { secret } = await tokenFor(rules);
      return createMesh({ consul: { url, token: secret }, admin: false, log: recordedLog().log });
    };
    const root = new ConsulHttp({ url, token: ROOT }, systemClock);
    await kvPut(root, "config/guarded/maxItems", Buffer.from("20"));
    root.close();
    const shape = { maxItems: { default: 10 } };
    const none = await meshOf("");
    const sessions = await meshOf('session_prefix "" { policy = "write" }');
    const reader = await meshOf('key_prefix "config/" { policy = "read" }');
    for (const mesh of [none, sessions]) {
      const refused = (error: unknown): boolean => error instanceof MeshError && error.code === "PERMISSION_DENIED";
      await assert.rejects(mesh.lock("guarded").acquire(), refused);
      await assert.rejects(mesh.semaphore("guarded", { limit: 1 }).acquire(), refused);
      await assert.rejects(mesh.election("guarded").campaign(() => {}).ended, refused);
    }
    const blind = none.settings("config/guarded", shape);
    await assert.rejects(blind.loaded({ timeoutMs: 1_000 }), /DEADLINE_EXCEEDED: .*403/);
    assert.deepEqual([blind.state.freshness, blind.state.error?.code], ["unknown", "PERMISSION_DENIED"]);
    const read = reader.settings("config/guarded", shape);
    assert.equal((await read.loaded()).maxItems, 20);
    await assert.rejects(read.update({ maxItems: 30 }), /PERMISSION_DENIED/);
    const empty = reader.settings("config/nothing", shape);
    assert.equal((await empty.loaded({ timeoutMs: 5_000 })).maxItems, 10);
    await Promise.all([none, sessions, reader].map((mesh) => mesh.close()));
  });

  async function revoke(accessor: string): Promise<void> {
    const root = new ConsulHttp({ url: consul?.url ?? "", token: ROOT }, systemClock);
    const reply = await root.request({ method: "DELETE", path: `/acl/token/${accessor}` });
    assert.equal(reply.status, 200);
    root.close();
  }

  it("goes on with a new token from the file when the old one is revoked, without one failed request", async () => {
    if (consul === undefined) return;
    const folder = mkdtempSync(join(tmpdir(), "consul-token-"));
    const file = join(folder, "token");
    const rules = 'service "guarded" { policy = "write" } node_prefix "" { policy = "read" }';
    const [first, second] = [await tokenFor(rules), await tokenFor(rules)];
    writeFileSync(file, `${first.secret}\n`);
    const env = { CONSUL_HTTP_ADDR: consul.url, CONSUL_HTTP_TOKEN_FILE: file };
    const { log, lines } = recordedLog();
    const http = new ConsulHttp(consulOptionsFromEnv(env), systemClock, log);
    assert.equal((await aclTokenSelf(http))?.accessorId, first.accessor);
    const views = new Inbox<EndpointView>();
    const directory = consulDirectory(http, { clock: systemClock });
    directory.watch(instance.name, (view) => views.put(view));
    assert.equal((await views.next()).freshness, "live");

    writeFileSync(file, second.secret);
    await revoke(first.accessor);
    assert.equal((await aclTokenSelf(http))?.accessorId, second.accessor);
    const registered = await consulRegistration(http, { clock: systemClock }).register(instance);
    const view = await views.next();
    assert.equal(view.error, undefined);
    assert.equal(view.endpoints[0]?.id, "guarded-1");

    writeFileSync(file, "");
    assert.equal((await aclTokenSelf(http))?.accessorId, second.accessor);
    await registered.deregister();
    // That nobody is left is believed once it is confirmed.
    while ((await views.next()).endpoints.length > 0);
    assert.equal(lines.filter(({ msg }) => /holds a new token/.test(msg)).length, 1);
    assert.ok(!lines.some((line) => JSON.stringify(line).includes(second.secret)));
    directory.close();
    http.close();
    rmSync(folder, { recursive: true });
  });

  it("gives each endpoint to who has the permission that our pages name, and to nobody without", async () => {
    if (consul === undefined) return;
    const uri = `spiffe://x.consul/ns/default/dc/dc1/svc/web`;
    const entry = { Kind: "service-defaults", Name: "guarded", Protocol: "tcp" } as const;
    const cases: readonly (readonly [what: string, rules: string, ask: (http: ConsulHttp) => Promise<unknown>])[] = [
      ["a certificate", 'service "guarded" { policy = "write" }', (http) => caLeaf(http, "guarded")],
      [
        "authorize",
        'service "guarded" { policy = "write" }',
        (http) => authorize(http, "guarded", { uri, serialNumber: "1" }),
      ],
      ["a chain", 'service "guarded" { policy = "read" }', (http) => discoveryChain(http, "guarded")],
      [
        "a config entry",
        'service "guarded" { policy = "read" }',
        (http) => getConfigEntry(http, "service-defaults", "guarded"),
      ],
      ["writing one", 'service "guarded" { policy = "write" }', (http) => putConfigEntry(http, entry)],
      [
        "intentions of a service",
        'service "guarded" { policy = "read" }',
        (http) => matchIntentions(http, "destination", "guarded"),
      ],
      [
        "writing an intention",
        'service "guarded" { policy = "read" intentions = "write" }',
        (http) => putIntention(http, { source: "web", destination: "guarded", action: "allow" }),
      ],
      ["who the agent is", 'agent_prefix "" { policy = "read" }', (http) => agentSelf(http)],
      ["maintenance of the node", 'node_prefix "" { policy = "write" }', (http) => endNodeMaintenance(http)],
    ];
    const nothing = await tokenFor("");
    for (const [what, rules, ask] of cases) {
      // First, for a newer agent gives anybody the certificate that it has made for somebody.
      const forbidden = new ConsulHttp({ url: consul.url, token: nothing.secret }, systemClock);
      await assert.rejects(
        ask(forbidden),
        (error) => error instanceof MeshError && error.code === "PERMISSION_DENIED",
        what,
      );
      const allowed = new ConsulHttp({ url: consul.url, token: (await tokenFor(rules)).secret }, systemClock);
      await assert.doesNotReject(ask(allowed), what);
      allowed.close();
      forbidden.close();
    }
    const http = new ConsulHttp({ url: consul.url, token: nothing.secret }, systemClock);
    assert.ok((await caRoots(http)).roots.length > 0);
    assert.equal((await aclTokenSelf(http))?.accessorId, nothing.accessor);
    assert.equal((await consulFeatures(http)).source, "assumed");
    // These are answered, with less.
    const native = await healthConnect(http, "guarded").catch((error: unknown) => error);
    if (native instanceof MeshError) assert.equal(native.code, "PERMISSION_DENIED", "as from 1.16 on");
    else assert.deepEqual(native, []);
    assert.deepEqual(await listIntentions(http), []);
    assert.deepEqual(await catalogNodes(http), []);
    assert.deepEqual(await agentMembers(http), []);
    http.close();
  });

  it("makes a certificate for each token, or for all, as newer ones do", async () => {
    if (consul === undefined) return;
    const root = new ConsulHttp({ url: consul.url, token: ROOT }, systemClock);
    const { version } = await consulFeatures(root);
    root.close();
    const rules = 'service "guarded" { policy = "write" }';
    const leaves = [];
    for (const { secret } of [await tokenFor(rules), await tokenFor(rules)]) {
      const http = new ConsulHttp({ url: consul.url, token: secret }, systemClock);
      leaves.push((await caLeaf(http, "guarded")).serialNumber);
      assert.equal((await caLeaf(http, "guarded")).serialNumber, leaves.at(-1));
      http.close();
    }
    assert.equal(leaves[0] === leaves[1], version.minor > 8);
  });
});
