import assert from "node:assert/strict";
import * as sdk from "../../sdk/src/index.ts";

describe("the face of the SDK", () => {
  it("shows what users touch, and nothing of what generates code", () => {
    const details = ["BadRequest", "DebugInfo", "ErrorInfo", "Help", "LocalizedMessage", "PreconditionFailure"];
    details.push("QuotaFailure", "RequestInfo", "ResourceInfo", "RetryInfo");
    const values = ["MeshError", "Metadata", "STATUS_NUMBERS", "consulOptionsFromEnv", "createMesh", "currentContext"];
    values.push("errorDetail", "grpcJsTransport", "loadContract", "nativeTransport", "runDetached", "runInContext");
    const policies = ["leastRequest", "maglev", "prequal", "ringHash", "weightedRoundRobin"];
    assert.deepEqual(Object.keys(sdk).toSorted(), [...details, ...values, ...policies].toSorted());
  });
});
