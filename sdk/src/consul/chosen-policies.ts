/**
 * Which pick policy Consul chooses for each service. Its service-resolver says so in LoadBalancer.Policy, from 1.9 on and
 * of the five that Envoy has, or by any name in Meta, which wins. One query follows all services together.
 */
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import type { Random } from "../call/random.ts";
import type { Watch } from "../discovery/directory.ts";
import type { ConfigEntry } from "./config-entry.ts";
import { watchConfigEntries } from "./config-entry-api.ts";
import type { ConsulHttp } from "./consul-http.ts";

/** The key of Meta that names a policy. */
export const POLICY_META = "meshwork-balancing";

export interface ChosenPoliciesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** What is wrong with a name, for people; undefined when there is a policy of it. */
  readonly fault: (name: string) => string | undefined;
  /** Hears every change: by service, the name of a policy that there is. */
  readonly onChange: (policies: ReadonlyMap<string, string>) => void;
}

/** Follows what Consul chooses. While it cannot be asked, what it said last holds. */
export function watchChosenPolicies(http: ConsulHttp, options: ChosenPoliciesOptions): Watch {
  const { clock, random, log, fault, onChange } = options;
  return watchConfigEntries(http, "service-resolver", {
    clock,
    random,
    onValue: (stored) => {
      const chosen = new Map<string, string>();
      for (const { entry } of stored) {
        const name = entry.Meta?.[POLICY_META] || entry.LoadBalancer?.Policy || undefined;
        if (name === undefined) continue;
        const wrong = fault(name);
        if (wrong === undefined) chosen.set(entry.Name, name);
        else log.warn({ service: entry.Name }, `service-resolver ${entry.Name} chooses no policy: ${wrong}`);
        const unread = unreadParts(entry);
        if (unread.length > 0) {
          const text = `of service-resolver ${entry.Name} only LoadBalancer.Policy is followed: ${unread.join(", ")} has no effect`;
          log.warn({ service: entry.Name }, text);
        }
      }
      onChange(chosen);
    },
    onFailure: (error) => log.debug({ err: error }, "pick policies that Consul chooses cannot be read: the last hold"),
  });
}

/** What a resolver says of balancing that is said elsewhere here: sizes with pickPolicies, keys in the contract. */
function unreadParts({ LoadBalancer }: ConfigEntry<"service-resolver">): string[] {
  return Object.entries(LoadBalancer ?? {}).flatMap(([part, value]) => {
    const empty = value === null || value === undefined || (Array.isArray(value) && value.length === 0);
    return part === "Policy" || empty ? [] : [part];
  });
}
