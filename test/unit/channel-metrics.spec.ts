import assert from "node:assert/strict";
import { Balancer } from "../../sdk/src/balancing/balancer.ts";
import { roundRobin } from "../../sdk/src/balancing/round-robin.ts";
import { channelMetrics } from "../../sdk/src/channel-metrics.ts";
import { ServiceChannel } from "../../sdk/src/client/service-channel.ts";
import { createMetrics } from "../../sdk/src/telemetry/metrics.ts";
import { VirtualClock } from "../../sdk/src/testing/virtual-clock.ts";
import { DEFAULT_LIMITS } from "../../sdk/src/transport/transport.ts";
import { CallLab, live } from "../support/call-lab.ts";

const TARGET = "manual:///lab";

/** How often connections ended, by why, as it is exposed. */
async function disconnections(metrics: ReturnType<typeof createMetrics>): Promise<Record<string, number>> {
  const text = await metrics.registry.metrics();
  const lines = text.matchAll(/^grpc_subchannel_disconnections_total\{.*grpc_disconnect_error="([^"]+)".*\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, why = "", count]) => [why, Number(count)]));
}

describe("the metrics of a channel", () => {
  it("count lost connections by what the transport says of them", async () => {
    const lab = new CallLab();
    const { clock, transport, directory } = lab;
    const metrics = createMetrics({ clock });
    const { address, listener } = await lab.serve("a");
    const channel = new ServiceChannel({
      target: TARGET,
      name: "lab",
      directory,
      transport,
      balancer: new Balancer({ policy: roundRobin, clock, random: () => 0 }),
      clock,
      limits: DEFAULT_LIMITS,
      observer: channelMetrics(metrics, TARGET, "lab"),
    });
    directory.publish(live("a"));
    await lab.settle();
    transport.drop(address);
    await lab.settle();
    assert.deepEqual(await disconnections(metrics), { "connection reset": 1 });
    channel.close();
    await listener.drain(0);
    assert.deepEqual(await disconnections(metrics), { "connection reset": 1, "subchannel shutdown": 1 });
  });

  it("say unknown where the transport does not", async () => {
    const metrics = createMetrics({ clock: new VirtualClock() });
    const observer = channelMetrics(metrics, TARGET, "lab");
    observer.connectionChanged("connecting", "ready", undefined);
    observer.connectionChanged("ready", "idle", undefined);
    observer.connectionChanged("connecting", "ready", undefined);
    observer.connectionChanged("ready", "idle", "GOAWAY NO_ERROR");
    assert.deepEqual(await disconnections(metrics), { unknown: 1, "GOAWAY NO_ERROR": 1 });
  });
});
