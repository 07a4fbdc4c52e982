/** Draws an endpoint with a chance in proportion to its weight, looking at each once: for what is drawn seldom. */
import type { Random } from "../call/random.ts";
import { endpointAt } from "./endpoint-at.ts";
import type { EndpointState } from "./endpoint-state.ts";

/** Throws INTERNAL when there is none. */
export function drawByWeight(random: Random, ready: readonly EndpointState[]): EndpointState {
  let drawn = endpointAt(ready, 0);
  let total = 0;
  for (const state of ready) {
    total += state.weight;
    if (random() * total < state.weight) drawn = state;
  }
  return drawn;
}
