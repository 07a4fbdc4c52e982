/** How fresh a registry's word on each service is, as metrics. */
import type { Clock } from "../call/clock.ts";
import type { DirectoryObserver } from "../discovery/directory-observer.ts";
import type { Family, NumberCell } from "./family.ts";

export const VIEW_STATES = ["live", "stale", "disk"] as const;

export interface DirectoryFamilies {
  readonly age: Family<NumberCell>;
  readonly failures: Family<NumberCell>;
  readonly state: Family<NumberCell>;
}

export function directoryInstruments({ age, failures, state }: DirectoryFamilies, clock: Clock): DirectoryObserver {
  /** When each service was last confirmed, in milliseconds since 1970: processes before this one count too. */
  const confirmedAt = new Map<string, number>();
  age.refresh = () => {
    const now = clock.wallTime();
    for (const [service, at] of confirmedAt) age.cells(service).value = Math.max(0, now - at) / 1000;
  };
  return {
    confirmed: (service) => void confirmedAt.set(service, clock.wallTime()),
    failed: (service, kind) => void failures.cells(service, kind).value++,
    viewed(service, view) {
      if (view.confirmedAt !== undefined) confirmedAt.set(service, view.confirmedAt);
      const now = view.freshness === "live" ? "live" : (view.from ?? "stale");
      for (const one of VIEW_STATES) state.cells(service, one).value = one === now ? 1 : 0;
    },
    closed(service) {
      confirmedAt.delete(service);
      age.remove(service);
      for (const one of VIEW_STATES) state.remove(service, one);
    },
  };
}
