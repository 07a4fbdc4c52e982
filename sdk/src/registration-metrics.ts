/** Registrations as a metric: which instances of this process the registry lists, and which it cannot be told of. */
import type { Registration } from "./discovery/registration.ts";
import type { Metrics } from "./telemetry/metrics.ts";

export function withMetrics(registration: Registration, metrics: Metrics): Registration {
  return {
    async register(instance, onUpkeep) {
      const instruments = metrics.registration(instance.name, instance.id);
      instruments.state("registering");
      try {
        let state: "registered" | "failing" = "registered";
        const registered = await registration.register(instance, (event) => {
          if (event === "stalled") instruments.stalled();
          else instruments.state((state = event));
          onUpkeep?.(event);
        });
        instruments.state(state);
        return { deregister: () => registered.deregister().finally(() => instruments.state("deregistered")) };
      } catch (error) {
        instruments.state("deregistered");
        throw error;
      }
    },
  };
}
