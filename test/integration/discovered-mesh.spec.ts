/** A greeter found, balanced and left through each registry: our agent, and a real Consul where there is one. */
import assert from "node:assert/strict";
import { startAgent } from "@meshwork/agent";
import { createMesh, type MeshOptions } from "@meshwork/sdk";
import { TranslatorService } from "../../services/gen/translator/v1/translator.mesh.ts";
import { translatorHandlers } from "../../services/translator/src/handlers.ts";
import { ALONE } from "../support/greeter-mesh.ts";
import { recordedLog } from "../support/logs.ts";
import { failure } from "../support/mesh-error.ts";
import { findConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

interface Registry {
  readonly url: string;
  close(): Promise<void>;
}

function suite(name: string, start: () => Promise<Registry>): void {
  describe(`a mesh on ${name}`, () => {
    let registry: Registry;
    before(async () => {
      registry = await start();
    });
    after(() => registry.close());

    /** A mesh of its own, as another process would be. */
    const process = (instance: string, options: MeshOptions = {}) => {
      const { registration: _registration, ...rest } = ALONE;
      return createMesh({ ...rest, instance, log: recordedLog().log, consul: { url: registry.url }, ...options });
    };
    const translator = (instance: string) => {
      const mesh = process(instance, { zone: "z1", version: "1.2.3", drain: { propagationMs: 200, graceMs: 1000 } });
      const server = mesh.server().add(TranslatorService, translatorHandlers(instance));
      return { mesh, server };
    };

    it("finds instances that come, calls each of them, and leaves those that go without a failed call", async () => {
      const client = process("client");
      const calls = client.client(TranslatorService);
      const missing = await failure(calls.translate({ phrase: "hello" }));
      assert.equal(missing.code, "UNAVAILABLE");
      assert.match(missing.message, /no healthy instance of consul:\/\/\/translator is registered/);

      const first = translator("one");
      const second = translator("two");
      await first.server.start();
      await second.server.start();
      const seen = new Set<string>();
      for (let call = 0; seen.size < 2; call++) {
        assert.ok(call < 5000, `only ${[...seen].join()} answered`);
        try {
          seen.add((await calls.translate({ phrase: "hello" })).instance);
        } catch (error) {
          // The first view may still be on its way.
          assert.equal(seen.size, 0, String(error));
          await new Promise((resolve) => setImmediate(resolve));
        }
      }

      const failures: unknown[] = [];
      const leaving = { done: false };
      const load = (async () => {
        while (!leaving.done)
          await calls.translate({ phrase: "hello" }).catch((error: unknown) => failures.push(error));
      })();
      await first.mesh.close();
      leaving.done = true;
      await load;
      assert.deepEqual(failures, []);
      for (let call = 0; call < 20; call++) assert.equal((await calls.translate({ phrase: "hello" })).instance, "two");
      await second.mesh.close();
      await client.close();
    });

    it("picks by the policy that Consul chooses, unless the program does", async () => {
      const { log, says } = recordedLog();
      const server = translator("four");
      await server.server.start();
      const client = process("client", { log });
      const configure = (how: object) => {
        const entry = { Kind: "service-resolver", Name: "translator", ...how };
        return fetch(`${registry.url}/v1/config`, { method: "PUT", body: JSON.stringify(entry) });
      };
      const chosen = says(/^pick policy is now prequal: Consul chooses it$/);
      assert.ok((await configure({ Meta: { "meshwork-balancing": "prequal" } })).ok);
      const calls = client.client(TranslatorService);
      const own = client.client(TranslatorService, { balancing: "random" });
      await chosen;
      await calls.translate({ phrase: "hello" });
      await own.translate({ phrase: "hello" });
      const policies = (): (readonly [string, string | undefined])[] =>
        client.explain("translator").map(({ policy, chosenBy }) => [policy, chosenBy] as const);
      assert.deepEqual(policies(), [
        ["prequal", "consul"],
        ["random", undefined],
      ]);

      const refused = says(/^service-resolver translator: there is no pick policy "best"/);
      const back = says(/^pick policy is now p2c: Consul chooses none$/);
      assert.ok((await configure({ Meta: { "meshwork-balancing": "best" } })).ok);
      await Promise.all([refused, back]);
      assert.deepEqual(policies()[0], ["p2c", undefined]);

      const envoys = { Policy: "ring_hash", RingHashConfig: { MinimumRingSize: 2048 } };
      const listened = says(/^pick policy is now ring_hash: Consul chooses it$/);
      const unread = says(/only LoadBalancer\.Policy is followed: RingHashConfig has no effect$/);
      const reply = await configure({ LoadBalancer: envoys });
      // 1.8 does not know it.
      if (reply.ok) await Promise.all([listened, unread]);
      else assert.match(await reply.text(), /invalid config key "LoadBalancer"/);
      await calls.translate({ phrase: "hello" });

      const again = says(/^pick policy is now prequal: Consul chooses it$/);
      assert.ok((await configure({ Meta: { "meshwork-balancing": "prequal" } })).ok);
      await again;
      const given = says(/^pick policy is now p2c: Consul chooses none$/);
      await fetch(`${registry.url}/v1/config/service-resolver/translator`, { method: "DELETE" });
      await given;
      assert.deepEqual(policies()[0], ["p2c", undefined]);
      await client.close();
      await server.mesh.close();
    });

    it("lets Consul choose where nobody nearer does, also for clients of grpc-js, and can leave it out", async () => {
      const put = await fetch(`${registry.url}/v1/config`, {
        method: "PUT",
        body: JSON.stringify({
          Kind: "service-resolver",
          Name: "translator",
          Meta: { "meshwork-balancing": "prequal" },
        }),
      });
      assert.ok(put.ok);
      // A log each: of two that share one, the first to hear would speak for both.
      const [logged, later] = [recordedLog(), recordedLog()];
      const chosen = [logged, later].map(({ says }) => says(/^pick policy is now prequal/));
      const translate = { "translator.v1.TranslatorService/Translate": { balancing: "least_request" } } as const;
      const [plain, configured, ignoring] = [
        process("plain", { log: logged.log }),
        process("configured", { policies: translate }),
        process("ignoring", { discovery: { policies: "ignore" } }),
      ];
      plain.channel("translator");
      configured.client(TranslatorService);
      // One that follows beside one that does not: what the first has heard, the other could have.
      const heard = process("heard", { log: later.log });
      ignoring.client(TranslatorService);
      heard.client(TranslatorService);
      await Promise.all(chosen);
      const policyOf = (mesh: typeof plain) => mesh.explain("translator").map(({ policy }) => policy);
      assert.deepEqual(policyOf(plain), ["prequal"]);
      assert.ok(policyOf(configured).includes("least_request"));
      assert.ok(policyOf(ignoring).every((policy) => policy === "p2c"));
      await fetch(`${registry.url}/v1/config/service-resolver/translator`, { method: "DELETE" });
      await Promise.all([plain, configured, ignoring, heard].map((mesh) => mesh.close()));
    });

    it("registers what operators look for: zone, version, a passing check and the admin address", async () => {
      const mesh = process("three", { zone: "z1", version: "1.2.3", admin: { port: 0 } });
      await mesh.server().add(TranslatorService, translatorHandlers("three")).start();
      const reply = await fetch(`${registry.url}/v1/health/service/translator?passing=1`);
      const [entry] = (await reply.json()) as { Service: { ID: string; Meta: Record<string, string> } }[];
      assert.equal(entry?.Service.ID, "translator-three");
      assert.equal(entry?.Service.Meta["zone"], "z1");
      assert.equal(entry?.Service.Meta["version"], "1.2.3");
      const ready = await fetch(`http://${entry?.Service.Meta["admin"]}/readyz`);
      assert.equal(ready.status, 200);
      const metrics = await (await fetch(`http://${entry?.Service.Meta["admin"]}/metrics`)).text();
      assert.match(metrics, /mesh_registration_state\{[^}]*translator-three[^}]*"registered"\} 1/);
      await mesh.close();
      const after = await fetch(`${registry.url}/v1/health/service/translator`);
      assert.deepEqual(await after.json(), []);
    });
  });
}

