/** What this process holds and which settings it goes by, as metrics. */
import type { Clock } from "../call/clock.ts";
import type { CoordinationObserver } from "../coordination/coordination-observer.ts";
import type { Family, NumberCell } from "./family.ts";

export interface CoordinationFamilies {
  readonly held: Family<NumberCell>;
  readonly lost: Family<NumberCell>;
  readonly age: Family<NumberCell>;
  readonly faults: Family<NumberCell>;
}

export function coordinationInstruments(
  { held, lost, age, faults }: CoordinationFamilies,
  clock: Clock,
): CoordinationObserver {
  /** When the settings of each prefix were last confirmed, on the clock. */
  const confirmedAt = new Map<string, number>();
  age.refresh = () => {
    const now = clock.now();
    for (const [prefix, at] of confirmedAt) age.cells(prefix).value = (now - at) / 1000;
  };
  return {
    held: (kind, name) => void held.cells(kind, name).value++,
    ended(kind, name, end) {
      held.cells(kind, name).value--;
      if (end === "lost") lost.cells(kind, name).value++;
    },
    settings(prefix) {
      confirmedAt.set(prefix, clock.now());
      return {
        confirmed: () => void confirmedAt.set(prefix, clock.now()),
        faults: (count) => void (faults.cells(prefix).value = count),
        closed() {
          confirmedAt.delete(prefix);
          age.remove(prefix);
          faults.remove(prefix);
        },
      };
    },
  };
}
