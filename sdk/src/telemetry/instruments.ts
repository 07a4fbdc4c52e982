/** Instruments for what is not a call: connections, discovery and registration, each bound once to what it speaks of. */
import type { Clock } from "../call/clock.ts";
import type { EndpointView } from "../discovery/directory.ts";
import type { Family, NumberCell } from "./family.ts";
import type { DisconnectError } from "../transport/transport.ts";

/** Told by whoever owns the connections of one target. */
export interface ConnectionInstruments {
  /** An attempt to connect succeeded: one more is open. */
  opened(): void;
  attemptFailed(): void;
  /** An open connection ended; the first cause counts. */
  closed(error: DisconnectError): void;
}

/** Told by the balancer of one client. */
export interface EjectionInstruments {
  ejected(reason: string): void;
  /** How many of the client's endpoints are out now. */
  changed(out: number): void;
}

export interface DiscoveryInstruments {
  /** Told of every view; staleness is counted from the first stale one to the next live one. */
  updated(view: EndpointView): void;
  /** The watch ended: the service's gauges go. */
  closed(): void;
}

export const REGISTRATION_STATES = ["registering", "registered", "failing", "deregistered"] as const;

/** "failing": the registry could not be told, or does not list the instance although it should. */
export type RegistrationState = (typeof REGISTRATION_STATES)[number];

export interface RegistrationInstruments {
  state(state: RegistrationState): void;
  /** A heartbeat came late because the process was busy. */
  stalled(): void;
}

export interface ConnectionFamilies {
  readonly open: Family<NumberCell>;
  readonly succeeded: Family<NumberCell>;
  readonly failed: Family<NumberCell>;
  readonly disconnections: Family<NumberCell>;
}

export interface DiscoveryFamilies {
  readonly endpoints: Family<NumberCell>;
  readonly staleness: Family<NumberCell>;
  readonly updates: Family<NumberCell>;
  readonly errors: Family<NumberCell>;
}

export function connectionInstruments(families: ConnectionFamilies): (target: string) => ConnectionInstruments {
  return (target) => {
    const open = families.open.cells(target);
    const succeeded = families.succeeded.cells(target);
    const failed = families.failed.cells(target);
    return {
      opened() {
        open.value++;
        succeeded.value++;
      },
      attemptFailed() {
        failed.value++;
      },
      closed(error) {
        open.value--;
        families.disconnections.cells(target, error).value++;
      },
    };
  };
}

export function ejectionInstruments(
  ejections: Family<NumberCell>,
  ejected: Family<NumberCell>,
): (target: string) => EjectionInstruments {
  return (target) => {
    const cell = ejected.cells(target);
    let out = 0;
    return {
      ejected: (reason) => void ejections.cells(target, reason).value++,
      // Clients of one target with different policies add up.
      changed(now) {
        cell.value += now - out;
        out = now;
      },
    };
  };
}

export function discoveryInstruments(
  families: DiscoveryFamilies,
  clock: Clock,
): (service: string) => DiscoveryInstruments {
  /** Since when each stale service is stale, on the clock. */
  const staleSince = new Map<string, number>();
  families.staleness.refresh = () => {
    const now = clock.now();
    for (const [service, since] of staleSince) families.staleness.cells(service).value = (now - since) / 1000;
  };
  return (service) => {
    const updates = families.updates.cells(service);
    const errors = families.errors.cells(service);
    return {
      updated({ endpoints, freshness, error }) {
        updates.value++;
        if (error !== undefined) errors.value++;
        families.endpoints.cells(service, "live").value = freshness === "live" ? endpoints.length : 0;
        families.endpoints.cells(service, "stale").value = freshness === "stale" ? endpoints.length : 0;
        if (freshness === "stale") {
          if (!staleSince.has(service)) staleSince.set(service, clock.now());
          return;
        }
        staleSince.delete(service);
        families.staleness.cells(service).value = 0;
      },
      closed() {
        staleSince.delete(service);
        families.staleness.remove(service);
        families.endpoints.remove(service, "live");
        families.endpoints.remove(service, "stale");
      },
    };
  };
}

export function registrationInstruments(
  states: Family<NumberCell>,
  stalls: Family<NumberCell>,
): (service: string, instance: string) => RegistrationInstruments {
  return (service, instance) => ({
    state(state) {
      for (const one of REGISTRATION_STATES) states.cells(service, instance, one).value = one === state ? 1 : 0;
    },
    stalled: () => void stalls.cells(service, instance).value++,
  });
}
