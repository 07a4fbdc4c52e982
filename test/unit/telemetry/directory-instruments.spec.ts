import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createMetrics } from "../../../sdk/src/telemetry/metrics.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

const EPOCH = 1_700_000_000_000;

describe("metrics of a directory", () => {
  const clock = new VirtualClock(EPOCH);
  const metrics = createMetrics({ clock, processMetrics: "off" });
  const { directory } = metrics;

  async function value(series: string): Promise<number | undefined> {
    const { body } = await metrics.expose();
    const line = body.split("\n").find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  const age = (service: string): Promise<number | undefined> =>
    value(`mesh_discovery_age_seconds{mesh_service="${service}"}`);
  const state = (service: string, state: string): Promise<number | undefined> =>
    value(`mesh_discovery_view{mesh_service="${service}",state="${state}"}`);

  it("tell how long ago the registry confirmed what is known", async () => {
    directory.confirmed("greeter");
    directory.viewed("greeter", { endpoints: [], freshness: "live" });
    clock.advance(30_000);
    assert.equal(await age("greeter"), 30);
    directory.confirmed("greeter");
    assert.equal(await age("greeter"), 0);
    clock.advance(5_000);
    directory.viewed("greeter", { endpoints: [], freshness: "stale", confirmedAt: EPOCH + 30_000 });
    clock.advance(5_000);
    assert.equal(await age("greeter"), 10);
  });

  it("count the age of what came from disk from when a process before this one knew it", async () => {
    directory.viewed("old", { endpoints: [], freshness: "stale", from: "disk", confirmedAt: EPOCH - 3_600_000 });
    assert.equal(await age("old"), 3_640);
    assert.deepEqual([await state("old", "disk"), await state("old", "stale"), await state("old", "live")], [1, 0, 0]);
  });

  it("tell what the view is, and no longer when nobody asks", async () => {
    assert.deepEqual([await state("greeter", "stale"), await state("greeter", "live")], [1, 0]);
    directory.viewed("greeter", { endpoints: [], freshness: "live" });
    assert.deepEqual([await state("greeter", "stale"), await state("greeter", "live")], [0, 1]);
    directory.closed("greeter");
    assert.deepEqual([await age("greeter"), await state("greeter", "live")], [undefined, undefined]);
  });

  it("count failures by kind, for good", async () => {
    directory.failed("greeter", "unreachable");
    directory.failed("greeter", "unreachable");
    directory.failed("greeter", "denied");
    directory.closed("greeter");
    const failures = (kind: string): Promise<number | undefined> =>
      value(`mesh_discovery_failures_total{mesh_service="greeter",kind="${kind}"}`);
    assert.deepEqual([await failures("unreachable"), await failures("denied")], [2, 1]);
  });
});
