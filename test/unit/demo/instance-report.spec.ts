import assert from "node:assert/strict";
import { InstanceReport, quantile, readSnapshot } from "../../../services/demo/src/instance-report.ts";
import { readSamples, sumOf } from "../../../services/demo/src/metrics-text.ts";

/** What a /metrics endpoint says after so many calls of at most 1 ms, and of at most 2 ms. */
function exposition(fast: number, slow: number, cancelled = 0): string {
  const labels = 'grpc_method="translator.v1.TranslatorService/Translate",grpc_status="OK"';
  return [
    "# HELP grpc_server_call_duration_seconds Time from a call's headers to its status.",
    "# TYPE grpc_server_call_duration_seconds histogram",
    `grpc_server_call_duration_seconds_bucket{${labels},le="0.001"} ${fast}`,
    `grpc_server_call_duration_seconds_bucket{${labels},le="0.002"} ${fast + slow}`,
    `grpc_server_call_duration_seconds_bucket{${labels},le="+Inf"} ${fast + slow}`,
    `grpc_server_call_duration_seconds_count{${labels}} ${fast + slow}`,
    `grpc_server_call_duration_seconds_count{grpc_method="x",grpc_status="CANCELLED"} ${cancelled}`,
    'grpc_server_call_duration_seconds_count{grpc_method="x",grpc_status="INTERNAL"} 1',
    'mesh_server_calls_in_flight{grpc_method="x"} 2',
    'mesh_server_calls_in_flight{grpc_method="y"} 1',
    "",
  ].join("\n");
}

describe("metrics text", () => {
  it("is read with its labels, whatever characters they hold", () => {
    const samples = readSamples('a{x="1, }\\"2",y=""} 1e-3\n# a comment\nb 4 1700000000\n');
    assert.deepEqual(samples, [
      { name: "a", labels: { x: '1, }\\"2', y: "" }, value: 0.001 },
      { name: "b", labels: {}, value: 4 },
    ]);
    assert.equal(
      sumOf(samples, "a", ({ y }) => y === ""),
      0.001,
    );
    assert.equal(sumOf(samples, "c"), 0);
  });
});

describe("what an instance reports", () => {
  it("counts calls under way and errors, but not callers that hung up", () => {
    const { ended, errors, inFlight } = readSnapshot(exposition(10, 0, 3), 0);
    assert.deepEqual({ ended, errors, inFlight }, { ended: 14, errors: 1, inFlight: 3 });
  });

  it("rates the last second and places percentiles of the last five within their bounds", () => {
    const report = new InstanceReport();
    report.add(readSnapshot(exposition(1_000, 0), 0));
    assert.equal(report.rate(), undefined, "one snapshot says nothing of speed");
    report.add(readSnapshot(exposition(1_010, 0), 1_000));
    report.add(readSnapshot(exposition(1_050, 50), 2_000));
    assert.equal(report.rate(), 90);
    const { p50Ms, p99Ms } = report.percentiles() ?? assert.fail("no percentiles");
    assert.equal(p50Ms.toFixed(3), "1.000", "half of the hundred calls took at most 1 ms");
    assert.equal(p99Ms.toFixed(3), "1.980");
  });

  it("starts anew when the counts are those of a new process", () => {
    const report = new InstanceReport();
    report.add(readSnapshot(exposition(1_000, 0), 0));
    report.add(readSnapshot(exposition(5, 0), 1_000));
    assert.equal(report.rate(), undefined);
    assert.equal(report.percentiles(), undefined);
  });

  it("keeps no more than it needs", () => {
    const report = new InstanceReport();
    report.add(readSnapshot(exposition(0, 500), 0));
    for (let second = 1; second <= 10; second++) {
      report.add(readSnapshot(exposition(second, 500), second * 1_000));
    }
    assert.ok((report.percentiles()?.p99Ms ?? 2) <= 1, "the slow calls were before the window");
  });
});

describe("a quantile", () => {
  it("beyond the last bound is that bound", () => {
    const buckets = [
      [1, 0],
      [Infinity, 10],
    ] as const;
    assert.equal(quantile(buckets, 0.5), 1);
  });

  it("of nothing is not a number", () => {
    assert.ok(Number.isNaN(quantile([], 0.5)));
    assert.ok(Number.isNaN(quantile([[1, 0]], 0.5)));
  });
});
