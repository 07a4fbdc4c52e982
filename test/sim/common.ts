/** What scenarios share. */
import { SimServer } from "./server.ts";
import type { Simulation } from "./simulation.ts";

export const SECOND = 1_000;

/** What most scenarios share. */
export const COMMON = {
  clients: { value: 1, about: "clients" },
  qps: { value: 1_000, about: "calls per second of all clients together" },
  networkMs: { value: 0.25, about: "milliseconds on the way, each way" },
  deadlineMs: { value: 5_000, about: "milliseconds that a call may take" },
  retries: { value: 0, about: "attempts after a failed one, within the budget" },
  seconds: { value: 60, about: "how long calls are made" },
} as const;

export interface CommonSettings {
  readonly clients: number;
  readonly qps: number;
  readonly networkMs: number;
  readonly deadlineMs: number;
  readonly retries: number;
  readonly seconds: number;
}

/** The options of a simulation that come of these. */
export function options({ clients, qps, networkMs, deadlineMs, retries, seconds }: CommonSettings) {
  return {
    clients,
    callsPerSecond: () => qps,
    networkMs,
    deadlineMs,
    retries,
    probeTimeoutMs: 3,
    warmupMs: 0,
    durationMs: seconds * SECOND,
  };
}

export function serversOf(simulation: Simulation, count: number, cores: number): SimServer[] {
  return Array.from({ length: count }, (_, at) => new SimServer(simulation.agenda, { id: `s${at}`, cores }));
}
