import assert from "node:assert/strict";

import * as fc from "fast-check";

import { formatGoDuration, parseGoDuration } from "../../../agent/src/json/go-duration.ts";

const maxNs = 2n ** 63n - 1n;

describe("Go's durations to the nanosecond", () => {
  it("are written as Go writes them", () => {
    const written = { 0: "0s", 1: "1ns", 1_500: "1.5µs", 2_000_000: "2ms", 1_000_000_001: "1.000000001s" };
    for (const [ns, text] of Object.entries(written)) assert.equal(formatGoDuration(BigInt(ns)), text);
    assert.equal(formatGoDuration(-90_500_000_000n), "-1m30.5s");
    assert.equal(formatGoDuration(maxNs), "2562047h47m16.854775807s");
  });

  it("are the same after writing and reading", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -maxNs, max: maxNs }), (ns) => {
        assert.deepEqual(parseGoDuration(formatGoDuration(ns)), { ns });
      }),
    );
  });

  it("are refused with Go's reason", () => {
    assert.deepEqual(parseGoDuration("5"), { fault: 'time: missing unit in duration "5"' });
    assert.deepEqual(parseGoDuration("5d"), { fault: 'time: unknown unit "d" in duration "5d"' });
    for (const written of ["", "-", "s", ".s", "2562047h47m16.854775808s", "99999999999999999999"]) {
      assert.deepEqual(parseGoDuration(written), { fault: `time: invalid duration "${written}"` });
    }
  });

  it("need no unit for zero", () => {
    assert.deepEqual(parseGoDuration("-0"), { ns: 0n });
  });
});
