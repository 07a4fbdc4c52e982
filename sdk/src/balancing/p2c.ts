/**
 * "p2c", the default: the power of two choices (Mitzenmacher, 2001) over peak EWMA. Two different endpoints are drawn
 * and the call goes to the lighter: what a call costs there, times the calls it would share with, over its weight. The
 * work is the same for ten endpoints and ten thousand, a burst spreads because picks in flight count, and no endpoint
 * gets more than two shares of the calls however good it looks. So a weight above twice the mean works only as far as
 * calls queue.
 */
import { drawIndex, endpointAt } from "./endpoint-at.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { PickPolicyFactory } from "./pick-policy.ts";

export const p2c: PickPolicyFactory = ({ clock, random }) => ({
  name: "p2c",
  pick(ready) {
    const count = ready.length;
    if (count < 2) return endpointAt(ready, 0);
    const at = drawIndex(random, count);
    const other = drawIndex(random, count - 1);
    const first = endpointAt(ready, at);
    const second = endpointAt(ready, other < at ? other : other + 1);
    const nowMs = clock.now();
    return loadOf(first, second, nowMs) <= loadOf(second, first, nowMs) ? first : second;
  },
});

function loadOf(state: EndpointState, peer: EndpointState, nowMs: number): number {
  return (state.costMs(nowMs, peer) * (state.inFlight + 1)) / shareOf(state.endpoint.weight);
}

/** A weight that is no positive number counts as 1, as gRPC A58 gives the average to endpoints without a weight. */
function shareOf(weight: number): number {
  return weight > 0 && weight < Infinity ? weight : 1;
}
