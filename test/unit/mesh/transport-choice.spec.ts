import assert from "node:assert/strict";
import { createMesh, grpcJsTransport, type MeshOptions } from "@meshwork/sdk";
import { transportFromEnv, transportNamed } from "../../../sdk/src/transport-choice.ts";
import { ALONE } from "../../support/greeter-mesh.ts";
import { recordedLog } from "../../support/logs.ts";

describe("a mesh's transport", () => {
  it("is what its options name or are", async () => {
    for (const transport of ["native", "grpc-js", grpcJsTransport()] as const) {
      await createMesh({ ...ALONE, log: recordedLog().log, transport }).close();
    }
    for (const name of ["native", "grpc-js"] as const) assert.equal(transportNamed(name).name, name);
    assert.throws(() => createMesh({ ...ALONE, transport: "http" } as unknown as MeshOptions), {
      code: "INVALID_ARGUMENT",
      message: /transport: expected native, grpc-js, or an object with connect, listen/,
    });
  });

  it("is what the environment names when its options do not", async () => {
    assert.equal(transportFromEnv({}), undefined);
    assert.equal(transportFromEnv({ MESHWORK_TRANSPORT: "" }), undefined);
    assert.equal(transportFromEnv({ MESHWORK_TRANSPORT: "native" }), "native");
    const wrong = {
      code: "INVALID_ARGUMENT",
      message: /MESHWORK_TRANSPORT is "http3": write native or grpc-js, or unset it/,
    };
    const before = process.env["MESHWORK_TRANSPORT"];
    process.env["MESHWORK_TRANSPORT"] = "http3";
    try {
      assert.throws(() => createMesh({ ...ALONE, log: recordedLog().log }), wrong);
      await createMesh({ ...ALONE, log: recordedLog().log, transport: "grpc-js" }).close();
    } finally {
      if (before === undefined) delete process.env["MESHWORK_TRANSPORT"];
      else process.env["MESHWORK_TRANSPORT"] = before;
    }
  });
});
