/** Registrations as a metric: which instances of this process the registry lists, and which it cannot be told of. */
import type { Registration } from "./discovery/registration.ts";
import type { Metrics } from "./telemetry/metrics.ts";

export function withMetrics(registration: Registration, metrics: Metrics): Registration {
  return {
    async register(instance, onUpkeep) {
      const gauge = metrics.registration(instance.name, instance.id);
      gauge.state("registering");
      try {
        const registered = await registration.register(instance, (state) => {
          gauge.state(state);
          onUpkeep?.(state);
        });
        gauge.state("registered");
        return { deregister: () => registered.deregister().finally(() => gauge.state("deregistered")) };
      } catch (error) {
        gauge.state("deregistered");
        throw error;
      }
    },
  };
}
