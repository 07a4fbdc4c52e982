import assert from "node:assert/strict";

import { systemClock } from "../../../agent/src/clock.ts";

describe("the system clock", () => {
  it("does not fire at once for times that setTimeout cannot hold", async () => {
    let fired = false;
    const cancel = systemClock.after(2 ** 40, () => (fired = true));
    await new Promise<void>((resolve) => void systemClock.after(5, resolve));
    assert.ok(!fired);
    cancel();
  });
});
