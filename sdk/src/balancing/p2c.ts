/**
 * "p2c", the default: the power of two choices (Mitzenmacher, 2001) over peak EWMA. Two different endpoints are drawn
 * and the call goes to the lighter: what a call costs there, times the calls it would share with, over its weight. The
 * work is the same for ten endpoints and ten thousand, a burst spreads because picks in flight count, and no endpoint
 * gets more than two shares of the calls however good it looks. So a weight above twice the mean works only as far as
 * calls queue.
 *
 * Costs that differ by less than a factor of two count alike. Between equal endpoints the difference is chance, the
 * first answers of a fresh process above all, and since the memory of who is not called fades as slowly as that of who
 * is, a strict comparison would send nearly all calls of a quiet client to one of them for half a minute. For the same
 * reason a cost that has gone stale (endpoint-cost.ts) counts as its peer's, for one call.
 */
import type { Random } from "../call/random.ts";
import { drawIndex, endpointAt } from "./endpoint-at.ts";
import { floorLevel, levelsWithin, ratioOfLevels } from "./endpoint-cost.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { PickPolicyFactory } from "./pick-policy.ts";

/** Less than a factor of two is noise: answers of one endpoint differ as much among themselves. */
const ALIKE = levelsWithin(2);

export const p2c: PickPolicyFactory = ({ clock, random }) => ({
  name: "p2c",
  pick: (ready) => lighterOfTwo(ready, random, clock.now()),
});

/** Draws two different endpoints and gives the one that a call costs less; the first drawn when it is the same. */
export function lighterOfTwo(ready: readonly EndpointState[], random: Random, nowMs: number): EndpointState {
  const count = ready.length;
  if (count < 2) return endpointAt(ready, 0);
  const at = drawIndex(random, count);
  const other = drawIndex(random, count - 1);
  const first = endpointAt(ready, at);
  const second = endpointAt(ready, other < at ? other : other + 1);
  const floor = floorLevel(nowMs);
  const difference = first.level(floor, second) - second.level(floor, first);
  const alike = (difference <= ALIKE && difference >= -ALIKE) || (difference > 0 ? first : second).isStale(floor);
  const ratio = alike ? 1 : ratioOfLevels(difference);
  const load = ratio * (first.inFlight + 1) * second.weight;
  return load <= (second.inFlight + 1) * first.weight ? first : second;
}
