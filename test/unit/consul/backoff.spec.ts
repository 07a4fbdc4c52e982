import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { backoffMs } from "../../../sdk/src/consul/backoff.ts";

describe("the wait after failures", () => {
  it("doubles from 100 ms to its bound, and chance takes up to half of it", () => {
    assert.deepEqual(
      [1, 2, 3, 8, 50].map((failures) => backoffMs(failures, 10_000, () => 0)),
      [50, 100, 200, 5_000, 5_000],
    );
    assert.equal(
      backoffMs(1, 10_000, () => 0.999),
      99.95,
    );
  });
});
