import assert from "node:assert/strict";

import { parseDurationMs } from "../../../agent/src/json/go-duration.ts";

describe("a duration in Go's notation", () => {
  const valid = { "10s": 10_000, "1m30s": 90_000, "1.5h": 5_400_000, ".5s": 500, "250ms": 250, "0": 0, "-1s": -1_000 };
  for (const [written, ms] of Object.entries(valid)) {
    it(`"${written}" is ${ms} ms`, () => assert.equal(parseDurationMs(written), ms));
  }

  it("is refused as fast as it was read, however long", () => {
    const startedMs = performance.now();
    assert.equal(parseDurationMs("1".repeat(1_000_000)), undefined);
    assert.equal(parseDurationMs(`1.${"1".repeat(1_000_000)}`), undefined);
    assert.ok(performance.now() - startedMs < 2_000, "it took more than time in proportion to its length");
  });

  for (const written of ["", "5", "s", "1 s", "1s ", "1d", "abc", "1s2", "--1s", "1e3s", "Infinity"]) {
    it(`"${written}" is none`, () => assert.equal(parseDurationMs(written), undefined));
  }
});
