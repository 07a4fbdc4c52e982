/**
 * Which pick policy Consul chooses for each service. Its service-resolver says so in LoadBalancer.Policy, from 1.9 on and
 * of the five that Envoy has, or by any name in Meta, which wins. One query follows all services together.
 */
import { z } from "zod";
import type { Watch } from "../discovery/directory.ts";
import { type Following, watchBlocking } from "./blocking-query.ts";
import type { ConsulHttp } from "./consul-http.ts";
import { decodeReply } from "./decode-reply.ts";

/** The key of Meta that names a policy. */
const POLICY_META = "meshwork-balancing";

export interface ChosenPolicy {
  /** As it is written there: a policy of the name may not exist. */
  readonly name: string;
  /** Parts of LoadBalancer that say how it should work: sizes are set with pickPolicies here, keys in the contract. */
  readonly unread: readonly string[];
}

const Resolver = z.object({
  Name: z.string(),
  Meta: z.record(z.string(), z.string()).nullish(),
  LoadBalancer: z.looseObject({ Policy: z.string().nullish() }).nullish(),
});

/** Follows what Consul chooses, by service. */
export function watchChosenPolicies(http: ConsulHttp, following: Following<ReadonlyMap<string, ChosenPolicy>>): Watch {
  return watchBlocking(http, {
    ...following,
    path: "/config/service-resolver",
    parse: (text) => chosenIn(decodeReply(http, z.array(z.unknown()).nullable(), text) ?? []),
  });
}

/** An entry of another form, which only a Consul of the future could have, chooses nothing; the others do. */
function chosenIn(entries: readonly unknown[]): ReadonlyMap<string, ChosenPolicy> {
  const chosen = new Map<string, ChosenPolicy>();
  for (const entry of entries) {
    const { data } = Resolver.safeParse(entry);
    const named = data?.Meta?.[POLICY_META];
    const name = named || data?.LoadBalancer?.Policy;
    if (data === undefined || !name) continue;
    chosen.set(data.Name, { name, unread: named ? [] : unreadParts(data.LoadBalancer ?? {}) });
  }
  return chosen;
}

function unreadParts(loadBalancer: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(loadBalancer).flatMap(([part, value]) => {
    const empty = value === null || value === undefined || (Array.isArray(value) && value.length === 0);
    return part === "Policy" || empty ? [] : [part];
  });
}
