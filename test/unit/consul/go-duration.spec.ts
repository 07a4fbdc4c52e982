import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { GoDuration, goDurationMs } from "../../../sdk/src/consul/go-duration.ts";

describe("a duration of Go", () => {
  for (const [text, ms] of [
    ["0s", 0],
    ["0", 0],
    ["3s", 3_000],
    ["1m30s", 90_000],
    ["1h0m0.5s", 3_600_500],
    ["500ms", 500],
    ["1.5s", 1_500],
    [".3s", 300],
    ["300us", 0.3],
    ["2µs", 0.002],
    ["-1s", -1_000],
  ] as const) {
    it(`${text} is ${ms} ms`, () => assert.equal(goDurationMs(text), ms));
  }

  it("is nothing else", () => {
    for (const text of ["", "3", "s", "3 s", "3d", "1s2", "--1s", "1e3s"])
      assert.equal(goDurationMs(text), undefined, text);
  });

  it("is refused as fast as it was read, however long", () => {
    const startedMs = performance.now();
    assert.equal(goDurationMs("1".repeat(1_000_000)), undefined);
    assert.equal(goDurationMs(`1.${"1".repeat(1_000_000)}`), undefined);
    assert.ok(performance.now() - startedMs < 2_000, "it took more than time in proportion to its length");
  });

  it("is nanoseconds where it is a number", () => {
    assert.equal(GoDuration.parse(1_500_000), 1.5);
    assert.equal(GoDuration.parse("2s"), 2_000);
    assert.throws(() => GoDuration.parse("soon"), /is no duration/);
  });
});
