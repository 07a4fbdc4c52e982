import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createMetrics } from "../../../sdk/src/telemetry/metrics.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

describe("metrics of coordination", () => {
  const clock = new VirtualClock();
  const metrics = createMetrics({ clock, processMetrics: "off" });
  const { coordination } = metrics;

  async function value(series: string): Promise<number | undefined> {
    const { body } = await metrics.expose();
    const line = body.split("\n").find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  it("tell what is held, and how often something was lost", async () => {
    const held = 'mesh_coordination_held{kind="leader",name="scheduler"}';
    const lost = 'mesh_coordination_losses_total{kind="leader",name="scheduler"}';
    coordination.held("leader", "scheduler");
    assert.equal(await value(held), 1);
    coordination.ended("leader", "scheduler", "released");
    assert.deepEqual([await value(held), await value(lost)], [0, undefined]);
    coordination.held("leader", "scheduler");
    coordination.ended("leader", "scheduler", "lost");
    assert.deepEqual([await value(held), await value(lost)], [0, 1]);
  });

  it("tell how old settings are, and how many hold what cannot be used", async () => {
    const age = 'mesh_settings_age_seconds{prefix="config/greeter/"}';
    const faults = 'mesh_settings_faults{prefix="config/greeter/"}';
    const settings = coordination.settings("config/greeter/");
    clock.advance(3_000);
    assert.equal(await value(age), 3);
    settings.confirmed();
    settings.faults(2);
    clock.advance(1_000);
    assert.deepEqual([await value(age), await value(faults)], [1, 2]);
    settings.closed();
    assert.deepEqual([await value(age), await value(faults)], [undefined, undefined]);
  });
});
