/** The pick policies by the names that configuration uses. */
import { p2c } from "./p2c.ts";
import type { PickPolicyFactory } from "./pick-policy.ts";
import { roundRobin } from "./round-robin.ts";

export const PICK_POLICIES = {
  p2c,
  round_robin: roundRobin,
} as const satisfies Readonly<Record<string, PickPolicyFactory>>;

/** Name of a pick policy. */
export type PickPolicyName = keyof typeof PICK_POLICIES;
