import assert from "node:assert/strict";
import { withoutTried } from "../../../sdk/src/balancing/without-tried.ts";
import { states } from "./fleet.ts";

describe("withoutTried", () => {
  const ready = states(3);
  const [a, b, c] = ready;

  it("leaves out what the call has tried", () => {
    assert.deepEqual(withoutTried(ready, [b!]), [a, c]);
    assert.deepEqual(withoutTried(ready, [c!, a!, a!]), [b]);
  });

  it("gives everyone again once all were tried", () => {
    assert.equal(withoutTried(ready, [c!, a!, b!]), ready);
  });

  it("copies nothing while none of the ready was tried", () => {
    assert.equal(withoutTried(ready, []), ready);
    assert.equal(withoutTried(ready, states(1)), ready);
  });
});
