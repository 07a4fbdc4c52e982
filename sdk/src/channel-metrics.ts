/** Connections and discovery of channels as metrics (gRFC A94). */
import type { ChannelObserver } from "./client/service-channel.ts";
import type { Metrics } from "./telemetry/metrics.ts";

export function channelMetrics(metrics: Metrics): ChannelObserver {
  return {
    viewChanged: (target, view) => metrics.discovery(target).updated(view),
    connectionChanged(target, _endpoint, from, to) {
      const connections = metrics.connections(target);
      if (to === "ready") connections.opened();
      else if (from === "ready") connections.closed(to === "closed" ? "subchannel shutdown" : "unknown");
      else if (to === "failed") connections.attemptFailed();
    },
  };
}
