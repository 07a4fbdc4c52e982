/** The proxy that the chaos suite breaks answers with breaks them in the way it says, or the suite proves nothing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { UnkindProxy } from "../support/unkind-proxy.ts";

const BODY = "x".repeat(2_000);
/** Of a whole answer, whose head is about 150 bytes, and of nothing at all. */
const SOON_MS = 300;
const SLOW_BYTES_PER_SECOND = 10_000;

describe("the unkind proxy", () => {
  let server: Server;
  let proxy: UnkindProxy;
  let agent: Agent;
  let url: string;

  before(async () => {
    server = createServer((_request, response) => response.end(BODY)).listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  after(() => server.close());

  beforeEach(async () => {
    proxy = new UnkindProxy("127.0.0.1", (server.address() as AddressInfo).port);
    url = await proxy.listen();
    agent = new Agent({ keepAlive: true });
  });

  afterEach(async () => {
    agent.destroy();
    await proxy.close();
  });

  /** What came of the body, and how it ended. */
  async function ask(): Promise<{ readonly text: string; readonly end: string }> {
    let text = "";
    try {
      const request = get(url, { agent });
      // A reset after the head is told twice: by the response, which is listened to below, and by the request.
      request.on("error", () => undefined);
      const [response] = (await once(request, "response")) as [IncomingMessage];
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      await once(response, "end");
      return { text, end: "complete" };
    } catch (error) {
      return { text, end: (error as NodeJS.ErrnoException).code ?? String(error) };
    }
  }

  async function isSilent(asked: Promise<unknown>): Promise<boolean> {
    const silence = new Promise<"silence">((resolve) => setTimeout(resolve, SOON_MS, "silence"));
    return (await Promise.race([asked, silence])) === "silence";
  }

  it("passes answers on when there is no trouble", async () => {
    assert.deepEqual(await ask(), { text: BODY, end: "complete" });
    assert.deepEqual(await ask(), { text: BODY, end: "complete" });
  });

  it("cuts every body in the middle, by an end and by a reset", async () => {
    proxy.make({ kind: "truncate" });
    for (let time = 0; time < 4; time++) {
      const { text, end } = await ask();
      assert.ok(text.length < BODY.length, `${text.length} bytes`);
      assert.equal(end, "ECONNRESET");
    }
    assert.equal(proxy.made.truncate, 4);
    proxy.make({ kind: "none" });
    assert.equal((await ask()).end, "complete");
  });

  it("slows answers to bytes a second, and lets go of what it held when that is over", async () => {
    proxy.make({ kind: "slow", bytesPerSecond: SLOW_BYTES_PER_SECOND });
    const askedAt = performance.now();
    assert.equal((await ask()).text, BODY);
    const tookMs = performance.now() - askedAt;
    assert.ok(tookMs > (900 * BODY.length) / SLOW_BYTES_PER_SECOND, `${tookMs} ms`);
    proxy.make({ kind: "slow", bytesPerSecond: 10 });
    const asked = ask();
    assert.ok(await isSilent(asked), "it was answered");
    proxy.make({ kind: "none" });
    assert.deepEqual(await asked, { text: BODY, end: "complete" });
  });

  it("holds everything, on connections there are and on new ones, until that is over", async () => {
    await ask();
    proxy.make({ kind: "hang" });
    const asked = [ask(), ask()];
    assert.ok(await isSilent(Promise.race(asked)), "one was answered");
    assert.ok(proxy.made.hang > 0);
    proxy.make({ kind: "none" });
    for (const { end } of await Promise.all(asked)) assert.equal(end, "complete");
  });

  it("resets connections, those there are and new ones", async () => {
    await ask();
    proxy.make({ kind: "reset" });
    assert.equal((await ask()).end, "ECONNRESET");
    assert.equal((await ask()).end, "ECONNRESET");
    proxy.make({ kind: "none" });
    assert.equal((await ask()).end, "complete");
  });
});
