import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { EndpointState } from "../../../sdk/src/balancing/endpoint-state.ts";
import { PICK_POLICIES, pickPolicyNamed } from "../../../sdk/src/balancing/pick-policies.ts";
import type { PickPolicyFactory } from "../../../sdk/src/balancing/pick-policy.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { states } from "./fleet.ts";

const CALL = { hash: undefined };
const environment = (seed = 1) => ({ clock: new VirtualClock(), random: seededRandom(seed) });
const named = Object.entries<PickPolicyFactory>(PICK_POLICIES);

describe("the pick policies", () => {
  it("go by the names they give themselves", () => {
    for (const [name, policy] of named) {
      assert.equal(policy(environment()).name, name);
      assert.equal(pickPolicyNamed(name), policy);
    }
  });

  it("have an error for other names that lists them, and give users' own first", () => {
    const own: PickPolicyFactory = () => ({ name: "own", pick: (ready) => ready[0] as EndpointState });
    assert.equal(pickPolicyNamed("own", { own }), own);
    assert.equal(pickPolicyNamed("p2c", { p2c: own }), own);
    for (const name of ["ewma", "toString", ""]) {
      assert.throws(
        () => pickPolicyNamed(name, { own }),
        (error) =>
          error instanceof MeshError &&
          error.code === "INVALID_ARGUMENT" &&
          error.message.includes("p2c, prequal") &&
          error.message.includes("own"),
      );
    }
  });

  for (const [name, factory] of named) {
    it(`${name} picks one of those it is given, the whole or a part, and changes no count`, () => {
      const fleet = states(8);
      const part = fc.subarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 1 });
      fc.assert(
        fc.property(part, fc.array(part, { maxLength: 5 }), fc.nat(), fc.nat(), (members, parts, seed, hash) => {
          const policy = factory(environment(seed));
          const all = members.map((at) => fleet[at]!);
          policy.update?.(all);
          for (const members of [undefined, ...parts]) {
            const some = members === undefined ? all : all.filter((_, at) => members.includes(at));
            if (some.length === 0) continue;
            for (const call of [CALL, { hash }]) assert.ok(some.includes(policy.pick(some, call)));
          }
          assert.ok(fleet.every(({ inFlight }) => inFlight === 0));
        }),
      );
    });

    it(`${name} says so when there is no endpoint`, () => {
      assert.throws(
        () => factory(environment()).pick([], CALL),
        (error) => error instanceof MeshError && error.code === "INTERNAL",
      );
    });
  }
});
