import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { Counter, Gauge, Registry } from "prom-client";
import { negotiate } from "../../../sdk/src/telemetry/exposition.ts";
import { createMetrics, type Metrics } from "../../../sdk/src/telemetry/metrics.ts";
import { VirtualClock } from "../../../sdk/src/testing/index.ts";
import { methodNamed, serverCall } from "./records.ts";

const OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT = "text/plain; version=0.0.4; charset=utf-8";

describe("content negotiation", () => {
  for (const [accept, contentType] of [
    [undefined, TEXT],
    ["*/*", TEXT],
    ["text/html, */*;q=0.8", TEXT],
    ["application/openmetrics-text", OPEN_METRICS],
    [
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      OPEN_METRICS,
    ],
    ["application/openmetrics-text;q=0.3,text/plain;q=0.9", TEXT],
    ["application/openmetrics-text;q=0", TEXT],
    ["APPLICATION/OpenMetrics-Text ; Q=1", OPEN_METRICS],
    [";;,q=,", TEXT],
  ] as const) {
    it(`answers ${accept ?? "no Accept header"} with ${contentType.split(";")[0]}`, () => {
      assert.equal(negotiate(accept), contentType);
    });
  }
});

describe("the exposition", () => {
  it("as OpenMetrics names families of counters without _total and ends with EOF, the user's own too", async () => {
    const registry = new Registry();
    new Counter({ name: "orders_total", help: "orders", registers: [registry] }).inc(2);
    const metrics = createMetrics({ registry, processMetrics: "off" });
    metrics.serverObserver(methodNamed("SayHello")).callStarted?.();
    const { contentType, body } = await metrics.expose("application/openmetrics-text");
    assert.equal(contentType, OPEN_METRICS);
    assert.match(body, /^# TYPE grpc_server_call_started counter$/m);
    assert.match(body, /^grpc_server_call_started_total\{.*\} 1$/m);
    assert.match(body, /^# TYPE orders counter\norders_total 2$/m);
    assert.match(body, /\n# EOF\n$/);
    assert.match((await metrics.expose()).body, /^# TYPE orders_total counter\norders_total 2$/m);
  });

  it("escapes label values", async () => {
    const metrics = createMetrics({ processMetrics: "off" });
    metrics.connections('a"b\\c\nd').opened();
    assert.match(
      (await metrics.expose()).body,
      /^grpc_subchannel_open_connections\{grpc_target="a\\"b\\\\c\\nd"\} 1$/m,
    );
  });

  it("leaves out a metric of the user's that cannot be read, and counts that", async () => {
    const registry = new Registry();
    const collect = (): never => {
      throw new Error("sensor is gone");
    };
    registry.registerMetric(new Gauge({ name: "room_celsius", help: "temperature", registers: [], collect }));
    const metrics = createMetrics({ registry, processMetrics: "off" });
    assert.doesNotMatch((await metrics.expose()).body, /^room_celsius/m);
    const { body } = await metrics.expose();
    assert.match(body, /^mesh_metrics_failed_collections_total\{metric="room_celsius"\} 2$/m);
  });

  it("leaves out a metric of the user's that takes longer than a second, and counts that", async () => {
    const [registry, clock] = [new Registry(), new VirtualClock()];
    let fail: ((error: Error) => void) | undefined;
    const collect = (): Promise<void> => new Promise((_, reject) => (fail = reject));
    registry.registerMetric(new Gauge({ name: "room_celsius", help: "temperature", registers: [], collect }));
    new Counter({ name: "orders_total", help: "orders", registers: [registry] }).inc(2);
    const metrics = createMetrics({ registry, processMetrics: "off", clock });
    for (const times of [1, 2]) {
      let written: string | undefined;
      const asked = metrics.expose().then(({ body }) => (written = body));
      await clock.advanceAsync(999);
      assert.equal(written, undefined);
      await clock.advanceAsync(1);
      const body = await asked;
      assert.doesNotMatch(body, /^room_celsius/m);
      assert.match(body, /^orders_total 2$/m);
      assert.match(
        body,
        new RegExp(`^mesh_metrics_failed_collections_total\\{metric="room_celsius"\\} ${times}$`, "m"),
      );
      assert.equal(clock.pending, 0);
    }
    // Nobody waits any more; a failure must not become an unhandled rejection, which would fail this test.
    assert.ok(fail !== undefined);
    fail(new Error("sensor is gone"));
    await clock.advanceAsync(0);
  });

  it("is written once for those who ask at the same time, and anew afterwards", async () => {
    const metrics = createMetrics({ processMetrics: "off" });
    const [first, second] = await Promise.all([metrics.expose(), metrics.expose()]);
    assert.equal(first, second);
    assert.notEqual(await metrics.expose(), first);
  });

  it("rests after every 3 ms of writing", async () => {
    // A clock that says a millisecond has passed whenever it is asked: it is asked once for every series.
    let asked = 0;
    const clock = Object.assign(new VirtualClock(), { now: () => asked++ });
    const metrics = createMetrics({ processMetrics: "off", clock });
    for (let number = 0; number < 100; number++) metrics.serverObserver(methodNamed(`Method${number}`));
    const { turns } = await expose(metrics);
    assert.ok(turns >= 200 / 4, `${turns} turns for 200 series`);
  });

  it("of 1,000 histogram series holds the loop for no more than a slice", async () => {
    const metrics = createMetrics({ processMetrics: "off", messageSizes: "off" });
    for (let number = 0; number < 1000; number++) {
      metrics.serverObserver(methodNamed(`Method${number}`)).callEnded?.(serverCall());
    }
    const longest: number[] = [];
    for (let run = 0; run < 7; run++) longest.push((await expose(metrics)).longestMs);
    const lines = (await metrics.expose()).body.split("\n").length;
    // The least of several: what other programs on this machine do to one run is not ours.
    const least = Math.min(...longest);
    console.log(`      ${lines} lines: longest slice of each run ${longest.map((ms) => ms.toFixed(1)).join(", ")} ms`);
    assert.ok(lines > 18_000, `${lines} lines`);
    assert.ok(least < 8, `${least} ms`);
  });
});

/** Exposes while another task takes every turn it is given. */
async function expose(metrics: Metrics): Promise<{ turns: number; longestMs: number }> {
  let [turns, longestMs, writing, began] = [0, 0, true, performance.now()];
  const turn = (): void => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - began);
    began = now;
    turns++;
    if (writing) setImmediate(turn);
  };
  setImmediate(turn);
  await metrics.expose();
  writing = false;
  return { turns, longestMs };
}
