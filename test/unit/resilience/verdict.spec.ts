import assert from "node:assert/strict";
import { type StatusCode, STATUS_NUMBERS } from "../../../sdk/src/call/status.ts";
import { verdictOf } from "../../../sdk/src/resilience/verdict.ts";

describe("verdictOf", () => {
  const codes = Object.keys(STATUS_NUMBERS) as StatusCode[];
  const codesWith = (verdict: string) => codes.filter((code) => verdictOf(code) === verdict);

  it("counts what the endpoint could not do as its failure", () => {
    assert.deepEqual(codesWith("failure"), [
      "UNKNOWN",
      "DEADLINE_EXCEEDED",
      "UNIMPLEMENTED",
      "INTERNAL",
      "UNAVAILABLE",
      "DATA_LOSS",
    ]);
  });

  it("counts asking for less as overload", () => {
    assert.deepEqual(codesWith("overload"), ["RESOURCE_EXHAUSTED"]);
    assert.equal(verdictOf("UNAVAILABLE", 500), "overload");
    assert.equal(verdictOf("UNAVAILABLE", 0), "overload");
    assert.equal(verdictOf("UNAVAILABLE", "stop"), "overload");
    assert.equal(verdictOf("RESOURCE_EXHAUSTED", 500), "overload");
  });

  it("holds nothing of the caller's against the endpoint", () => {
    assert.deepEqual(codesWith("success"), ["OK"]);
    assert.equal(codesWith("neutral").length, codes.length - 8);
    for (const code of ["CANCELLED", "INVALID_ARGUMENT", "NOT_FOUND", "UNAUTHENTICATED", "ABORTED"] as const) {
      assert.equal(verdictOf(code), "neutral");
    }
  });

  it("lets a push-back change UNAVAILABLE alone", () => {
    for (const code of codes.filter((code) => code !== "UNAVAILABLE")) {
      assert.equal(verdictOf(code, 500), verdictOf(code));
    }
  });
});
