import assert from "node:assert/strict";
import { pickFirst } from "../../../sdk/src/balancing/pick-first.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { states, tally } from "./fleet.ts";

const CALL = { hash: undefined };
const policyOf = (seed: number) => pickFirst({ clock: new VirtualClock(), random: seededRandom(seed) });

describe("pick_first", () => {
  it("stays with one endpoint while it is there, whoever comes or goes beside it", () => {
    const [a, b, c] = states(3);
    const policy = policyOf(1);
    let ready = [a!, b!];
    policy.update?.(ready);
    const chosen = policy.pick(ready, CALL);
    for (ready of [[c!, b!, a!], [chosen], [c!, chosen]]) {
      policy.update?.(ready);
      assert.equal(policy.pick(ready, CALL), chosen);
    }
  });

  it("moves when it goes, and does not go back", () => {
    const [a, b] = states(2);
    const policy = policyOf(1);
    const both = [a!, b!];
    policy.update?.(both);
    const chosen = policy.pick(both, CALL);
    const other = chosen === a ? b! : a!;
    policy.update?.([other]);
    policy.pick([other], CALL);
    const again = [a!, b!];
    policy.update?.(again);
    assert.equal(policy.pick(again, CALL), other);
  });

  it("lets a retry go elsewhere and other calls stay", () => {
    const ready = states(3);
    const policy = policyOf(1);
    policy.update?.(ready);
    const chosen = policy.pick(ready, CALL);
    const untried = ready.filter((state) => state !== chosen);
    assert.ok(untried.includes(policy.pick(untried, CALL)));
    assert.equal(policy.pick(ready, CALL), chosen);
  });

  it("is another one for other clients", () => {
    const ready = states(4);
    const chosen = tally(() => policyOf(Math.random() * 2 ** 32).pick(ready, CALL), 4_000);
    for (const count of chosen.values()) assert.ok(Math.abs(count - 1_000) < 200, [...chosen].join(" "));
  });
});
