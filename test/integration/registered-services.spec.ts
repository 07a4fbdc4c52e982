/**
 * What a process registers, on our agent and on a real Consul: several services of one mesh, which come and go together, and
 * services on IPv6.
 */
import assert from "node:assert/strict";
import { startAgent } from "@meshwork/agent";
import { createMesh, type Mesh, type MeshOptions } from "@meshwork/sdk";
import { after, before, describe, it } from "mocha";
import { GreeterService } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { TranslatorService } from "../../services/gen/translator/v1/translator.mesh.ts";
import { greeterHandlers } from "../../services/greeter/src/handlers.ts";
import { translatorHandlers } from "../../services/translator/src/handlers.ts";
import { versionOf } from "../support/consul-version.ts";
import { ALONE } from "../support/greeter-mesh.ts";
import { hasIPv6 } from "../support/has-ipv6.ts";
import { recordedLog } from "../support/logs.ts";
import { failure } from "../support/mesh-error.ts";
import { findConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

interface Registry {
  readonly url: string;
  close(): Promise<void>;
}

interface Listed {
  readonly Service: { readonly ID: string; readonly Address: string; readonly Port: number };
  readonly Checks: readonly { readonly CheckID: string; readonly Status: string }[];
}

/** A mesh of its own, as another process would be. */
function meshOn(registry: Registry, instance: string, options: MeshOptions = {}): Mesh {
  const { registration: _registration, ...rest } = ALONE;
  return createMesh({ ...rest, instance, log: recordedLog().log, consul: { url: registry.url }, ...options });
}

async function listed(registry: Registry, name: string, headers: Record<string, string> = {}): Promise<Listed[]> {
  const reply = await fetch(`${registry.url}/v1/health/service/${name}`, { headers });
  assert.equal(reply.status, 200);
  return (await reply.json()) as Listed[];
}

function suite(name: string, start: () => Promise<Registry>): void {
  describe(`services of one process on ${name}`, () => {
    let registry: Registry;
    before(async function () {
      this.timeout(60_000);
      registry = await start();
    });
    after(() => registry.close());

    it("are registered both, called both, and leave together without a failed call", async () => {
      const mesh = meshOn(registry, "both", { drain: { propagationMs: 300, graceMs: 2_000 } });
      const translator = mesh.client(TranslatorService);
      const server = mesh
        .server()
        .add(TranslatorService, translatorHandlers("both"))
        .add(GreeterService, greeterHandlers(translator, "both"));
      await server.start();
      for (const service of ["greeter", "translator"]) {
        const [entry, ...others] = await listed(registry, service);
        assert.equal(others.length, 0);
        assert.equal(entry?.Service.ID, `${service}-both`);
        assert.equal(entry.Service.Port, server.address.port);
        const own = entry.Checks.filter(({ CheckID }) => CheckID !== "serfHealth");
        assert.deepEqual(own, [{ ...own[0], CheckID: `service:${service}-both`, Status: "passing" }]);
      }

      // A second instance of both takes over when the first leaves.
      const heir = meshOn(registry, "heir");
      const heirs = heir.client(TranslatorService);
      await heir
        .server()
        .add(TranslatorService, translatorHandlers("heir"))
        .add(GreeterService, greeterHandlers(heirs, "heir"))
        .start();
      const client = meshOn(registry, "client");
      const translators = client.client(TranslatorService);
      const greeters = client.client(GreeterService);
      const answered = { translator: new Set<string>(), greeter: new Set<string>() };
      while (answered.translator.size < 2 || answered.greeter.size < 2) {
        answered.translator.add((await translators.translate({ phrase: "hello" })).instance);
        answered.greeter.add((await greeters.sayHello({ name: "Ada" })).instance);
      }

      const failures: unknown[] = [];
      const leaving = { done: false };
      const keepCalling = async (call: () => Promise<unknown>): Promise<void> => {
        while (!leaving.done) await call().catch((error: unknown) => failures.push(error));
      };
      const load = Promise.all([
        keepCalling(() => translators.translate({ phrase: "hello" })),
        keepCalling(() => greeters.sayHello({ name: "Ada" })),
      ]);
      await mesh.close();
      leaving.done = true;
      await load;
      assert.deepEqual(failures, []);
      for (const service of ["greeter", "translator"]) {
        const ids = (await listed(registry, service)).map(({ Service }) => Service.ID);
        assert.deepEqual(ids, [`${service}-heir`]);
      }
      await Promise.all([heir.close(), client.close()]);
    });

    it("on two servers are at two ports, and one server leaves without the other", async () => {
      const mesh = meshOn(registry, "pair");
      const first = mesh.server().add(TranslatorService, translatorHandlers("pair"));
      const second = mesh.server().add(TranslatorService, translatorHandlers("pair"));
      await first.start();
      await second.start();
      const ports = async (): Promise<number[]> =>
        (await listed(registry, "translator")).map(({ Service }) => Service.Port).sort((a, b) => a - b);
      const { port } = second.address;
      assert.deepEqual(
        await ports(),
        [first.address.port, port].sort((a, b) => a - b),
      );
      await first.stop();
      assert.deepEqual(await ports(), [port]);
      await mesh.close();
      assert.deepEqual(await ports(), []);
    });

    it("of two meshes that call themselves the same are two instances, and one leaves without the other", async () => {
      const [first, second] = [meshOn(registry, "twin"), meshOn(registry, "twin")];
      await first.server().add(TranslatorService, translatorHandlers("twin")).start();
      const server = await second.server().add(TranslatorService, translatorHandlers("twin")).start();
      const ids = async (): Promise<string[]> =>
        (await listed(registry, "translator")).map(({ Service }) => Service.ID).sort();
      const { port } = server.address;
      assert.deepEqual(await ids(), ["translator-twin", `translator-twin-${port}`]);
      await first.close();
      assert.deepEqual(await ids(), [`translator-twin-${port}`]);
      await second.close();
      assert.deepEqual(await ids(), []);
    });

    it("on IPv6 are registered and called there, over a registry that listens there or not", async function () {
      if (!(await hasIPv6())) {
        console.log("      not run: this machine has no IPv6");
        return;
      }
      const mesh = meshOn(registry, "six");
      const server = mesh.server({ host: "::1" }).add(TranslatorService, translatorHandlers("six"));
      await server.start();
      const [entry] = await listed(registry, "translator");
      assert.deepEqual([entry?.Service.Address, entry?.Service.Port], ["::1", server.address.port]);
      const client = meshOn(registry, "caller");
      const { instance } = await client.client(TranslatorService).translate({ phrase: "hello" });
      assert.equal(instance, "six");
      await mesh.close();
      assert.deepEqual(await listed(registry, "translator"), []);
      await client.close();
    });
  });
}

suite("our agent", () => startAgent());

if (findConsul() === undefined) {
  describe("services of one process on a real Consul", () => {
    it("are tested where there is one", () => sayNotRun("services of one process"));
  });
} else {
  suite("a real Consul", () => startConsul());
  refusedByConsul();
}

describe("a mesh whose registry is on IPv6", () => {
  it("registers there and finds there", async function () {
    if (!(await hasIPv6())) {
      console.log("      not run: this machine has no IPv6");
      return;
    }
    await using agent = await startAgent({ host: "::1" });
    assert.equal(agent.url, `http://[::1]:${agent.port}`);
    const mesh = meshOn(agent, "six");
    await mesh.server({ host: "::1" }).add(TranslatorService, translatorHandlers("six")).start();
    const { instance } = await mesh.client(TranslatorService).translate({ phrase: "hello" });
    assert.equal(instance, "six");
    await mesh.close();
  });
});

function refusedByConsul(): void {
  const root = "5ca1ab1e-0000-4000-8000-000000000000";
  const asRoot = { "X-Consul-Token": root };

  describe("two services of which a Consul refuses one", () => {
    it("are both not registered, and the server says which permission it lacks", async function () {
      this.timeout(60_000);
      const binary = findConsul() ?? "";
      const tokens = `${versionOf(binary).rootToken} = "${root}", agent = "${root}"`;
      const hcl = `acl { enabled = true, default_policy = "deny", tokens { ${tokens} } }`;
      const consul = await startConsul({ args: ["-hcl", hcl], token: root });
      try {
        const put = async (path: string, body: object): Promise<Record<string, string>> => {
          const reply = await fetch(`${consul.url}${path}`, {
            method: "PUT",
            body: JSON.stringify(body),
            headers: asRoot,
          });
          assert.equal(reply.status, 200);
          return (await reply.json()) as Record<string, string>;
        };
        const Rules = 'service "translator" { policy = "write" } node_prefix "" { policy = "read" }';
        const { Name } = await put("/v1/acl/policy", { Name: "half", Rules });
        const { SecretID = "" } = await put("/v1/acl/token", { Policies: [{ Name }] });
        const mesh = meshOn(consul, "half", { consul: { url: consul.url, token: SecretID } });
        const server = mesh
          .server()
          .add(TranslatorService, translatorHandlers("half"))
          .add(GreeterService, greeterHandlers(mesh.client(TranslatorService), "half"));
        const { code, message } = await failure(server.start());
        assert.equal(code, "PERMISSION_DENIED");
        assert.match(message, /greeter/);
        for (const service of ["translator", "greeter"]) {
          assert.deepEqual(await listed(consul, service, asRoot), []);
        }
        await mesh.close();
      } finally {
        await consul.close();
      }
    });
  });
}
