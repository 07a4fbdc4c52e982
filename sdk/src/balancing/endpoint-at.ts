/** Draws from the array that a policy is handed. */
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import type { EndpointState } from "./endpoint-state.ts";

/** A whole number from 0 to count - 1. */
export function drawIndex(random: Random, count: number): number {
  return Math.floor(random() * count);
}

/** The endpoint at a place. Throws INTERNAL when there is none: policies are asked only while someone is ready. */
export function endpointAt(ready: readonly EndpointState[], index: number): EndpointState {
  const state = ready[index];
  if (state === undefined) {
    throw new MeshError(
      "INTERNAL",
      `pick policy has no endpoint ${index} of ${ready.length}: ask it only with at least one`,
    );
  }
  return state;
}
