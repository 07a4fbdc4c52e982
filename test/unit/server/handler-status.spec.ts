import assert from "node:assert/strict";
import { decodeStatusDetails, errorDetail, STATUS_DETAILS_KEY } from "../../../sdk/src/call/error-details.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { Metadata } from "../../../sdk/src/call/metadata.ts";
import { STATUS_NUMBERS } from "../../../sdk/src/call/status.ts";
import { ErrorInfo } from "../../../sdk/src/gen/google/rpc/error_details.ts";
import { handlerStatus } from "../../../sdk/src/server/handler-status.ts";
import type { ServerCallContext } from "../../../sdk/src/server/server-call-context.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const BELOW = { method: "other.v1.Other/Do", endpoint: "b:1", attempts: 3, elapsedMs: 5 };

function contextWith(responseTrailers = new Metadata()): ServerCallContext {
  return { responseTrailers, trace: { traceId: TRACE_ID } } as unknown as ServerCallContext;
}

describe("what a caller is told of what a handler threw", () => {
  it("is code, reason, details and trailers of a MeshError, beside the handler's own trailers", () => {
    const own = new Metadata().set("x-own", "1");
    const error = new MeshError("NOT_FOUND", "no such name", {
      details: [errorDetail(ErrorInfo, { reason: "NAME" })],
      metadata: new Metadata().set("x-thrown", "2"),
    });
    const { status, reason, trailers } = handlerStatus(error, contextWith(own));
    assert.deepEqual([status, reason], [STATUS_NUMBERS.NOT_FOUND, "no such name"]);
    assert.deepEqual([trailers.get("x-own"), trailers.get("x-thrown")], ["1", "2"]);
    assert.equal(decodeStatusDetails(trailers.getBinary(STATUS_DETAILS_KEY))[0]?.typeName, "google.rpc.ErrorInfo");
    assert.equal(own.has("x-thrown"), false);
  });

  it("is INTERNAL with the trace id, and nothing of the text, for anything else", () => {
    for (const thrown of [new Error("secret"), "secret", undefined, null, { code: 5, details: "secret" }]) {
      const { status, reason } = handlerStatus(thrown, contextWith());
      assert.equal(status, STATUS_NUMBERS.INTERNAL);
      assert.match(reason, new RegExp(TRACE_ID));
      assert.doesNotMatch(reason, /secret/);
    }
  });

  it("names the method that failed below, keeps its trailers back, and stops retries above it", () => {
    const metadata = new Metadata().set("x-below", "1");
    const error = new MeshError("UNAVAILABLE", "not now", { call: BELOW, metadata });
    const { status, reason, trailers } = handlerStatus(error, contextWith());
    assert.deepEqual([status, reason], [STATUS_NUMBERS.UNAVAILABLE, "other.v1.Other/Do: not now"]);
    assert.equal(trailers.has("x-below"), false);
    assert.equal(trailers.get("grpc-retry-pushback-ms"), "-1");
    const notFound = handlerStatus(new MeshError("NOT_FOUND", "none", { call: BELOW }), contextWith());
    assert.equal(notFound.trailers.has("grpc-retry-pushback-ms"), false);
  });
});
