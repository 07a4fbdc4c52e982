import assert from "node:assert/strict";
import { statusName } from "../../../../sdk/src/call/status.ts";
import { statusOfHttp, statusOfReset } from "../../../../sdk/src/transport/grpc/http-status.ts";

describe("HTTP's word on a call", () => {
  it("becomes a gRPC status where a response is not gRPC's", () => {
    const expected: Readonly<Record<number, string>> = {
      200: "UNKNOWN",
      302: "UNKNOWN",
      400: "INTERNAL",
      401: "UNAUTHENTICATED",
      403: "PERMISSION_DENIED",
      404: "UNIMPLEMENTED",
      429: "UNAVAILABLE",
      500: "UNKNOWN",
      502: "UNAVAILABLE",
      503: "UNAVAILABLE",
      504: "UNAVAILABLE",
    };
    for (const [code, name] of Object.entries(expected))
      assert.equal(statusName(statusOfHttp(Number(code))), name, code);
  });

  it("becomes a gRPC status where a stream is reset", () => {
    const expected = new Map([
      [0x7, "UNAVAILABLE"],
      [0x8, "CANCELLED"],
      [0xb, "RESOURCE_EXHAUSTED"],
      [0xc, "PERMISSION_DENIED"],
    ]);
    for (let code = 0; code <= 0xff; code++) {
      assert.equal(statusName(statusOfReset(code)), expected.get(code) ?? "INTERNAL", `error code ${code}`);
    }
  });
});
