import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { EndpointState } from "../../../sdk/src/balancing/endpoint-state.ts";
import type { PickPolicy } from "../../../sdk/src/balancing/pick-policy.ts";
import { roundRobin } from "../../../sdk/src/balancing/round-robin.ts";
import { withoutTried } from "../../../sdk/src/balancing/without-tried.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { states } from "./fleet.ts";

const CALL = { hash: undefined };

function policyFrom(random: () => number): PickPolicy {
  return roundRobin({ clock: new VirtualClock(), random });
}

function picks(policy: PickPolicy, ready: readonly EndpointState[], count: number): string[] {
  return Array.from({ length: count }, () => policy.pick(ready, CALL).endpoint.id);
}

describe("round robin", () => {
  it("takes every endpoint in turn", () => {
    assert.deepEqual(
      picks(
        policyFrom(() => 0),
        states(3),
        7,
      ),
      ["e0", "e1", "e2", "e0", "e1", "e2", "e0"],
    );
  });

  it("starts anywhere", () => {
    const starts = new Set(
      Array.from({ length: 50 }, (_, seed) => picks(policyFrom(seededRandom(seed)), states(4), 1)[0]),
    );
    assert.deepEqual(starts, new Set(["e0", "e1", "e2", "e3"]));
  });

  it("goes on after the last one when endpoints come", () => {
    const [a, b, c, d] = states(4);
    const policy = policyFrom(() => 0);
    assert.deepEqual(picks(policy, [b!, c!], 1), ["e1"]);
    assert.deepEqual(picks(policy, [a!, b!, c!, d!], 4), ["e2", "e3", "e0", "e1"]);
  });

  it("goes on with the next one when the last one went", () => {
    const [a, b, c, d] = states(4);
    const policy = policyFrom(() => 0);
    assert.deepEqual(picks(policy, [a!, b!, c!, d!], 2), ["e0", "e1"]);
    assert.deepEqual(picks(policy, [a!, c!, d!], 4), ["e2", "e3", "e0", "e2"]);
  });

  it("starts again from the front when the last one went and was at the end", () => {
    const [a, b] = states(2);
    const policy = policyFrom(() => 0.9);
    assert.deepEqual(picks(policy, [a!, b!], 1), ["e1"]);
    assert.deepEqual(picks(policy, [a!], 2), ["e0", "e0"]);
  });

  it("keeps its turns fair when one endpoint always fails and its calls are retried", () => {
    const ready = states(4);
    const policy = policyFrom(() => 0);
    const served = new Map<string, number>();
    for (let call = 0; call < 400; call++) {
      let state = policy.pick(ready, CALL);
      if (state === ready[1]) state = policy.pick(withoutTried(ready, [state]), CALL);
      served.set(state.endpoint.id, (served.get(state.endpoint.id) ?? 0) + 1);
    }
    assert.ok(!served.has("e1"));
    for (const count of served.values()) assert.ok(Math.abs(count - 400 / 3) < 2, [...served].join(" "));
  });

  it("looks at one endpoint a pick while the array stays, for ten and for ten thousand", () => {
    const reads = (size: number) => {
      let count = 0;
      const ready = new Proxy(states(size), {
        get: (target, key) => {
          count++;
          return Reflect.get(target, key) as unknown;
        },
      });
      const policy = policyFrom(() => 0);
      for (let at = 0; at < 9; at++) policy.pick(ready, CALL);
      return count;
    };
    assert.equal(reads(10_000), reads(10));
  });

  it("says so when there is no endpoint", () => {
    assert.throws(
      () => policyFrom(() => 0).pick([], CALL),
      (error) => error instanceof MeshError && error.code === "INTERNAL",
    );
  });

  it("gives everyone who stays a turn in every round, whoever comes and goes", () => {
    const all = states(8);
    const views = fc.array(fc.uniqueArray(fc.nat(7), { minLength: 1 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(views, fc.nat(), (changes, seed) => {
        const policy = policyFrom(seededRandom(seed));
        for (const members of changes) {
          const ready = members.sort((a, b) => a - b).map((at) => all[at]!);
          const round = new Set(picks(policy, ready, ready.length));
          assert.deepEqual(
            [...round].sort(),
            ready.map((state) => state.endpoint.id),
          );
        }
      }),
    );
  });
});
