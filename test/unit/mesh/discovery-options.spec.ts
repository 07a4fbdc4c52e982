import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { completeDiscoveryOptions } from "../../../sdk/src/discovery-options.ts";
import { checkMeshOptions, type MeshOptions } from "../../../sdk/src/mesh-options.ts";

describe("what a mesh is told about discovery", () => {
  it("comes from the user, else from the environment, else is cautious and writes nothing to disk", () => {
    const env = { MESH_STATE_DIR: "/var/lib/mesh", MESH_BELIEVE_EMPTY: "at-once" };
    assert.deepEqual(completeDiscoveryOptions(undefined, {}), { believeEmpty: "confirmed" });
    assert.deepEqual(completeDiscoveryOptions({}, { MESH_STATE_DIR: "", MESH_BELIEVE_EMPTY: "" }), {
      believeEmpty: "confirmed",
    });
    assert.deepEqual(completeDiscoveryOptions(undefined, env), {
      stateDir: "/var/lib/mesh",
      believeEmpty: "at-once",
    });
    assert.deepEqual(
      completeDiscoveryOptions({ stateDir: "/tmp/x", believeEmpty: "confirmed", maxConnections: 10 }, env),
      { stateDir: "/tmp/x", believeEmpty: "confirmed", maxConnections: 10 },
    );
  });

  for (const [variable, value, way] of [
    ["MESH_STATE_DIR", "state", /MESH_STATE_DIR is "state": write the absolute path of a folder, or unset it/],
    ["MESH_BELIEVE_EMPTY", "never", /MESH_BELIEVE_EMPTY is "never": write confirmed or at-once, or unset it/],
  ] as const) {
    it(`cannot be ${variable}=${value}`, () => {
      assert.throws(
        () => completeDiscoveryOptions(undefined, { [variable]: value }),
        (error) => error instanceof MeshError && error.code === "INVALID_ARGUMENT" && way.test(error.reason),
      );
    });
  }

  it("is checked with the other options, all faults at a time", () => {
    const discovery = {
      stateDir: "state",
      maxStateAgeMs: 0,
      believeEmpty: false,
      maxConnections: 7,
      streaming: "on",
      typo: 1,
    };
    assert.throws(
      () => checkMeshOptions({ discovery } as unknown as MeshOptions),
      (error: Error) => {
        const fields = [
          "stateDir: expected an absolute path",
          "maxStateAgeMs",
          "believeEmpty",
          "maxConnections",
          "streaming",
          "typo",
        ];
        for (const one of fields) assert.ok(error.message.includes(one), `${one} is not in ${error.message}`);
        return true;
      },
    );
  });
});
