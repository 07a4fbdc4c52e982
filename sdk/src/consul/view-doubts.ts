/** What is wrong with a view of a service that cannot be taken for the truth, in words. */
import type { Endpoint } from "../balancing/endpoint.ts";
import type { Clock } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { EndpointView } from "../discovery/directory.ts";
import type { ConsulHttp } from "./consul-http.ts";

/** A service of hundreds of instances must not fill a log line. */
const MAX_NAMED = 5;

export function slowAnswer(http: ConsulHttp, name: string, afterMs: number): MeshError {
  return new MeshError(
    "UNAVAILABLE",
    `consul at ${http.place} has not answered who serves ${name} for ${afterMs} ms: check that CONSUL_HTTP_ADDR names a healthy agent`,
  );
}

/** Why instances are missing from an answer that is not believed yet. */
export type Doubt = "outage" | "reset" | "silence" | "all at once";

/** @param withinMs how long they stay in use at most. */
export function lostInstances(
  http: ConsulHttp,
  name: string,
  missing: readonly Endpoint[],
  why: Doubt,
  withinMs: number,
): MeshError {
  const named = missing.slice(0, MAX_NAMED).map(({ id }) => id);
  const others = missing.length > MAX_NAMED ? ` and ${missing.length - MAX_NAMED} more` : "";
  const whom = `${named.join(", ")}${others}`;
  const within = `they stay in use for up to ${Math.round(withinMs)} ms`;
  return new MeshError("UNAVAILABLE", `consul at ${http.place} ${how()}`);

  function how(): string {
    switch (why) {
      case "outage":
        return `has lost ${whom} of ${name} in an outage: ${within}, in which they may register again`;
      case "reset":
        return `has lost its state, and ${whom} of ${name} with it: ${within}, in which their agents may bring them back`;
      case "silence":
        return `hears no more of ${whom} of ${name}: ${within}, in which they may be heard again`;
      case "all at once":
        return `lists none of ${name} any more (${whom}): they stay in use until that is confirmed, for up to ${withinMs} ms while it answers`;
    }
  }
}

export function hiddenInstances(http: ConsulHttp, name: string): MeshError {
  return new MeshError(
    "PERMISSION_DENIED",
    `consul at ${http.place} does not show who serves ${name} to our token: set CONSUL_HTTP_TOKEN to one with service:read on ${name} and node:read`,
  );
}

/** What calls go by while a service cannot be followed. */
export function meanwhile({ endpoints, from, confirmedAt }: EndpointView, clock: Clock): string {
  if (endpoints.length === 0) return "none of its endpoints is known";
  const ageS = confirmedAt === undefined ? undefined : Math.max(0, Math.round((clock.wallTime() - confirmedAt) / 1000));
  if (from === "disk") return `the endpoints remembered on disk are used, as of ${ageS ?? "?"} s ago`;
  return "its last known endpoints stay in use";
}
