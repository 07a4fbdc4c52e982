/** Connections and discovery of one channel as metrics (gRFC A94). */
import type { ChannelObserver } from "./client/service-channel.ts";
import type { Metrics } from "./telemetry/metrics.ts";

/**
 * @param target the logical one, "consul:///greeter".
 * @param service the name in it, "greeter".
 */
export function channelMetrics(metrics: Metrics, target: string, service: string): ChannelObserver {
  const connections = metrics.connections(target);
  const discovery = metrics.discovery(service);
  return {
    viewChanged: (view) => discovery.updated(view),
    connectionChanged(from, to, cause) {
      if (to === "ready") connections.opened();
      else if (from === "ready") connections.closed(cause ?? (to === "closed" ? "subchannel shutdown" : "unknown"));
      else if (to === "failed") connections.attemptFailed();
    },
    closed: () => discovery.closed(),
  };
}
