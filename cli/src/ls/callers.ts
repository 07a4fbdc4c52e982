/** Who calls a service, and what each caller knows of its instances: asked of the admin ports that are registered. */
import type { ClientExplanation, EndpointExplanation } from "@meshwork/sdk";
import type { RegistryReader } from "@meshwork/sdk/inspect";
import { table } from "../table.ts";
import type { Colors } from "../terminal.ts";
import { instancesByService } from "./list-registry.ts";

/** One client of the service, in one process. */
export interface Caller extends ClientExplanation {
  /** Id of an instance that the calling process has registered. */
  readonly caller: string;
}

/** Of one admin port. A process that hangs may be the reason for looking, so it is not waited for. */
const ADMIN_MS = 1_000;

/** Callers that answer, by id. Processes that register nothing are not known here. Rejects like services(). */
export async function callersOf(
  registry: RegistryReader,
  service: string,
  signal: AbortSignal,
): Promise<readonly Caller[]> {
  const byAdmin = new Map<string, string>();
  const instances = [...(await instancesByService(registry)).values()].flat();
  for (const { id, metadata } of instances.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const admin = metadata["admin"];
    if (admin !== undefined && !byAdmin.has(admin)) byAdmin.set(admin, id);
  }
  const asked = [...byAdmin].map(async ([admin, caller]) => {
    const clients = await explanationsAt(admin, signal);
    return clients.filter(({ target }) => target === `consul:///${service}`).map((client) => ({ caller, ...client }));
  });
  return (await Promise.all(asked)).flat().sort((a, b) => (a.caller < b.caller ? -1 : 1));
}

/** None where nobody answers, or something else does. */
async function explanationsAt(admin: string, signal: AbortSignal): Promise<readonly ClientExplanation[]> {
  try {
    const within = AbortSignal.any([signal, AbortSignal.timeout(ADMIN_MS)]);
    const answer = await fetch(`http://${admin}/debug/balancer`, { signal: within });
    const told: unknown = answer.ok ? await answer.json() : [];
    return Array.isArray(told) ? told.filter(isExplanation) : [];
  } catch {
    signal.throwIfAborted();
    return [];
  }
}

function isExplanation(value: unknown): value is ClientExplanation {
  const { target, policy, endpoints } = (value ?? {}) as Partial<ClientExplanation>;
  return typeof target === "string" && typeof policy === "string" && Array.isArray(endpoints);
}

export function describeCallers(callers: readonly Caller[], colors: Colors): string {
  const rows = callers.flatMap(({ caller, policy, chosenBy, endpoints }) =>
    endpoints.map((one) => [
      caller,
      chosenBy === undefined ? policy : `${policy} (Consul)`,
      one.id,
      String(one.picks),
      String(one.inFlight),
      cost(one),
      stateOf(one),
    ]),
  );
  return table([["CALLER", "POLICY", "CALLS", "PICKS", "IN FLIGHT", "COST", "STATE"], ...rows], colors.dim);
}

function cost({ costMs }: EndpointExplanation): string {
  return costMs === undefined ? "" : `${costMs.toFixed(1)} ms`;
}

function stateOf({ connection, ejected, share }: EndpointExplanation): string {
  if (ejected === undefined) {
    return share === undefined ? connection : `${connection}, new: ${Math.round(100 * share)} % of its weight`;
  }
  const next = ejected.triedInMs === 0 ? "on trial" : `tried in ${Math.ceil(ejected.triedInMs / 1_000)} s`;
  return `out for ${ejected.reason} since ${Math.round(ejected.forMs / 1_000)} s, ${next}`;
}
