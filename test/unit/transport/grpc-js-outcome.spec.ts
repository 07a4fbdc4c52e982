import assert from "node:assert/strict";
import { Metadata } from "@grpc/grpc-js";
import { STATUS_NUMBERS } from "../../../sdk/src/call/status.ts";
import { outcomeOf } from "../../../sdk/src/transport/grpc-js/grpc-js-outcome.ts";

const EPIPE = "Received RST_STREAM with code 2 triggered by internal client error: write EPIPE";

describe("what grpc-js says of a call", () => {
  it("is UNAVAILABLE when the connection was lost by whatever error, answered or not", () => {
    for (const answered of [false, true]) {
      const status = { code: STATUS_NUMBERS.INTERNAL, details: EPIPE, metadata: new Metadata() };
      const outcome = outcomeOf(status, answered, 5, 0);
      assert.equal(outcome.status, STATUS_NUMBERS.UNAVAILABLE);
      assert.equal(outcome.reason, "connection was lost: write EPIPE");
      assert.equal(outcome.processed, true);
    }
  });

  it("stays as it is when a server passes on those words", () => {
    const metadata = new Metadata();
    metadata.set("date", "today");
    const outcome = outcomeOf({ code: STATUS_NUMBERS.INTERNAL, details: EPIPE, metadata }, false, 5, 0);
    assert.equal(outcome.status, STATUS_NUMBERS.INTERNAL);
    assert.equal(outcome.reason, EPIPE);
  });
});
