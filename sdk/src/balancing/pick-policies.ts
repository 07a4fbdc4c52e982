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

/** The user's policies by name. */
export type OwnPolicies = Readonly<Record<string, PickPolicyFactory>>;

/**
 * The policy of a name, the user's before the mesh's own.
 *
 * @throws MeshError INVALID_ARGUMENT that lists the names there are.
 */
export function pickPolicyNamed(name: string, own: OwnPolicies = {}): PickPolicyFactory {
  const policy = find(name, own);
  if (policy === undefined) throw new MeshError("INVALID_ARGUMENT", noPolicyNamed(name, own));
  return policy;
}

/** What is wrong with a name, for people; undefined when there is a policy of it. */
export function policyNameFault(name: string, own: OwnPolicies = {}): string | undefined {
  return find(name, own) === undefined ? noPolicyNamed(name, own) : undefined;
}

function find(name: string, own: OwnPolicies): PickPolicyFactory | undefined {
  if (Object.hasOwn(own, name)) return own[name];
  return Object.hasOwn(PICK_POLICIES, name) ? PICK_POLICIES[name as PickPolicyName] : undefined;
}

function noPolicyNamed(name: string, own: OwnPolicies): string {
  const names = Object.keys({ ...PICK_POLICIES, ...own }).join(", ");
  return `there is no pick policy ${JSON.stringify(name)}: write one of ${names}, or add it to pickPolicies`;
}