suite("our agent", () => startAgent());

describe("a policy that Consul chose", () => {
  it("holds while nobody can be asked, and goes when somebody is there who does not choose it", async () => {
    const agent = await startAgent();
    const entry = { Kind: "service-resolver", Name: "translator", Meta: { "meshwork-balancing": "prequal" } };
    await fetch(`${agent.url}/v1/config`, { method: "PUT", body: JSON.stringify(entry) });
    const { log, says } = recordedLog();
    const { registration: _registration, ...rest } = ALONE;
    await using mesh = createMesh({ ...rest, log, consul: { url: agent.url } });
    const policy = () => mesh.explain("translator").map(({ policy, chosenBy }) => [policy, chosenBy]);
    const chosen = says(/^pick policy is now prequal/);
    mesh.client(TranslatorService);
    await chosen;
    const lost = says(/^what Consul chooses of pick policies cannot be read$/);
    await agent.close();
    await lost;
    assert.deepEqual(policy(), [["prequal", "consul"]]);
    const given = says(/^pick policy is now p2c: Consul chooses none$/);
    await using _empty = await startAgent({ port: Number(new URL(agent.url).port) });
    await given;
    assert.deepEqual(policy(), [["p2c", undefined]]);
  });
});

const consul = findConsul();
if (consul === undefined) sayNotRun("a mesh on a real Consul");
else suite("a real Consul", () => startConsul());
