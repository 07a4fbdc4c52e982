/**
 * The policy that a call follows: contract < mesh configuration < call options. Layers are merged property
 * by property, `retry` and `hedging` as wholes. A layer that sets one of these two turns off the other of the layers
 * below it, because a call follows one of them at most.
 */
import { MeshError } from "../call/mesh-error.ts";
import { type MethodInfo, methodLabel } from "../call/method-info.ts";
import { MAX_ATTEMPTS, policyProblems } from "./check-policy.ts";
import { HEDGING_DEFAULTS, type MethodPolicy, type PolicyOverride, RETRY_DEFAULTS } from "./policy.ts";

/** Who beside the contract may say how a method behaves, the weaker first. */
export interface PolicyLayers {
  readonly configuration?: PolicyOverride | undefined;
  readonly call?: PolicyOverride | undefined;
}

/**
 * Merges a method's policy with the layers around it. Attempts above 5 count as 5, as gRFC A6 has it.
 *
 * @throws MeshError INVALID_ARGUMENT naming the method and every fault, when the layers add up to nonsense: retries of
 *   a method that is not safe to send twice, a deadline that is not positive.
 */
export function mergePolicy(
  method: MethodInfo & { readonly policy: MethodPolicy },
  layers: PolicyLayers = {},
): MethodPolicy {
  const { idempotency, ...contract } = method.policy;
  let merged: PolicyOverride = {};
  for (const layer of [contract, layers.configuration, layers.call]) {
    if (layer !== undefined) merged = overlay(merged, layer);
  }
  const policy = settle(idempotency, merged);
  const problems = policyProblems(policy);
  if (problems.length === 0) return policy;
  const faults = problems.map(({ property, fault }) => `${property} ${fault}`).join("; ");
  throw new MeshError("INVALID_ARGUMENT", `policy of ${methodLabel(method)} cannot be followed: ${faults}`);
}

/** Several layers as one, the stronger behind the weaker; undefined when none says anything. */
export function overlayPolicies(layers: readonly (PolicyOverride | undefined)[]): PolicyOverride | undefined {
  const said = layers.filter((layer) => layer !== undefined);
  return said.length === 0 ? undefined : said.reduce(overlay);
}

/** What a layer that speaks for many methods says of one: retries and hedges reach only what is safe to send twice. */
export function reachable(
  wide: PolicyOverride | undefined,
  { policy }: { readonly policy: MethodPolicy },
): PolicyOverride | undefined {
  if (wide === undefined || policy.idempotency !== "IDEMPOTENCY_UNKNOWN") return wide;
  const { retry: _retry, hedging: _hedging, ...rest } = wide;
  return rest;
}

function overlay(below: PolicyOverride, above: PolicyOverride): PolicyOverride {
  const said = Object.fromEntries(Object.entries(above).filter(([, value]) => value !== undefined)) as PolicyOverride;
  return {
    ...below,
    ...(said.retry ? { hedging: null } : {}),
    ...(said.hedging ? { retry: null } : {}),
    ...said,
  };
}

function settle(idempotency: MethodPolicy["idempotency"], merged: PolicyOverride): MethodPolicy {
  const { retry, hedging, ...rest } = merged;
  return {
    ...rest,
    idempotency,
    ...(retry ? { retry: capped({ ...RETRY_DEFAULTS, ...retry }) } : {}),
    ...(hedging ? { hedging: capped({ ...HEDGING_DEFAULTS, ...hedging }) } : {}),
  };
}

function capped<T extends { readonly maxAttempts: number }>(policy: T): T {
  return { ...policy, maxAttempts: Math.min(policy.maxAttempts, MAX_ATTEMPTS) };
}
