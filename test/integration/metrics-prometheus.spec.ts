/**
 * Our exposition before those who read it: promtool checks its form and names, a real Prometheus scrapes it and answers
 * queries. They are looked for on PATH (Debian: the package "prometheus"); a suite that finds none says so and passes.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Counter, Registry } from "prom-client";
import { type AdminServer, startAdminServer } from "../../sdk/src/telemetry/admin-server.ts";
import { createLogger } from "../../sdk/src/telemetry/logging.ts";
import { createMetrics, type Metrics } from "../../sdk/src/telemetry/metrics.ts";
import { notRun } from "../support/not-run.ts";
import { attempt, clientCall, methodNamed, serverCall } from "../unit/telemetry/records.ts";
import { freePort } from "../support/free-port.ts";

/** How long Prometheus may take to start and to have scraped; a loaded two-core machine needs a few seconds. */
const READY_WITHIN_MS = 15_000;
const POLL_MS = 100;
const STOP_WITHIN_MS = 3_000;

function onPath(program: string): boolean {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
}

function sayNotRun(suite: string, program: string): void {
  notRun(suite, "prometheus", `put ${program} on PATH (Debian: apt-get install prometheus)`);
}

/** Metrics in which every family has a series. */
function busyMetrics(registry = new Registry()): Metrics {
  const metrics = createMetrics({ registry, processMetrics: "off" });
  const sayHello = methodNamed("SayHello");
  const client = metrics.clientObserver(sayHello, "consul:///greeter");
  const server = metrics.serverObserver(sayHello);
  for (let number = 1; number <= 100; number++) {
    client.attemptStarted?.();
    client.attemptEnded?.(attempt({ durationMs: number }));
    client.callEnded?.(clientCall({ durationMs: number, attempts: 3, retries: 1, transparentRetries: 1, hedges: 1 }));
    server.callStarted?.();
    server.callEnded?.(serverCall({ durationMs: number }));
  }
  const connections = metrics.connections("consul:///greeter");
  connections.opened();
  connections.attemptFailed();
  connections.closed("connection reset");
  metrics.discovery("greeter").updated({ endpoints: [], freshness: "stale", error: new Error("gone") });
  metrics.registration("greeter", "greeter-1").state("registered");
  return metrics;
}

describe("the exposition before promtool", () => {
  if (!onPath("promtool")) {
    sayNotRun("promtool check metrics", "promtool");
    it("is not checked on this machine", () => {});
    return;
  }

  it("has nothing to complain about", async () => {
    const { body } = await busyMetrics().expose();
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: body, encoding: "utf8" });
    assert.deepEqual([status, stdout, stderr], [0, "", ""]);
  });

  it("would be told of an error", () => {
    const { status } = spawnSync("promtool", ["check", "metrics"], { input: "1nonsense{\n", encoding: "utf8" });
    assert.notEqual(status, 0);
  });
});

describe("the exposition before a real Prometheus", () => {
  if (!onPath("prometheus")) {
    sayNotRun("scraping by a real Prometheus", "prometheus");
    it("is not scraped on this machine", () => {});
    return;
  }

  let admin: AdminServer;
  let prometheus: ChildProcess;
  let folder: string;
  let url: string;

  before(async function () {
    this.timeout(2 * READY_WITHIN_MS);
    const registry = new Registry();
    registry.setDefaultLabels({ region: "here" });
    registry.registerMetric(new Counter({ name: "orders_total", help: "Orders.", registers: [] }));
    const log = createLogger({ service: "greeter", instance: "greeter-1", level: "silent" });
    const ok = (): { ok: true } => ({ ok: true });
    admin = await startAdminServer({ metrics: busyMetrics(registry), live: ok, ready: ok, explain: () => [], log });
    folder = await mkdtemp(join(tmpdir(), "mesh-prometheus-"));
    const config = {
      global: { scrape_interval: "1s", scrape_timeout: "1s" },
      scrape_configs: [{ job_name: "mesh", static_configs: [{ targets: [`127.0.0.1:${admin.address.port}`] }] }],
    };
    // JSON is YAML.
    await writeFile(join(folder, "prometheus.yml"), JSON.stringify(config));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    prometheus = spawn(
      "prometheus",
      [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: "ignore" },
    );
    await once(prometheus, "spawn");
    await scraped(prometheus, url);
  });

  after(async () => {
    await stop(prometheus);
    await admin?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it("is taken without an error, as OpenMetrics", async () => {
    const [target] = await targets(url);
    assert.deepEqual([target?.health, target?.lastError], ["up", ""]);
  });

  it("answers for calls, with quantiles that are near the true ones", async () => {
    const method = 'grpc_method="greeter.v1.GreeterService/SayHello"';
    assert.equal(await query(url, `grpc_server_call_started_total{${method}}`), 100);
    assert.equal(await query(url, `grpc_client_attempt_duration_seconds_count{${method},grpc_status="OK"}`), 100);
    // Values were 1 to 100 ms, evenly; classic buckets interpolate evenly too.
    const median = await query(url, `histogram_quantile(0.5, grpc_server_call_duration_seconds_bucket{${method}})`);
    assert.ok(Math.abs(median - 0.05) < 0.005, `${median} s`);
  });

  it("has the user's own metrics and the registry's default labels", async () => {
    assert.equal(await query(url, 'orders_total{region="here"}'), 0);
    assert.equal(await query(url, 'mesh_registration_state{region="here",state="registered"}'), 1);
  });
});

interface Target {
  readonly health: string;
  readonly lastError: string;
}

async function targets(url: string): Promise<readonly Target[]> {
  const answer = (await (await fetch(`${url}/api/v1/targets`)).json()) as { data: { activeTargets: Target[] } };
  return answer.data.activeTargets;
}

async function query(url: string, promql: string): Promise<number> {
  const answer = (await (await fetch(`${url}/api/v1/query?query=${encodeURIComponent(promql)}`)).json()) as {
    data: { result: { value: [number, string] }[] };
  };
  assert.equal(answer.data.result.length, 1, promql);
  return Number(answer.data.result[0]!.value[1]);
}

/** Waits until a scrape has been tried; whether it succeeded is for the tests. */
async function scraped(prometheus: ChildProcess, url: string): Promise<void> {
  const giveUpAt = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const known = await targets(url).catch(() => []);
    if (known[0] !== undefined && known[0].health !== "unknown") return;
    if (prometheus.exitCode !== null) throw new Error(`prometheus ended with code ${prometheus.exitCode}`);
    if (performance.now() > giveUpAt) throw new Error(`prometheus has not scraped within ${READY_WITHIN_MS} ms`);
    await delay(POLL_MS);
  }
}

async function stop(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
  await gone;
  clearTimeout(kill);
}
