/** What a caller may have done at a time is bounded by handlers that run, not by calls that are open (CVE-2023-39325). */
import assert from "node:assert/strict";
import { createMesh, type MeshError, nativeTransport } from "@meshwork/sdk";
import { TranslatorService } from "../../../services/gen/translator/v1/translator.mesh.ts";
import { ALONE } from "../../support/greeter-mesh.ts";
import { recordedLog } from "../../support/logs.ts";

const MOST = 3;

describe("handlers that outlive their calls", () => {
  it("count until they have settled, so that cancelling buys no more work", async () => {
    const transport = nativeTransport({ http2: { maxConcurrentStreams: MOST } });
    const mesh = createMesh({ ...ALONE, log: recordedLog().log, transport });
    let release = (): void => {};
    let running = 0;
    let begun = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const server = mesh.server().add(TranslatorService, {
      async translate() {
        running++;
        begun();
        await released;
        return { text: "late" };
      },
      async *listLanguages() {},
    });
    await server.start();
    const target = `static:///127.0.0.1:${server.address.port}`;
    const translator = mesh.client(TranslatorService, { target });
    const refused = async (): Promise<MeshError> =>
      translator.translate({ phrase: "hello" }).then(
        () => assert.fail("the call was served"),
        (error: MeshError) => error,
      );
    for (let call = 0; call < MOST; call++) {
      const caller = new AbortController();
      const started = new Promise<void>((resolve) => (begun = resolve));
      const answer = translator.translate({ phrase: "hello" }, { signal: caller.signal });
      await started;
      caller.abort();
      await assert.rejects(answer, { code: "CANCELLED" });
    }
    assert.equal((await refused()).code, "UNAVAILABLE");
    assert.equal(running, MOST);
    release();
    await released;
    assert.equal((await translator.translate({ phrase: "hello" })).text, "late");
    await mesh.close();
  });

  it("cost nothing when an observer throws: the call has its end", async () => {
    const { log } = recordedLog();
    const broken = Object.assign(Object.create(log) as typeof log, {
      isLevelEnabled: () => {
        throw new Error("a logger's bug");
      },
    });
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    const mesh = createMesh({ ...ALONE, log: broken });
    const server = mesh.server().add(TranslatorService, {
      translate: () => ({ text: "Hallo" }),
      async *listLanguages() {},
    });
    await server.start();
    const target = `static:///127.0.0.1:${server.address.port}`;
    const { text } = await mesh.client(TranslatorService, { target }).translate({ phrase: "hello" });
    assert.equal(text, "Hallo");
    assert.match((await warned).message, /observes calls threw/);
    await mesh.close();
  });
});
