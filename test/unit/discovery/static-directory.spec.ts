import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type { EndpointView } from "../../../sdk/src/discovery/directory.ts";
import { staticDirectory, unixDirectory } from "../../../sdk/src/discovery/static-directory.ts";

describe("the static directory", () => {
  it("gives its addresses once, sorted, live, with the address as id", async () => {
    const directory = staticDirectory();
    const view = await new Promise<EndpointView>((resolve) => directory.watch("[::1]:2,10.0.0.1:1,[::1]:2", resolve));
    assert.deepEqual(view, {
      freshness: "live",
      endpoints: [
        { id: "10.0.0.1:1", address: { host: "10.0.0.1", port: 1 }, weight: 1, metadata: {} },
        { id: "[::1]:2", address: { host: "::1", port: 2 }, weight: 1, metadata: {} },
      ],
    });
  });

  it("of a Unix socket gives that one", async () => {
    const view = await new Promise<EndpointView>((resolve) => unixDirectory().watch("run/a.sock", resolve));
    const address = { host: "/run/a.sock", port: 0 };
    assert.deepEqual(view, {
      freshness: "live",
      endpoints: [{ id: "unix:/run/a.sock", address, weight: 1, metadata: {} }],
    });
  });

  it("refuses what is no list of addresses", () => {
    assert.throws(
      () => staticDirectory().watch("greeter", () => {}),
      (error) => error instanceof MeshError && error.code === "INVALID_ARGUMENT",
    );
  });
});
