import assert from "node:assert/strict";
import { createMesh } from "@meshwork/sdk";
import { inMemoryTransport, VirtualClock } from "@meshwork/sdk/testing";
import { TranslatorService } from "../../../services/gen/translator/v1/translator.mesh.ts";
import { translatorHandlers } from "../../../services/translator/src/handlers.ts";
import { recordedLog } from "../../support/logs.ts";
import { failure } from "../../support/mesh-error.ts";

describe("a mesh in memory, as users' tests have it", () => {
  it("makes calls without a socket, and lets deadlines pass in no time", async () => {
    const clock = new VirtualClock();
    const transport = inMemoryTransport({ clock });
    const options = { transport, clock, registration: false, admin: false, handleSignals: false } as const;
    const mesh = createMesh({ ...options, log: recordedLog().log, drain: { propagationMs: 0, graceMs: 0 } });
    let reply = true;
    const server = await mesh
      .server({ port: 50051 })
      .add(TranslatorService, {
        ...translatorHandlers("one"),
        translate: () => (reply ? { text: "Hallo" } : new Promise(() => {})),
      })
      .start();
    const translator = mesh.client(TranslatorService, { target: `static:///127.0.0.1:${server.address.port}` });
    const first = translator.translate({ phrase: "hello" });
    await clock.advanceAsync(0);
    assert.equal((await first).text, "Hallo");

    reply = false;
    const late = failure(translator.translate({ phrase: "hello" }));
    await clock.advanceAsync(500);
    assert.equal((await late).code, "DEADLINE_EXCEEDED");
    const closing = mesh.close();
    await clock.advanceAsync(1);
    await closing;
  });

  it("gives a second server of one service an id of its own", async () => {
    const ids: string[] = [];
    const registration = {
      register: async ({ id }: { id: string }) => {
        ids.push(id);
        return { deregister: async () => {} };
      },
    };
    const mesh = createMesh({
      registration,
      instance: "i",
      admin: false,
      handleSignals: false,
      log: recordedLog().log,
      drain: { propagationMs: 0, graceMs: 0 },
    });
    await mesh.server().add(TranslatorService, translatorHandlers("one")).start();
    const second = await mesh.server().add(TranslatorService, translatorHandlers("two")).start();
    assert.deepEqual(ids, ["translator-i", `translator-i-${second.address.port}`]);
    await mesh.close();
  });
});
