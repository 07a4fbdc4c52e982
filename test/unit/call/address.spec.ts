import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { formatAddress, parseAddress } from "../../../sdk/src/call/address.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";

describe("an address", () => {
  for (const [text, host, port] of [
    ["127.0.0.1:50051", "127.0.0.1", 50_051],
    ["greeter.internal:443", "greeter.internal", 443],
    ["localhost:0", "localhost", 0],
    ["[::1]:50051", "::1", 50_051],
    ["[fe80::1%eth0]:65535", "fe80::1%eth0", 65_535],
    ["unix:/run/greeter.sock", "/run/greeter.sock", 0],
  ] as const) {
    it(`is read from ${text} and written back the same`, () => {
      const address = parseAddress(text);
      assert.deepEqual(address, { host, port });
      assert.equal(formatAddress(address), text);
    });
  }

  for (const text of [
    "",
    "greeter",
    ":50051",
    "greeter:",
    "::1:50051",
    "[::1]",
    "[]:1",
    "a b:1",
    "a/b:1",
    "a:65536",
    "a:-1",
    "unix:run/greeter.sock",
  ]) {
    it(`is not read from ${JSON.stringify(text)}, and the error quotes it and shows the form`, () => {
      assert.throws(
        () => parseAddress(text),
        (error) =>
          error instanceof MeshError &&
          error.code === "INVALID_ARGUMENT" &&
          error.reason.includes(JSON.stringify(text)) &&
          error.reason.includes("write for example 127.0.0.1:50051 or [::1]:50051"),
      );
    });
  }

  it("is no Unix socket whose path the kernel would not take", () => {
    for (const path of ["/", `/${"a".repeat(107)}`, "/a\0b"]) {
      assert.throws(() => parseAddress(`unix:${path}`), {
        code: "INVALID_ARGUMENT",
        message: /cannot be the path of a Unix socket .*: write for example unix:\/run\/greeter\.sock/,
      });
    }
    assert.equal(parseAddress(`unix:/${"a".repeat(106)}`).port, 0);
  });
});
