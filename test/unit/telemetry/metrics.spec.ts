import assert from "node:assert/strict";
import { AggregatorRegistry, Counter, Gauge, Registry } from "prom-client";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { UNREGISTERED_METHOD } from "../../../sdk/src/telemetry/call-metrics.ts";
import { createMetrics, type Metrics, type MetricsOptions } from "../../../sdk/src/telemetry/metrics.ts";
import { VirtualClock } from "../../../sdk/src/testing/index.ts";
import { attempt, clientCall, methodNamed, serverCall } from "./records.ts";

const sayHello = methodNamed("SayHello");
const GREETER = "consul:///greeter";
const METHOD = 'grpc_method="greeter.v1.GreeterService/SayHello"';
const TARGET = `grpc_target="${GREETER}"`;

function metricsOf(options: MetricsOptions = {}): Metrics {
  return createMetrics({ processMetrics: "off", clock: new VirtualClock(), ...options });
}

/** The value of a line, by all that stands before it. */
async function valueOf(metrics: Metrics, series: string): Promise<number | undefined> {
  const { body } = await metrics.expose();
  const line = body.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe("client metrics", () => {
  it("count attempts and calls by method, target and status", async () => {
    const metrics = metricsOf();
    const observer = metrics.clientObserver(sayHello, GREETER);
    observer.attemptStarted?.();
    observer.attemptEnded?.(attempt({ code: "UNAVAILABLE", durationMs: 2000 }));
    observer.attemptStarted?.();
    observer.attemptEnded?.(attempt({ sentBytes: 4096 }));
    observer.callEnded?.(clientCall({ durationMs: 2500, attempts: 2, retries: 1, retryDelayMs: 400 }));
    const labels = `{${METHOD},${TARGET}}`;
    const ok = `${METHOD},${TARGET},grpc_status="OK"`;
    const expected = {
      [`grpc_client_attempt_started_total${labels}`]: 2,
      [`mesh_client_attempts_in_flight${labels}`]: 0,
      [`grpc_client_attempt_duration_seconds_sum{${METHOD},${TARGET},grpc_status="UNAVAILABLE"}`]: 2,
      [`grpc_client_attempt_duration_seconds_bucket{${ok},le="0.002"}`]: 0,
      [`grpc_client_attempt_duration_seconds_bucket{${ok},le="0.005"}`]: 1,
      [`grpc_client_attempt_sent_total_compressed_message_size_bytes_bucket{${ok},le="1024"}`]: 0,
      [`grpc_client_attempt_sent_total_compressed_message_size_bytes_bucket{${ok},le="4096"}`]: 1,
      [`grpc_client_attempt_rcvd_total_compressed_message_size_bytes_sum{${ok}}`]: 2000,
      [`grpc_client_call_duration_seconds_count{${ok}}`]: 1,
      [`grpc_client_call_retries_sum${labels}`]: 1,
      [`grpc_client_call_retry_delay_seconds_sum${labels}`]: 0.4,
      [`grpc_client_call_hedges_count${labels}`]: undefined,
      [`grpc_client_call_transparent_retries_count${labels}`]: undefined,
    };
    for (const [series, value] of Object.entries(expected)) assert.equal(await valueOf(metrics, series), value, series);
  });

  it("show attempts that have not ended", async () => {
    const metrics = metricsOf();
    const observer = metrics.clientObserver(sayHello, GREETER);
    observer.attemptStarted?.();
    observer.attemptStarted?.();
    observer.attemptEnded?.(attempt());
    assert.equal(await valueOf(metrics, `mesh_client_attempts_in_flight{${METHOD},${TARGET}}`), 1);
  });

  it("say nothing of retries for a call that needed none", async () => {
    const metrics = metricsOf();
    metrics.clientObserver(sayHello, GREETER).callEnded?.(clientCall());
    const { body } = await metrics.expose();
    assert.doesNotMatch(body, /^grpc_client_call_(retries|transparent_retries|hedges|retry_delay_seconds)_/m);
  });

  it("share cells between observers bound to the same method and target", async () => {
    const metrics = metricsOf();
    metrics.clientObserver(sayHello, GREETER).attemptStarted?.();
    metrics.clientObserver(sayHello, GREETER).attemptStarted?.();
    assert.equal(await valueOf(metrics, `grpc_client_attempt_started_total{${METHOD},${TARGET}}`), 2);
  });
});

describe("server metrics", () => {
  it("count calls by method and status", async () => {
    const metrics = metricsOf();
    const observer = metrics.serverObserver(sayHello);
    observer.callStarted?.();
    observer.callStarted?.();
    observer.callEnded?.(serverCall({ code: "NOT_FOUND", durationMs: 70 }));
    const missing = `${METHOD},grpc_status="NOT_FOUND"`;
    assert.equal(await valueOf(metrics, `grpc_server_call_started_total{${METHOD}}`), 2);
    assert.equal(await valueOf(metrics, `mesh_server_calls_in_flight{${METHOD}}`), 1);
    assert.equal(await valueOf(metrics, `grpc_server_call_duration_seconds_bucket{${missing},le="0.05"}`), 0);
    assert.equal(await valueOf(metrics, `grpc_server_call_duration_seconds_bucket{${missing},le="0.1"}`), 1);
    assert.equal(
      await valueOf(metrics, `grpc_server_call_rcvd_total_compressed_message_size_bytes_sum{${missing}}`),
      100,
    );
  });

  it("count calls of methods that no contract names as other", async () => {
    const metrics = metricsOf();
    metrics.serverObserver(UNREGISTERED_METHOD).callEnded?.(serverCall({ code: "UNIMPLEMENTED" }));
    const series = 'grpc_server_call_duration_seconds_count{grpc_method="other",grpc_status="UNIMPLEMENTED"}';
    assert.equal(await valueOf(metrics, series), 1);
  });
});

describe("label series", () => {
  it("are bounded: what comes beyond is counted under other, with its status, and the loss is told", async () => {
    const metrics = metricsOf({ maxSeries: 3 });
    for (let number = 0; number < 10; number++) {
      metrics.serverObserver(methodNamed(`Method${number}`)).callEnded?.(serverCall({ code: "ABORTED" }));
    }
    const family = "grpc_server_call_duration_seconds";
    assert.equal(await valueOf(metrics, `${family}_count{grpc_method="other",grpc_status="ABORTED"}`), 7);
    assert.equal(await valueOf(metrics, `mesh_metrics_dropped_series_total{metric="${family}"}`), 7);
    const { body } = await metrics.expose();
    assert.equal(body.match(new RegExp(`^${family}_count`, "gm"))?.length, 4);
  });

  it("can be no fewer than one", () => {
    assert.throws(() => metricsOf({ maxSeries: 0 }), /INVALID_ARGUMENT: maxSeries 0 must be a whole number from 1/);
  });
});

describe("latency bounds", () => {
  it("are the 41 of A66 when asked for", async () => {
    const metrics = metricsOf({ latencyBounds: "a66" });
    metrics.serverObserver(sayHello).callEnded?.(serverCall({ durationMs: 65 }));
    const { body } = await metrics.expose();
    assert.equal(body.match(/^grpc_server_call_duration_seconds_bucket/gm)?.length, 42);
    const ok = `${METHOD},grpc_status="OK"`;
    assert.equal(await valueOf(metrics, `grpc_server_call_duration_seconds_bucket{${ok},le="0.05"}`), 0);
    assert.equal(await valueOf(metrics, `grpc_server_call_duration_seconds_bucket{${ok},le="0.065"}`), 1);
  });

  it("can be one's own, and must ascend", async () => {
    const metrics = metricsOf({ latencyBounds: [0.1, 0.3] });
    metrics.serverObserver(sayHello).callEnded?.(serverCall());
    assert.match((await metrics.expose()).body, /^grpc_server_call_duration_seconds_bucket\{.*le="0\.3"\} 1$/m);
    assert.throws(() => metricsOf({ latencyBounds: [3, 1] }), MeshError);
  });

  it("do not bring sizes along when those are off", async () => {
    const { body } = await metricsOf({ messageSizes: "off" }).expose();
    assert.doesNotMatch(body, /message_size/);
  });
});

describe("connections, discovery and registration", () => {
  it("count connections as they open, fail and close", async () => {
    const metrics = metricsOf();
    const connections = metrics.connections(GREETER);
    connections.attemptFailed();
    connections.opened();
    connections.opened();
    connections.closed("connection reset");
    const expected = {
      [`grpc_subchannel_open_connections{${TARGET}}`]: 1,
      [`grpc_subchannel_connection_attempts_succeeded_total{${TARGET}}`]: 2,
      [`grpc_subchannel_connection_attempts_failed_total{${TARGET}}`]: 1,
      [`grpc_subchannel_disconnections_total{${TARGET},grpc_disconnect_error="connection reset"}`]: 1,
    };
    for (const [series, value] of Object.entries(expected)) assert.equal(await valueOf(metrics, series), value, series);
  });

  it("count ejections by reason, and who is out of all clients of a target", async () => {
    const metrics = metricsOf();
    const [one, two] = [metrics.ejections(GREETER), metrics.ejections(GREETER)];
    one.ejected("latency");
    one.changed(1);
    two.ejected("latency");
    two.changed(2);
    one.changed(0);
    assert.equal(await valueOf(metrics, `mesh_balancing_ejections_total{${TARGET},reason="latency"}`), 2);
    assert.equal(await valueOf(metrics, `mesh_balancing_ejected_endpoints{${TARGET}}`), 2);
  });

  it("tell how long a view has been stale, from the first stale one to the next live one", async () => {
    const clock = new VirtualClock();
    const metrics = metricsOf({ clock });
    const discovery = metrics.discovery("greeter");
    const endpoints = [{ id: "1", address: { host: "127.0.0.1", port: 1 }, weight: 1, metadata: {} }];
    const staleness = 'mesh_discovery_staleness_seconds{mesh_service="greeter"}';
    const count = (freshness: string): Promise<number | undefined> =>
      valueOf(metrics, `mesh_discovery_endpoints{mesh_service="greeter",freshness="${freshness}"}`);
    discovery.updated({ endpoints, freshness: "live" });
    clock.advance(5000);
    assert.equal(await valueOf(metrics, staleness), 0);
    assert.deepEqual([await count("live"), await count("stale")], [1, 0]);
    discovery.updated({ endpoints, freshness: "stale", error: new Error("gone") });
    clock.advance(2000);
    discovery.updated({ endpoints, freshness: "stale", error: new Error("gone") });
    clock.advance(1500);
    assert.equal(await valueOf(metrics, staleness), 3.5);
    assert.deepEqual([await count("live"), await count("stale")], [0, 1]);
    discovery.updated({ endpoints: [], freshness: "live" });
    clock.advance(1000);
    assert.equal(await valueOf(metrics, staleness), 0);
    assert.equal(await valueOf(metrics, 'mesh_discovery_updates_total{mesh_service="greeter"}'), 4);
    assert.equal(await valueOf(metrics, 'mesh_discovery_errors_total{mesh_service="greeter"}'), 2);
    discovery.closed();
    assert.equal(await valueOf(metrics, staleness), undefined);
    assert.equal(await count("live"), undefined);
  });

  it("show one state of a registration at a time", async () => {
    const metrics = metricsOf();
    const registration = metrics.registration("greeter", "greeter-1");
    registration.state("registering");
    registration.state("registered");
    const series = (state: string): string =>
      `mesh_registration_state{mesh_service="greeter",mesh_instance="greeter-1",state="${state}"}`;
    assert.equal(await valueOf(metrics, series("registering")), 0);
    assert.equal(await valueOf(metrics, series("registered")), 1);
  });
});

describe("the registry", () => {
  it("shows a user's own metrics beside ours, with its default labels on both", async () => {
    const registry = new Registry();
    registry.setDefaultLabels({ app: 'sh"op\\' });
    new Counter({ name: "orders_total", help: "orders", labelNames: ["kind"], registers: [registry] }).inc({
      kind: "a",
    });
    const metrics = metricsOf({ registry });
    metrics.serverObserver(sayHello).callStarted?.();
    const label = 'app="sh\\"op\\\\"';
    assert.equal(await valueOf(metrics, `orders_total{kind="a",${label}}`), 1);
    assert.equal(await valueOf(metrics, `grpc_server_call_started_total{${METHOD},${label}}`), 1);
  });

  it("is, when none is given, one that prom-client's metrics take, by its type too", async () => {
    const metrics = metricsOf();
    new Counter({ name: "orders_total", help: "orders", registers: [metrics.registry] }).inc(2);
    const registry: Registry = metrics.registry;
    assert.match(await registry.metrics(), /^orders_total 2$/m);
    assert.equal(await valueOf(metrics, "orders_total"), 2);
  });

  it("gives the same lines through prom-client's own exposition", async () => {
    const metrics = metricsOf();
    metrics.serverObserver(sayHello).callEnded?.(serverCall());
    const sorted = (body: string): string[] =>
      body
        .split("\n")
        .filter((line) => line.startsWith("grpc_"))
        .map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(",").sort().join(",")}}`));
    assert.deepEqual(sorted((await metrics.expose()).body), sorted(await metrics.registry.metrics()));
  });

  it("can be summed over the processes of a cluster by prom-client", async () => {
    const workers = [metricsOf(), metricsOf()];
    for (const worker of workers) worker.serverObserver(sayHello).callEnded?.(serverCall({ durationMs: 30 }));
    const all = await Promise.all(workers.map((worker) => worker.registry.getMetricsAsJSON()));
    const sum = await AggregatorRegistry.aggregate(all).metrics();
    assert.match(sum, /^grpc_server_call_duration_seconds_bucket\{.*le="0\.05".*\} 2$/m);
    assert.match(sum, /^grpc_server_call_duration_seconds_sum\{.*\} 0\.06$/m);
  });

  it("forgets all counts on prom-client's resetMetrics", async () => {
    const metrics = metricsOf();
    metrics.serverObserver(sayHello).callStarted?.();
    metrics.registry.resetMetrics();
    assert.equal(await valueOf(metrics, `grpc_server_call_started_total{${METHOD}}`), 0);
  });

  it("may not be shared by two", () => {
    const registry = new Registry();
    metricsOf({ registry });
    assert.throws(
      () => metricsOf({ registry }),
      (error) =>
        error instanceof MeshError && error.code === "FAILED_PRECONDITION" && /registry of its own/.test(error.reason),
    );
  });

  it("holds the process's metrics unless they are there already or off", async () => {
    const registry = new Registry();
    new Gauge({ name: "nodejs_eventloop_lag_p99_seconds", help: "my own", registers: [registry] }).set(7);
    const metrics = createMetrics({ registry });
    const { body } = await metrics.expose();
    assert.match(body, /^nodejs_eventloop_lag_p99_seconds 7$/m);
    assert.match(body, /^process_resident_memory_bytes \d+$/m);
    assert.match(body, /^mesh_event_loop_active_seconds_total [\d.e-]+$/m);
    assert.doesNotMatch((await metricsOf().expose()).body, /^process_/m);
  });
});
