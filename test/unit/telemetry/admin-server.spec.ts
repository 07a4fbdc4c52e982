import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, type IncomingMessage, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import {
  type AdminServer,
  type AdminServerOptions,
  type Check,
  startAdminServer,
} from "../../../sdk/src/telemetry/admin-server.ts";
import { createLogger } from "../../../sdk/src/telemetry/logging.ts";
import { createMetrics } from "../../../sdk/src/telemetry/metrics.ts";
import { VirtualClock } from "../../../sdk/src/testing/index.ts";

const log = createLogger({ service: "test", instance: "test-1", level: "silent" });
const ok = (): Check => ({ ok: true });

const SOURCE = new URL("../../../sdk/src/telemetry/", import.meta.url).href;

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** What it answers to a Host header of one's own; fetch() would set it. */
async function ask(
  { address }: Pick<AdminServer, "address">,
  path: string,
  host: string,
): Promise<{ status: number | undefined; body: string }> {
  const request = httpRequest({ ...address, path, headers: { host }, agent: false }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

describe("the admin server", () => {
  const started: AdminServer[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map((server) => server.close()));
  });

  async function start(options: Partial<AdminServerOptions> = {}): Promise<{ server: AdminServer; url: string }> {
    const metrics = createMetrics({ processMetrics: "off" });
    const server = await startAdminServer({ metrics, live: ok, ready: ok, explain: () => [], log, ...options });
    started.push(server);
    return { server, url: `http://127.0.0.1:${server.address.port}` };
  }

  it("listens on loopback, on any free port", async () => {
    const { server } = await start();
    assert.equal(server.address.host, "127.0.0.1");
    assert.ok(server.address.port > 0);
  });

  it("lists its paths and says so where there is nothing", async () => {
    const { url } = await start();
    const index = await fetch(`${url}/?from=bookmark`);
    assert.equal(index.status, 200);
    assert.match(await index.text(), /^\/metrics {2}.*\n\/livez {2}.*\n\/readyz {2}/m);
    const missing = await fetch(`${url}/metric`);
    assert.equal(missing.status, 404);
    assert.equal(await missing.text(), "/metric is not here; these are: / /metrics /livez /readyz /debug/balancer\n");
  });

  it("serves metrics in the format that is asked for", async () => {
    const { url } = await start();
    const text = await fetch(`${url}/metrics`);
    assert.equal(text.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert.match(await text.text(), /^# TYPE grpc_server_call_started_total counter$/m);
    const open = await fetch(`${url}/metrics`, { headers: { accept: "application/openmetrics-text" } });
    assert.equal(open.headers.get("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    const body = await open.text();
    assert.match(body, /# EOF\n$/);
    assert.equal(Number(open.headers.get("content-length")), Buffer.byteLength(body));
  });

  it("answers probes with ok, or 503 and which checks failed and why", async () => {
    let ready: Check = { ok: true };
    const { url } = await start({ ready: () => Promise.resolve(ready) });
    assert.deepEqual([(await fetch(`${url}/livez`)).status, (await fetch(`${url}/readyz`)).status], [200, 200]);
    ready = { ok: false, failures: [{ check: "registration", reason: "registry has not confirmed greeter-1" }] };
    const failed = await fetch(`${url}/readyz`);
    assert.equal(failed.status, 503);
    assert.deepEqual(await failed.json(), { status: "failed", failures: ready.failures });
    assert.equal(await (await fetch(`${url}/livez`)).text(), "ok\n");
  });

  it("tells as JSON why calls go where they go", async () => {
    const known = [{ target: "consul:///greeter", policy: "p2c", freshness: "live", endpoints: [] }];
    const { url } = await start({ explain: () => known });
    const answer = await fetch(`${url}/debug/balancer`);
    assert.equal(answer.headers.get("content-type"), "application/json; charset=utf-8");
    assert.deepEqual(await answer.json(), known);
  });

  it("takes a check that throws or rejects for failed", async () => {
    const ready = (): Promise<Check> => Promise.reject(new Error("pool is empty"));
    const { url } = await start({
      ready,
      live: () => {
        throw new Error("loop is stuck");
      },
    });
    const answers = await Promise.all(["readyz", "livez"].map(async (path) => (await fetch(`${url}/${path}`)).json()));
    assert.deepEqual(answers, [
      { status: "failed", failures: [{ check: "readyz", reason: "pool is empty" }] },
      { status: "failed", failures: [{ check: "livez", reason: "loop is stuck" }] },
    ]);
  });

  it("does not wait for readiness for ever", async () => {
    const clock = new VirtualClock();
    const asked = deferred<void>();
    const ready = (): Promise<Check> => {
      // The timer is set once this has returned.
      setImmediate(() => asked.resolve());
      return new Promise<Check>(() => {});
    };
    const { url } = await start({ clock, ready });
    const answer = fetch(`${url}/readyz`);
    await asked.promise;
    clock.advance(5000);
    assert.equal((await answer).status, 503);
    assert.match(await (await answer).text(), /no answer within 5000 ms/);
  });

  it("says 500 when metrics cannot be written, and goes on", async () => {
    const expose = (): Promise<never> => Promise.reject(new Error("registry was cleared"));
    const { url } = await start({ metrics: { expose } });
    const answer = await fetch(`${url}/metrics`);
    assert.equal(answer.status, 500);
    assert.equal(await answer.text(), "registry was cleared\n");
    assert.equal((await fetch(`${url}/livez`)).status, 200);
  });

  it("answers HEAD without a body and refuses to be written to", async () => {
    const { url } = await start();
    const head = await fetch(`${url}/livez`, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, "3", ""]);
    const post = await fetch(`${url}/metrics`, { method: "POST", body: "x" });
    assert.deepEqual([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
    assert.equal(await post.text(), "POST is not taken here: use GET or HEAD\n");
  });

  it("on loopback refuses requests for another host, as a web page under a rebound name makes them", async () => {
    for (const host of ["127.0.0.1", "localhost"]) {
      const { server } = await start({ host });
      const { port } = server.address;
      for (const path of ["/metrics", "/livez", "/nowhere"]) {
        const { status, body } = await ask(server, path, `evil.example:${port}`);
        assert.equal(status, 403);
        assert.equal(
          body,
          `Host "evil.example:${port}" does not name loopback, which alone is served here: ask for localhost:${port}, or set another admin host than loopback\n`,
        );
      }
      for (const own of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
        assert.equal((await ask(server, "/metrics", own)).status, 200);
      }
    }
  });

  it("answers under any name when it is bound to more than loopback", async () => {
    const { server } = await start({ host: "0.0.0.0" });
    assert.equal(
      (await ask({ address: { ...server.address, host: "127.0.0.1" } }, "/livez", "greeter.example")).status,
      200,
    );
  });

  it("survives what is not HTTP", async () => {
    const { server, url } = await start();
    const socket = connect(server.address.port, "127.0.0.1").on("error", () => {});
    socket.end("\u0000\u0001 nonsense\r\n\r\n");
    socket.resume();
    await once(socket, "close");
    assert.equal((await fetch(`${url}/livez`)).status, 200);
  });

  it("says which port is in use and what to do", async () => {
    const { server } = await start();
    const { port } = server.address;
    await assert.rejects(start({ port }), (error) => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, "FAILED_PRECONDITION");
      assert.equal(
        error.reason,
        `admin address 127.0.0.1:${port} is in use: end what listens there, or set another admin port (0 for any free one)`,
      );
      return true;
    });
    await assert.rejects(start({ port: 70_000 }), /INVALID_ARGUMENT: admin port 70000 must be a whole number/);
    await assert.rejects(start({ host: "192.0.2.1" }), /192\.0\.2\.1:0 is not an address of this machine/);
  });

  it("ends idle connections at once when it closes, also those that never sent anything", async () => {
    const { server, url } = await start({ clock: new VirtualClock() });
    const agent = new Agent({ keepAlive: true });
    const kept = httpRequest(`${url}/livez`, { agent }).end();
    const [response] = (await once(kept, "response")) as [NodeJS.ReadableStream];
    const idle = once(agent, "free");
    response.resume();
    await idle;
    const silent = connect(server.address.port, "127.0.0.1").on("error", () => {});
    await once(silent, "connect");
    await (await fetch(`${url}/livez`)).text();
    const gone = once(silent.resume(), "close");
    await server.close();
    await gone;
    await server.close();
    await assert.rejects(fetch(`${url}/livez`));
    agent.destroy();
  });

  it("finishes an answer in the making when it closes, but waits a second at most", async () => {
    const clock = new VirtualClock();
    const [asked, check] = [deferred<void>(), deferred<Check>()];
    const ready = (): Promise<Check> => {
      asked.resolve();
      return check.promise;
    };
    const first = await start({ clock, ready });
    const answer = fetch(`${first.url}/readyz`);
    await asked.promise;
    const closing = first.server.close();
    check.resolve({ ok: true });
    assert.equal(await (await answer).text(), "ok\n");
    await closing;

    const stuck = deferred<void>();
    const never = (): Promise<Check> => {
      stuck.resolve();
      return new Promise<Check>(() => {});
    };
    const second = await start({ clock, ready: never });
    const lost = assert.rejects(fetch(`${second.url}/readyz`));
    await stuck.promise;
    const closed = second.server.close();
    clock.advance(1000);
    await closed;
    await lost;
  });

  it("does not keep the process alive", async () => {
    const script = `
      import { startAdminServer } from "${SOURCE}admin-server.ts";
      import { createLogger } from "${SOURCE}logging.ts";
      import { createMetrics } from "${SOURCE}metrics.ts";
      const log = createLogger({ service: "test", instance: "test-1", level: "silent" });
      const ok = () => ({ ok: true });
      await startAdminServer({ metrics: createMetrics(), live: ok, ready: ok, explain: () => [], log });
      console.log("started");
    `;
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    assert.deepEqual([code, output], [0, "started\n"]);
  });
});
