/** The pick policies by the names that configuration uses. */
import { MeshError } from "../call/mesh-error.ts";
import { p2c } from "./p2c.ts";
import type { PickPolicyFactory } from "./pick-policy.ts";
import { roundRobin } from "./round-robin.ts";

export const PICK_POLICIES = {
  p2c,
  round_robin: roundRobin,
} as const satisfies Readonly<Record<string, PickPolicyFactory>>;

/** Name of a pick policy. */
export type PickPolicyName = keyof typeof PICK_POLICIES;

/** What a client uses when nobody names a policy. */
export const DEFAULT_PICK_POLICY: PickPolicyName = "p2c";

/** The policy of a name. Throws INVALID_ARGUMENT, with the names there are, for any other. */
export function pickPolicy(name: string): PickPolicyFactory {
  if (isPickPolicyName(name)) return PICK_POLICIES[name];
  const known = Object.keys(PICK_POLICIES).join(", ");
  throw new MeshError("INVALID_ARGUMENT", `pick policy ${JSON.stringify(name)} is not known: use one of ${known}`);
}

function isPickPolicyName(name: string): name is PickPolicyName {
  return Object.hasOwn(PICK_POLICIES, name);
}
