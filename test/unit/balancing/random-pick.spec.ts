import assert from "node:assert/strict";
import * as fc from "fast-check";
import { AliasTable } from "../../../sdk/src/balancing/alias-table.ts";
import { randomPick } from "../../../sdk/src/balancing/random-pick.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { tally, weighing } from "./fleet.ts";

const CALL = { hash: undefined };

describe("the random policy", () => {
  it("honours weights, also among a part", () => {
    const ready = weighing(1, 2, 3, 4);
    const policy = randomPick({ clock: new VirtualClock(), random: seededRandom(1) });
    policy.update?.(ready);
    const all = tally(() => policy.pick(ready, CALL), 100_000);
    for (const { endpoint } of ready) {
      assert.ok(Math.abs(all.get(endpoint.id)! - 10_000 * endpoint.weight) < 700, [...all].join(" "));
    }
    const part = ready.slice(2);
    const some = tally(() => policy.pick(part, CALL), 70_000);
    assert.ok(Math.abs(some.get("e2")! - 30_000) < 700 && some.size === 2, [...some].join(" "));
  });

  it("draws from a table whose cells add up to the weights", () => {
    const weights = fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(weights, (weights) => {
        const table = new AliasTable(weights);
        const steps = 40_000;
        const counts = weights.map(() => 0);
        for (let step = 0; step < steps; step++) counts[table.at((step + 0.5) / steps)]!++;
        const total = weights.reduce((sum, weight) => sum + weight);
        for (const [at, weight] of weights.entries()) {
          assert.ok(Math.abs(counts[at]! / steps - weight / total) < 0.001, `${at}: ${counts[at]}`);
        }
      }),
      { numRuns: 50 },
    );
  });
});
