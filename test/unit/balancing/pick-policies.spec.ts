import assert from "node:assert/strict";
import { DEFAULT_PICK_POLICY, PICK_POLICIES, pickPolicy } from "../../../sdk/src/balancing/pick-policies.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

describe("pickPolicy", () => {
  it("finds every policy by the name it gives itself", () => {
    for (const name of Object.keys(PICK_POLICIES)) {
      assert.equal(pickPolicy(name)({ clock: new VirtualClock(), random: () => 0 }).name, name);
    }
    assert.equal(pickPolicy(DEFAULT_PICK_POLICY), PICK_POLICIES.p2c);
  });

  it("lists the names there are when it is asked for another", () => {
    for (const name of ["least_request", "", "toString", "P2C"]) {
      assert.throws(
        () => pickPolicy(name),
        (error) =>
          error instanceof MeshError &&
          error.code === "INVALID_ARGUMENT" &&
          error.reason === `pick policy ${JSON.stringify(name)} is not known: use one of p2c, round_robin`,
      );
    }
  });
});
