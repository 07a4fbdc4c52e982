import assert from "node:assert/strict";
import { PICK_POLICIES } from "../../../sdk/src/balancing/pick-policies.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

describe("the pick policies", () => {
  it("go by the names they give themselves", () => {
    for (const [name, policy] of Object.entries(PICK_POLICIES)) {
      assert.equal(policy({ clock: new VirtualClock(), random: () => 0 }).name, name);
    }
  });
});
