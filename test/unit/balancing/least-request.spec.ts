import assert from "node:assert/strict";
import { type LeastRequestOptions, leastRequest } from "../../../sdk/src/balancing/least-request.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { states, tally, weighing } from "./fleet.ts";

const CALL = { hash: undefined };
const policyOf = (options: LeastRequestOptions = {}, seed = 1) =>
  leastRequest(options)({ clock: new VirtualClock(), random: seededRandom(seed) });

describe("least_request", () => {
  it("takes the one with the fewest calls in flight when it draws all", () => {
    const ready = states(4);
    ready.forEach((state, at) => Array.from({ length: 5 - at }, () => state.started()));
    const policy = policyOf({ choices: 4 });
    for (let pick = 0; pick < 100; pick++) assert.equal(policy.pick(ready, CALL), ready[3]);
  });

  it("spreads a burst evenly, and by weight", () => {
    const even = states(10);
    const policy = policyOf();
    for (let pick = 0; pick < 1_000; pick++) policy.pick(even, CALL).started();
    const counts = even.map(({ inFlight }) => inFlight);
    assert.ok(Math.max(...counts) / Math.min(...counts) <= 1.2, counts.join(" "));
    const uneven = weighing(1, 1, 2, 2);
    for (let pick = 0; pick < 6_000; pick++) policy.pick(uneven, CALL).started();
    const [a, b, c, d] = uneven.map(({ inFlight }) => inFlight);
    assert.ok(Math.abs((c! + d!) / (a! + b!) - 2) < 0.05, `${a} ${b} ${c} ${d}`);
  });

  it("draws different endpoints, each as often", () => {
    const ready = states(6);
    ready[0]!.started();
    const policy = policyOf({ choices: 6 });
    const counts = tally(() => policy.pick(ready, CALL), 50_000);
    assert.equal(counts.get("e0"), undefined, "the one with a call is the lightest only if no other is drawn");
    for (const count of counts.values()) assert.ok(Math.abs(count - 10_000) < 500, [...counts].join(" "));
  });

  it("refuses choices that are out of range", () => {
    for (const choices of [1, 11, 2.5, NaN]) {
      assert.throws(
        () => leastRequest({ choices }),
        (error) => error instanceof MeshError && error.code === "INVALID_ARGUMENT",
      );
    }
  });
});
