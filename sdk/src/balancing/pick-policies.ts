/** The pick policies by the names that contracts and configuration use. */
import { MeshError } from "../call/mesh-error.ts";
import { leastRequest } from "./least-request.ts";
import { maglev } from "./maglev.ts";
import { p2c } from "./p2c.ts";
import { pickFirst } from "./pick-first.ts";
import type { PickPolicyFactory } from "./pick-policy.ts";
import { prequal } from "./prequal.ts";
import { randomPick } from "./random-pick.ts";
import { ringHash } from "./ring-hash.ts";
import { roundRobin } from "./round-robin.ts";
import { weightedRoundRobin } from "./weighted-round-robin.ts";

/** Each with its defaults. */
export const PICK_POLICIES = {
  p2c,
  prequal: prequal(),
  least_request: leastRequest(),
  round_robin: roundRobin,
  weighted_round_robin: weightedRoundRobin(),
  ring_hash: ringHash(),
  maglev: maglev(),
  random: randomPick,
  pick_first: pickFirst,
} as const satisfies Readonly<Record<string, PickPolicyFactory>>;

/** Name of a pick policy of the mesh's own. */
export type PickPolicyName = keyof typeof PICK_POLICIES;

/**
 * The policy of a name, the user's before the mesh's own.
 *
 * @throws MeshError INVALID_ARGUMENT that lists the names there are.
 */
export function pickPolicyNamed(
  name: string,
  own: Readonly<Record<string, PickPolicyFactory>> = {},
): PickPolicyFactory {
  const known: Readonly<Record<string, PickPolicyFactory>> = { ...PICK_POLICIES, ...own };
  const policy = Object.hasOwn(known, name) ? known[name] : undefined;
  if (policy !== undefined) return policy;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `there is no pick policy ${JSON.stringify(name)}: write one of ${Object.keys(known).join(", ")}, or add it to pickPolicies`,
  );
}
