import assert from "node:assert/strict";
import { decodeStatusDetails, encodeStatusDetails, errorDetail } from "../../../sdk/src/call/error-details.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { Metadata } from "../../../sdk/src/call/metadata.ts";
import { BadRequest, ErrorInfo } from "../../../sdk/src/gen/google/rpc/error_details.ts";

/** The module as another copy of the package has it. */
async function otherCopy(file: "mesh-error" | "metadata"): Promise<Record<string, unknown>> {
  return (await import(`../../../sdk/src/call/${file}.ts?another-copy`)) as Record<string, unknown>;
}

describe("a MeshError", () => {
  it("says what happened and, of a call, where", () => {
    assert.equal(new MeshError("NOT_FOUND", "no such name").message, "NOT_FOUND: no such name");
    const call = { method: "lab.v1.Lab/Ask", endpoint: "a:1", attempts: 2, elapsedMs: 12.6 };
    const error = new MeshError("UNAVAILABLE", "not now", { call });
    assert.equal(error.message, "lab.v1.Lab/Ask failed at a:1 with UNAVAILABLE: not now (2 attempts, 13 ms)");
    assert.deepEqual([error.status, error.endpoint, error.attempts, error.elapsedMs], [14, "a:1", 2, 12.6]);
    const unsent = new MeshError("UNAVAILABLE", "not now", { call: { method: "m", attempts: 0, elapsedMs: 0 } });
    assert.equal(unsent.message, "m failed with UNAVAILABLE: not now (0 attempts, 0 ms)");
    assert.equal(new MeshError("UNKNOWN", "x").attempts, 0);
  });

  it("keeps its cause, and has none when none is given", () => {
    const cause = new Error("below");
    assert.equal(new MeshError("INTERNAL", "above", { cause }).cause, cause);
    assert.equal("cause" in new MeshError("INTERNAL", "above"), false);
  });

  it("is one for every copy of the package, and nothing else is", async () => {
    const { MeshError: Other } = (await otherCopy("mesh-error")) as { MeshError: typeof MeshError };
    assert.notEqual(Other, MeshError);
    const foreign: unknown = new Other("ABORTED", "elsewhere");
    assert.ok(foreign instanceof MeshError);
    assert.equal(foreign.code, "ABORTED");
    for (const value of [undefined, null, "MeshError", new Error("x"), { code: "ABORTED" }]) {
      assert.equal(value instanceof MeshError, false);
    }
  });

  it("is not of every class that extends it", () => {
    class OutOfStock extends MeshError {}
    const error: unknown = new OutOfStock("FAILED_PRECONDITION", "none left");
    assert.ok(error instanceof OutOfStock);
    assert.ok(error instanceof MeshError);
    assert.equal((new MeshError("UNKNOWN", "x") as unknown) instanceof OutOfStock, false);
  });

  it("may carry the metadata of another copy of the package", async () => {
    const { Metadata: Other } = (await otherCopy("metadata")) as { Metadata: typeof Metadata };
    const trailers = new Metadata().addAll(new Other().set("x-trail", "t"));
    assert.equal(trailers.get("x-trail"), "t");
  });
});

describe("details of an error", () => {
  it("come back as they were sent", () => {
    const sent = [
      errorDetail(BadRequest, { fieldViolations: [{ field: "name", description: "is empty" }] }),
      errorDetail(ErrorInfo, { reason: "NAME", domain: "lab" }),
    ];
    const details = decodeStatusDetails(encodeStatusDetails(3, "bad", sent));
    const error = new MeshError("INVALID_ARGUMENT", "bad", { details });
    assert.equal(error.findDetail(BadRequest)?.fieldViolations[0]?.field, "name");
    assert.equal(error.findDetail(ErrorInfo)?.reason, "NAME");
    assert.equal(new MeshError("INVALID_ARGUMENT", "bad").findDetail(ErrorInfo), undefined);
  });

  it("are none when the peer's bytes are none", () => {
    assert.deepEqual(decodeStatusDetails(undefined), []);
    assert.deepEqual(decodeStatusDetails(Uint8Array.of(0xff, 0xff, 0xff)), []);
  });
});
