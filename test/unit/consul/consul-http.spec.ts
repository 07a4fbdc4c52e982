import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { ScriptedConsul } from "./scripted-consul.ts";

const SELF = { method: "GET", path: "/agent/self" } as const;

describe("an exchange with Consul", () => {
  let clock: VirtualClock;
  let consul: ScriptedConsul;
  let http: ConsulHttp;

  beforeEach(async () => {
    clock = new VirtualClock();
    consul = await ScriptedConsul.start();
    http = new ConsulHttp({ url: consul.url }, clock);
  });

  afterEach(async () => {
    http.close();
    await consul.close();
    assert.equal(clock.pending, 0, "a timer is left");
  });

  it("gives status, headers and text, whatever the status", async () => {
    for (const status of [200, 404, 500]) {
      const reply = http.exchange(SELF);
      (await consul.next()).reply(status, "not { json", { "X-Consul-Index": "7", "Content-Type": "application/json" });
      const got = await reply;
      assert.ok(got.answered);
      assert.equal(got.status, status);
      assert.equal(got.text, "not { json");
      assert.equal(got.headers["x-consul-index"], "7");
    }
  });

  it("gives an empty text for an empty body", async () => {
    const reply = http.exchange(SELF);
    (await consul.next()).reply(429);
    const got = await reply;
    assert.ok(got.answered);
    assert.equal(got.text, "");
  });

  it("sends path, query, JSON body, token, scope and basic authentication", async () => {
    const options = { url: consul.url, token: "secret", basicAuth: "user:pass", namespace: "team", partition: "part" };
    const other = new ConsulHttp(options, clock);
    const body = { Name: "grüße {x}" };
    const reply = other.exchange({ method: "PUT", path: "/kv/a%2Fb%20%7Bc%7D", query: { cas: "1", stale: "" }, body });
    const asked = await consul.next();
    asked.reply(200);
    await reply;
    other.close();
    assert.equal(asked.method, "PUT");
    assert.equal(asked.path, "/v1/kv/a%2Fb%20%7Bc%7D");
    assert.equal(asked.query.toString(), "ns=team&partition=part&cas=1&stale=");
    assert.deepEqual(JSON.parse(asked.body), body);
    assert.equal(asked.headers["x-consul-token"], "secret");
    assert.equal(asked.headers["authorization"], `Basic ${Buffer.from("user:pass").toString("base64")}`);
    assert.equal(asked.headers["user-agent"], "meshwork");
  });

  it("says at once that an answer broke off midway", async () => {
    const reply = http.exchange(SELF);
    (await consul.next()).truncate();
    const got = await reply;
    assert.ok(!got.answered);
    assert.equal(got.why, "ECONNRESET");
    assert.equal(got.error.code, "UNAVAILABLE");
  });

  it("gives up on an answer that does not come in time, and says how long it waited", async () => {
    const reply = http.exchange({ ...SELF, timeoutMs: 3_000 });
    const asked = await consul.next();
    clock.advance(2_999);
    assert.equal(clock.pending, 1);
    clock.advance(1);
    const got = await reply;
    assert.ok(!got.answered);
    assert.equal(got.why, "TIMEOUT");
    assert.match(got.error.message, /did not answer \(not within 3000 ms\)/);
    await asked.gone;
  });

  it("gives up on an answer that began and hangs", async () => {
    const hanging = createServer(
      (_request, response) => void response.writeHead(200, { "Content-Length": "9" }).write("["),
    );
    hanging.listen(0, "127.0.0.1");
    await once(hanging, "listening");
    const other = new ConsulHttp({ url: `http://127.0.0.1:${(hanging.address() as { port: number }).port}` }, clock);
    const reply = other.exchange(SELF);
    await once(hanging, "request");
    clock.advance(10_000);
    const got = await reply;
    assert.ok(!got.answered && got.why === "TIMEOUT");
    other.close();
    hanging.closeAllConnections();
    hanging.close();
    await once(hanging, "close");
  });

  it("ends when its signal aborts, before and during the request", async () => {
    const stop = new AbortController();
    const reply = http.exchange({ ...SELF, signal: stop.signal });
    const asked = await consul.next();
    stop.abort();
    for (const got of [await reply, await http.exchange({ ...SELF, signal: stop.signal })]) {
      assert.ok(!got.answered);
      assert.equal(got.error.code, "CANCELLED");
    }
    await asked.gone;
  });

  it("says what to do when nobody listens", async () => {
    await consul.close();
    const got = await http.exchange(SELF);
    assert.ok(!got.answered);
    assert.equal(got.why, "ECONNREFUSED");
    assert.ok(got.error instanceof MeshError);
    assert.equal(
      got.error.reason,
      `consul at ${consul.url} did not answer (ECONNREFUSED): start one (on a laptop: npx mesh agent), or set CONSUL_HTTP_ADDR`,
    );
  });

  it("sends again what a connection closed while idle has swallowed, once", async () => {
    const reply = http.request(SELF);
    (await consul.next()).breakOff();
    (await consul.next()).reply(200, "{}");
    assert.equal((await reply).status, 200);

    const lost = http.request(SELF);
    (await consul.next()).breakOff();
    (await consul.next()).breakOff();
    await assert.rejects(lost, (error) => error instanceof MeshError && error.code === "UNAVAILABLE");
    assert.equal(consul.waiting, 0);
  });

  it("ends everything on close, idle connections too, and refuses what comes later", async () => {
    const [first, second] = [http.exchange(SELF), http.exchange(SELF)];
    (await consul.next()).reply(200);
    const asked = await consul.next();
    await first;
    http.close();
    const got = await second;
    assert.ok(!got.answered);
    assert.equal(got.error.code, "FAILED_PRECONDITION");
    await asked.gone;
    await assert.rejects(http.request(SELF), /its client is closed/);
    await consul.disconnected();
  });

  it("keeps no hold on a signal that outlives the request", async () => {
    const { signal } = new AbortController();
    const reply = http.exchange({ ...SELF, signal });
    (await consul.next()).reply(200);
    await reply;
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  it("reaches a Unix socket", async () => {
    const folder = await mkdtemp(join(tmpdir(), "consul-"));
    const socketPath = join(folder, "http.sock");
    const server = createServer((request, response) => response.end(request.url)).listen(socketPath);
    await once(server, "listening");
    const other = new ConsulHttp({ url: "http://localhost", socketPath }, clock);
    assert.equal((await other.request(SELF)).text, "/v1/agent/self");
    assert.equal(other.place, `unix://${socketPath}`);
    other.close();
    server.close();
    await rm(folder, { recursive: true });
  });

  it("reaches an IPv6 address", async function () {
    const server = createServer((_request, response) => response.end("six")).listen(0, "::1");
    try {
      await once(server, "listening");
    } catch {
      console.log("      not run: this machine has no IPv6 loopback");
      return;
    }
    const { port } = server.address() as { port: number };
    const probe = createConnection(port, "::1");
    await once(probe, "connect");
    probe.destroy();
    const other = new ConsulHttp({ url: `http://[::1]:${port}` }, clock);
    assert.equal((await other.request(SELF)).text, "six");
    other.close();
    server.close();
  });
});
