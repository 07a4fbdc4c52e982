import assert from "node:assert/strict";
import * as fc from "fast-check";
import { formatTimeout, parseTimeout } from "../../../../sdk/src/transport/grpc/grpc-timeout.ts";

describe("grpc-timeout", () => {
  it("is whole milliseconds where they are exact enough, and microseconds below", () => {
    assert.equal(formatTimeout(500), "500m");
    assert.equal(formatTimeout(100), "100m");
    assert.equal(formatTimeout(100.2), "101m");
    assert.equal(formatTimeout(99.5), "99500u");
    assert.equal(formatTimeout(0.0001), "1u");
    assert.equal(formatTimeout(99_999_999), "99999999m");
  });

  it("takes larger units for longer times", () => {
    assert.equal(formatTimeout(99_999_999.5), "100000S");
    assert.equal(formatTimeout(1e11), "1666667M");
    assert.equal(formatTimeout(1e13), "2777778H");
    assert.equal(formatTimeout(Infinity), "99999999H");
  });

  it("is the shortest time when the deadline has passed", () => {
    for (const over of [0, -1, -Infinity, Number.NaN]) assert.equal(formatTimeout(over), "1n");
  });

  it("never ends before the caller's time, in at most eight digits", () => {
    const times = fc.oneof(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), fc.nat());
    fc.assert(
      fc.property(times, (ms) => {
        const text = formatTimeout(ms);
        assert.match(text, /^\d{1,8}[HMSmun]$/);
        assert.ok((parseTimeout(text) ?? Number.NaN) >= ms, `${text} ends before ${ms} ms`);
      }),
    );
  });

  it("is read in every unit", () => {
    assert.equal(parseTimeout("2H"), 7_200_000);
    assert.equal(parseTimeout("2M"), 120_000);
    assert.equal(parseTimeout("2S"), 2_000);
    assert.equal(parseTimeout("2m"), 2);
    assert.equal(parseTimeout("2u"), 0.002);
    assert.equal(parseTimeout("2n"), 0.000002);
    assert.equal(parseTimeout("00000002m"), 2);
    assert.equal(parseTimeout("0S"), 0);
  });

  it("is undefined when it is malformed", () => {
    for (const text of ["", "m", "1", "1x", "1ms", "-1m", "+1m", "1.5S", " 1m", "1m ", "123456789m", "١m", "1e3m"]) {
      assert.equal(parseTimeout(text), undefined, JSON.stringify(text));
    }
  });
});
