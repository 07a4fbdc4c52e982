import assert from "node:assert/strict";
import { createMesh, MeshError } from "@meshwork/sdk";
import { inMemoryTransport } from "@meshwork/sdk/testing";
import { afterEach, beforeEach, describe, it } from "mocha";
import { systemClock } from "../../../sdk/src/call/clock.ts";
import { TranslatorService } from "../../../services/gen/translator/v1/translator.mesh.ts";
import { translatorHandlers } from "../../../services/translator/src/handlers.ts";
import { Inbox } from "../../support/inbox.ts";
import { recordedLog } from "../../support/logs.ts";
import { ScriptedConsul } from "../consul/scripted-consul.ts";

describe("coordination of a mesh", () => {
  let consul: ScriptedConsul;

  beforeEach(async () => {
    consul = await ScriptedConsul.start();
  });

  afterEach(() => consul.close());

  function meshOf() {
    const { log } = recordedLog();
    return createMesh({ service: "reports", instance: "r-1", consul: { url: consul.url }, admin: false, log });
  }

  it("stands under the name of its process, with a key that a policy can name, and is counted", async () => {
    const mesh = meshOf();
    const lock = mesh.lock("nightly");
    mesh.election("scheduler");
    mesh.semaphore("printers", { limit: 3 });
    assert.equal(consul.waiting, 0);
    const acquired = lock.acquire();
    const open = await consul.next();
    assert.equal((JSON.parse(open.body) as { readonly Name: string }).Name, "lock nightly for reports r-1");
    open.reply(200, '{"ID":"s1"}');
    const attempt = await consul.next();
    const [{ KV }] = JSON.parse(attempt.body) as [{ readonly KV: { readonly Key: string; readonly Value: string } }];
    assert.equal(KV.Key, "meshwork/lock/nightly");
    assert.equal(Buffer.from(KV.Value, "base64").toString(), "reports r-1");
    const entry = { ...KV, Value: null, Flags: 0, CreateIndex: 33, ModifyIndex: 33, LockIndex: 1, Session: "s1" };
    attempt.reply(200, JSON.stringify({ Results: [{ KV: entry }], Errors: null }));
    const { token } = await acquired;
    assert.equal(token, 33);
    const counted = await mesh.registry.metrics();
    assert.match(counted, /^mesh_coordination_held\{kind="lock",name="nightly"\} 1$/m);
    const closed = mesh.close();
    const asked: string[] = [];
    for (let answered = 0; answered < 2;) {
      const request = await consul.next();
      if (request.method === "GET") continue;
      asked.push(`${request.path}?${request.query.toString()}`);
      request.reply(200, "true");
      answered++;
    }
    await closed;
    assert.deepEqual(asked, ["/v1/kv/meshwork/lock/nightly?release=s1", "/v1/session/destroy/s1?"]);
  });

  it("is still to be had by a handler that finishes its call while its mesh closes", async () => {
    const { log } = recordedLog();
    const mesh = createMesh({
      consul: { url: consul.url },
      transport: inMemoryTransport({ clock: systemClock }),
      registration: false,
      admin: false,
      handleSignals: false,
      drain: { propagationMs: 0 },
      log,
    });
    const calls = new Inbox<() => void>();
    const server = await mesh
      .server()
      .add(TranslatorService, {
        ...translatorHandlers("one"),
        async translate() {
          await new Promise<void>((resolve) => calls.put(resolve));
          return { text: mesh.lock("nightly").name };
        },
      })
      .start();
    const translator = mesh.client(TranslatorService, { target: `static:///127.0.0.1:${server.address.port}` });
    const answer = translator.translate({ phrase: "hello" });
    const finish = await calls.next();
    const closed = mesh.close();
    finish();
    assert.equal((await answer).text, "nightly");
    await closed;
  });

  it("is not to be had from a mesh that has closed", async () => {
    const mesh = meshOf();
    const before = mesh.lock("nightly");
    await mesh.close();
    const closed = (error: unknown): boolean => error instanceof MeshError && error.code === "FAILED_PRECONDITION";
    assert.throws(() => mesh.lock("nightly"), closed);
    assert.throws(() => mesh.election("nightly"), closed);
    assert.throws(() => mesh.semaphore("nightly", { limit: 1 }), closed);
    assert.throws(() => mesh.settings("config/nightly", { a: { default: 1 } }), closed);
    await assert.rejects(before.acquire(), closed);
  });
});
