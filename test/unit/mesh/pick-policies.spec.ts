/** Balancing as users choose it: by name, by a policy of their own, and by what calls have in common. */
import assert from "node:assert/strict";
import { createMesh, type Mesh, type MeshOptions, type PickPolicyFactory, ringHash } from "@meshwork/sdk";
import { TranslatorService } from "../../../services/gen/translator/v1/translator.mesh.ts";
import { ALONE } from "../../support/greeter-mesh.ts";
import { recordedLog } from "../../support/logs.ts";

const SERVERS = 4;

/** Translators that answer with their number. */
async function serving(options: MeshOptions): Promise<{ readonly mesh: Mesh; readonly target: string }> {
  const mesh = createMesh({ ...ALONE, log: recordedLog().log, ...options });
  const ports: number[] = [];
  for (let number = 0; number < SERVERS; number++) {
    const server = mesh.server().add(TranslatorService, {
      translate: async () => ({ text: String(number) }),
      async *listLanguages() {
        yield { code: String(number) };
      },
    });
    await server.start();
    ports.push(server.address.port);
  }
  return { mesh, target: `static:///${ports.map((port) => `127.0.0.1:${port}`).join(",")}` };
}

/** With a client of all of them. */
async function fleet(options: MeshOptions) {
  const { mesh, target } = await serving(options);
  return { mesh, translator: mesh.client(TranslatorService, { target }) };
}

type Fleet = Awaited<ReturnType<typeof fleet>>;

async function translated({ translator }: Fleet, phrase: string): Promise<string> {
  return (await translator.translate({ phrase })).text;
}

async function streamed({ translator }: Fleet, tenant: string): Promise<string> {
  for await (const { code } of translator.listLanguages({}, { metadata: { tenant } })) return code;
  return "nobody";
}

/** Who answers each key, once every server is connected and the answers no longer change. */
async function whoAnswers(keys: readonly string[], call: (key: string) => Promise<string>): Promise<string[]> {
  let before: string[] = [];
  for (;;) {
    const now = await Promise.all(keys.map(call));
    if (new Set(now).size === SERVERS && now.join() === before.join()) return now;
    before = now;
  }
}

async function closing<T>(mesh: Mesh, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    await mesh.close();
  }
}

describe("the pick policy that a user chooses", () => {
  it("may be their own, by its name", async () => {
    const asked: number[] = [];
    const last: PickPolicyFactory = () => ({
      name: "last",
      pick(ready) {
        asked.push(ready.length);
        return ready.at(-1)!;
      },
    });
    const translators = await fleet({ pickPolicies: { last }, balancing: "last" });
    await closing(translators.mesh, async () => {
      for (const phrase of ["one", "two"]) await translated(translators, phrase);
      assert.equal(asked.length, 2);
    });
  });

  it("must be one that there is, at the mesh and at each client and channel", async () => {
    const wrong = /balancing: there is no pick policy "best": write one of p2c, .*, or add it to pickPolicies/;
    assert.throws(() => createMesh({ balancing: "best" }), wrong);
    const mesh = createMesh({ ...ALONE, log: recordedLog().log });
    await closing(mesh, async () => {
      assert.throws(() => mesh.client(TranslatorService, { balancing: "best" }), wrong);
      assert.throws(() => mesh.channel("static:///127.0.0.1:1", { balancing: "best" }), wrong);
    });
  });

  it("can be a method's own, by configuration or contract, which a client's own choice goes before", async () => {
    const method = "translator.v1.TranslatorService/Translate";
    const { mesh, target } = await serving({ policies: { [method]: { balancing: "maglev" } } });
    await closing(mesh, async () => {
      const policies = (): string[] => mesh.explain(target).map(({ policy }) => policy);
      mesh.client(TranslatorService, { target });
      assert.deepEqual(policies().sort(), ["maglev", "p2c"]);
      mesh.client(TranslatorService, { target, balancing: "random" });
      assert.deepEqual(policies().sort(), ["maglev", "p2c", "random"]);
      const { listLanguages, ...others } = TranslatorService.methods;
      const policy = { ...listLanguages!.policy, balancing: "least_request" };
      const methods = { ...others, listLanguages: { ...listLanguages!, policy } };
      mesh.client({ ...TranslatorService, methods }, { target });
      assert.deepEqual(policies().sort(), ["least_request", "maglev", "p2c", "random"]);
      const channel = mesh.channel(target, { contracts: [{ ...TranslatorService, methods }] });
      assert.equal(channel.getTarget(), target);
    });
  });

  it("of a method must be one that there is, and cannot be changed for a call", async () => {
    const method = "translator.v1.TranslatorService/Translate";
    const { mesh, target } = await serving({ policies: { [method]: { balancing: "best" } } });
    await closing(mesh, async () => {
      const wrong = /balancing of translator\.v1\.TranslatorService\/Translate: there is no pick policy "best"/;
      assert.throws(() => mesh.client(TranslatorService, { target }), wrong);
      assert.throws(() => mesh.channel(target, { contracts: [TranslatorService] }), wrong);
      const translator = mesh.client(TranslatorService, { target, balancing: "p2c" });
      await assert.rejects(translator.translate({ phrase: "x" }, { policy: { balancing: "maglev" } }), {
        code: "INVALID_ARGUMENT",
        message:
          /call of translator\.v1\.TranslatorService\/Translate cannot choose its balancing: give it to mesh\.client\(\)/,
      });
    });
  });

  it("sends calls that have the same key to one endpoint when it hashes", async () => {
    const translators = await fleet({
      balancing: "sticky",
      pickPolicies: { sticky: ringHash() },
      policies: {
        "translator.v1.TranslatorService/Translate": { hashKey: "phrase" },
        "translator.v1.TranslatorService/ListLanguages": { hashKey: "metadata:tenant" },
      },
    });
    await closing(translators.mesh, async () => {
      const keys = Array.from({ length: 32 }, (_, number) => `key ${number}`);
      const byField = await whoAnswers(keys, (phrase) => translated(translators, phrase));
      const byMetadata = await whoAnswers(keys, (tenant) => streamed(translators, tenant));
      assert.deepEqual(byMetadata, byField);
    });
  });
});
