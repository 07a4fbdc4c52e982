/**
 * "p2c", the default: the power of two choices (Mitzenmacher, 2001) over peak EWMA. Two different endpoints are drawn
 * and the call goes to the lighter: what a call costs there, times the calls it would share with, over its weight. The
 * work is the same for ten endpoints and ten thousand, a burst spreads because picks in flight count, and no endpoint
 * gets more than two shares of the calls however good it looks. So a weight above twice the mean works only as far as
 * calls queue.
 *
 * Costs that differ by less than a factor of two count alike. Between equal endpoints the difference is chance, the
 * first answers of a fresh process above all, and since the memory of who is not called fades as slowly as that of who
 * is, a strict comparison would send nearly all calls of a quiet client to one of them for half a minute.
 */
import { drawIndex, endpointAt } from "./endpoint-at.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { PickPolicyFactory } from "./pick-policy.ts";

/** Less is noise: answers of one endpoint differ as much among themselves. */
const ALIKE_WITHIN = 2;

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
    const cost = first.costMs(nowMs, second);
    const otherCost = second.costMs(nowMs, first);
    const alike = cost <= otherCost * ALIKE_WITHIN && otherCost <= cost * ALIKE_WITHIN;
    return loadOf(first, alike ? 1 : cost) <= loadOf(second, alike ? 1 : otherCost) ? first : second;
  },
});

function loadOf(state: EndpointState, cost: number): number {
  return (cost * (state.inFlight + 1)) / shareOf(state.endpoint.weight);
}

/** A weight that is no positive number counts as 1, as gRPC A58 gives the average to endpoints without a weight. */
function shareOf(weight: number): number {
  return weight > 0 && weight < Infinity ? weight : 1;
}
