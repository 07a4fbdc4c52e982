import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Metadata } from "../../../sdk/src/call/metadata.ts";
import { parsePushback, PUSHBACK_KEY } from "../../../sdk/src/resilience/pushback.ts";

const pushback = (...values: string[]) => parsePushback(Metadata.from({ [PUSHBACK_KEY]: values }));

describe("parsePushback", () => {
  it("is undefined when the server says nothing", () => {
    assert.equal(parsePushback(new Metadata()), undefined);
    assert.equal(parsePushback(Metadata.from({ other: "5" })), undefined);
  });

  it("reads milliseconds", () => {
    assert.equal(pushback("0"), 0);
    assert.equal(pushback("1500"), 1_500);
    assert.equal(pushback("2147483647"), 2_147_483_647);
  });

  it("takes what is negative or not a 32-bit number for a stop", () => {
    const values = ["-1", "-0", "", "soon", "1.5", "1e3", "+1", " 1", "007", "2147483648", "99999999999999999999"];
    for (const value of values) assert.equal(pushback(value), "stop", JSON.stringify(value));
  });

  it("takes two values for a stop", () => {
    assert.equal(pushback("10", "10"), "stop");
  });

  it("reads every 32-bit number as A6 writes it", () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        assert.equal(pushback(String(value)), value < 0 ? "stop" : value);
      }),
    );
  });
});
