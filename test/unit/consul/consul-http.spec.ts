import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { getEventListeners, once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { ConsulHttp, refusal } from "../../../sdk/src/consul/consul-http.ts";
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

  it("gives up on an answer that comes in drops for ever", async () => {
    const reply = http.exchange({ ...SELF, timeoutMs: 5_000 });
    const asked = await consul.next();
    asked.dribble(["[", "1"], "stop");
    for (let second = 0; second < 5; second++) clock.advance(1_000);
    const got = await reply;
    assert.ok(!got.answered && got.why === "TIMEOUT");
    await asked.gone;
  });

  it("gives up on an answer in drops when its signal aborts and when the client closes", async () => {
    const stop = new AbortController();
    const [aborted, closed] = [http.exchange({ ...SELF, signal: stop.signal }), http.exchange(SELF)];
    const asked = [await consul.next(), await consul.next()] as const;
    for (const one of asked) one.dribble(["["], "stop");
    stop.abort();
    const first = await aborted;
    assert.ok(!first.answered && first.why === "CANCELLED");
    http.close();
    const second = await closed;
    assert.ok(!second.answered && second.why === "CLOSED");
    await Promise.all(asked.map(({ gone }) => gone));
  });

  it("refuses an answer that is too large, told or untold, and goes on", async () => {
    const small = new ConsulHttp({ url: consul.url, maxAnswerBytes: 1_000 }, clock);
    const told = small.exchange(SELF);
    (await consul.next()).reply(200, "x".repeat(1_001));
    const untold = small.exchange(SELF);
    const asked = await consul.next();
    asked.dribble(["y".repeat(300)], "more");
    for (const got of [await told, await untold]) {
      assert.ok(!got.answered);
      assert.equal(got.why, "TOO_LARGE");
      assert.equal(got.error.code, "RESOURCE_EXHAUSTED");
      assert.equal(
        got.error.reason,
        `consul at ${consul.url} answers GET /v1/agent/self with more than 1000 bytes: ask for less (a narrower prefix, a filter), or raise consul.maxAnswerBytes`,
      );
    }
    await asked.gone;
    const fits = small.exchange(SELF);
    (await consul.next()).reply(200, "z".repeat(1_000));
    assert.ok((await fits).answered);
    assert.equal(small.losses, 0);
    small.close();
  });

  it("follows no redirect, and says where it points", async () => {
    const reply = http.request(SELF);
    (await consul.next()).reply(301, "", { Location: "https://consul.internal/v1/agent/self" });
    const error = refusal(http, "to say who it is", await reply);
    assert.equal(consul.waiting, 0);
    assert.equal(error.code, "FAILED_PRECONDITION");
    assert.equal(
      error.reason,
      `consul at ${consul.url} refused to say who it is (301); redirects are not followed: if https://consul.internal/v1/agent/self is Consul, write its scheme, host and port in CONSUL_HTTP_ADDR`,
    );
  });

  it("says what to do about 429 without a word, and about a port that wants TLS", async () => {
    const limited = http.request(SELF);
    (await consul.next()).reply(429);
    const error = refusal(http, "to say who it is", await limited);
    assert.equal(error.code, "RESOURCE_EXHAUSTED");
    assert.match(error.reason, /\(429\); raise limits.http_max_conns_per_client or the rate limit of that agent$/);
    const plain = http.request(SELF);
    (await consul.next()).reply(400, "Client sent an HTTP request to an HTTPS server.\n");
    assert.match(
      refusal(http, "x", await plain).reason,
      /write https:\/\/ in CONSUL_HTTP_ADDR, or set CONSUL_HTTP_SSL/,
    );
  });

  it("sends what must not be done twice once", async () => {
    const lost = http.requestOnce({ method: "POST", path: "/x", body: {} });
    const asked = await consul.next();
    assert.equal(asked.method, "POST");
    asked.breakOff();
    await assert.rejects(lost, (error) => error instanceof MeshError && error.code === "UNAVAILABLE");
    assert.equal(consul.waiting, 0);
  });

  it("counts the times that there was no answer, and none in which we gave up", async () => {
    const stop = new AbortController();
    const cancelled = http.exchange({ ...SELF, signal: stop.signal });
    await consul.next();
    stop.abort();
    await cancelled;
    assert.equal(http.losses, 0);
    const lost = http.exchange(SELF);
    (await consul.next()).breakOff();
    await lost;
    assert.equal(http.losses, 1);
  });

  it("sends the token that its file holds now, and again with a new one when the old is refused", async () => {
    const folder = await mkdtemp(join(tmpdir(), "consul-token-"));
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, "one\n");
    const other = new ConsulHttp({ url: consul.url, token: "zero", tokenFile }, clock);
    const tokenOf = async (status: number): Promise<unknown> => {
      const asked = await consul.next();
      asked.reply(status);
      return asked.headers["x-consul-token"];
    };
    const first = other.exchange(SELF);
    assert.equal(await tokenOf(200), "one");
    await first;
    await writeFile(tokenFile, "two");
    const refused = other.exchange(SELF);
    assert.equal(await tokenOf(403), "one");
    assert.equal(await tokenOf(200), "two");
    const got = await refused;
    assert.ok(got.answered && got.status === 200);
    const denied = other.exchange(SELF);
    assert.equal(await tokenOf(403), "two");
    const no = await denied;
    assert.ok(no.answered && no.status === 403);
    assert.equal(consul.waiting, 0);
    other.close();
    await rm(folder, { recursive: true });
  });

  it("sends nothing without the token that it was told to have", async () => {
    const other = new ConsulHttp({ url: consul.url, tokenFile: "/nowhere/token" }, clock);
    const got = await other.exchange(SELF);
    assert.ok(!got.answered);
    assert.equal(got.why, "NO_TOKEN");
    assert.equal(got.error.code, "FAILED_PRECONDITION");
    assert.equal(consul.waiting, 0);
    other.close();
  });

  it("does not wait for a token's file that hangs", async () => {
    const folder = await mkdtemp(join(tmpdir(), "consul-token-"));
    const tokenFile = join(folder, "fifo");
    execFileSync("mkfifo", [tokenFile]);
    const other = new ConsulHttp({ url: consul.url, tokenFile }, clock);
    const reply = other.exchange({ ...SELF, timeoutMs: 500 });
    clock.advance(500);
    const got = await reply;
    assert.ok(!got.answered && got.why === "TIMEOUT");
    other.close();
    // Whoever reads a pipe waits for its writer.
    await writeFile(tokenFile, "late");
    await rm(folder, { recursive: true });
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
