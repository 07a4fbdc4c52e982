import assert from "node:assert/strict";
import {
  A66_LATENCY_BOUNDS,
  LATENCY_BOUNDS,
  type MetricDescription,
  METRICS,
} from "../../../sdk/src/telemetry/metric-names.ts";

const all: readonly MetricDescription[] = Object.values(METRICS);

describe("metric names", () => {
  it("spell gRFC A66 for Prometheus", () => {
    const names = new Set(all.map(({ name }) => name));
    for (const name of [
      "grpc_client_attempt_started_total",
      "grpc_client_attempt_duration_seconds",
      "grpc_client_attempt_sent_total_compressed_message_size_bytes",
      "grpc_client_attempt_rcvd_total_compressed_message_size_bytes",
      "grpc_client_call_duration_seconds",
      "grpc_server_call_started_total",
      "grpc_server_call_duration_seconds",
      "grpc_server_call_sent_total_compressed_message_size_bytes",
      "grpc_server_call_rcvd_total_compressed_message_size_bytes",
    ]) {
      assert.ok(names.has(name), name);
    }
  });

  it("are told apart, well formed and explained", () => {
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    for (const { name, help, labels } of all) {
      assert.match(name, /^(grpc|mesh)_[a-z][a-z_]*[a-z]$/);
      assert.match(help, /^[A-Z1][^"\\\n]+\.$/);
      for (const label of labels) assert.match(label, /^[a-z][a-z_]*$/);
    }
  });

  it("end in _total exactly when they count, and in their unit when it is a base unit", () => {
    for (const { name, type, unit } of all) {
      assert.equal(name.endsWith("_total"), type === "counter", name);
      if (unit === "seconds" || unit === "bytes") assert.ok(name.replace(/_total$/, "").endsWith(`_${unit}`), name);
    }
  });

  it("write by default bounds that A66 has too, so that dashboards fit both", () => {
    assert.equal(A66_LATENCY_BOUNDS.length, 41);
    assert.deepEqual(
      LATENCY_BOUNDS.filter((bound) => !A66_LATENCY_BOUNDS.includes(bound)),
      [],
    );
  });
});
