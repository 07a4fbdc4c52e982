/**
 * Which pick policy Consul chooses for each service. Its service-resolver says so in LoadBalancer.Policy, from 1.9 on and
 * of the five that Envoy has, or by any name in Meta, which wins. One query follows all services together.
 */
import type { Watch } from "../discovery/directory.ts";
import type { Following } from "./blocking-query.ts";
import type { ConfigEntry } from "./config-entry.ts";
import { watchConfigEntries } from "./config-entry-api.ts";
import type { ConsulHttp } from "./consul-http.ts";

/** The key of Meta that names a policy. */
export const POLICY_META = "meshwork-balancing";

export interface ChosenPolicy {
  /** As it is written there: a policy of the name may not exist. */
  readonly name: string;
  /** Parts of LoadBalancer that say how it should work: sizes are set with pickPolicies here, keys in the contract. */
  readonly unread: readonly string[];
}

/** Follows what Consul chooses, by service. */
export function watchChosenPolicies(
  http: ConsulHttp,
  {
    onValue,
    ...following
  }: Omit<Following<ReadonlyMap<string, ChosenPolicy>>, "onFailure"> & Pick<Following<unknown>, "onFailure">,
): Watch {
  return watchConfigEntries(http, "service-resolver", {
    ...following,
    onValue: (stored, circumstance) => {
      const chosen = new Map<string, ChosenPolicy>();
      for (const { entry } of stored) {
        const name = entry.Meta?.[POLICY_META] || entry.LoadBalancer?.Policy;
        if (name) chosen.set(entry.Name, { name, unread: unreadParts(entry) });
      }
      onValue(chosen, circumstance);
    },
  });
}

function unreadParts({ LoadBalancer }: ConfigEntry<"service-resolver">): string[] {
  return Object.entries(LoadBalancer ?? {}).flatMap(([part, value]) => {
    const empty = value === null || value === undefined || (Array.isArray(value) && value.length === 0);
    return part === "Policy" || empty ? [] : [part];
  });
}
