import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Metadata } from "../../../../sdk/src/call/metadata.ts";
import { readMetadata, wireValue } from "../../../../sdk/src/transport/grpc/metadata-wire.ts";

const read = (...fields: string[]): [string, string | number[]][] =>
  [...readMetadata(fields)].map(([key, value]) => [key, typeof value === "string" ? value : [...value]]);

describe("metadata on the wire", () => {
  it("has bytes as base64 without padding", () => {
    const written = [0, 1, 2, 3].map((size) => wireValue(new Uint8Array(size).fill(255)));
    assert.deepEqual(written, ["", "/w", "//8", "////"]);
  });

  it("leaves out the spaces around a value, which HTTP/2 forbids", () => {
    assert.deepEqual([wireValue("  a b "), wireValue("a "), wireValue(" "), wireValue("")], ["a b", "a", "", ""]);
  });

  it("is read without the fields of the protocol", () => {
    assert.deepEqual(
      read(
        ...(
          ":method POST :path /a.B/C te trailers content-type application/grpc grpc-timeout 1S grpc-encoding gzip " +
          "grpc-accept-encoding gzip grpc-status 0 grpc-message no user-agent grpc-go grpc-previous-rpc-attempts 1 " +
          "grpc-retry-pushback-ms 20 grpc-status-details-bin AA grpc-trace-bin AQ== x-a b"
        ).split(" "),
      ),
      [
        ["user-agent", "grpc-go"],
        ["grpc-previous-rpc-attempts", "1"],
        ["grpc-retry-pushback-ms", "20"],
        ["grpc-status-details-bin", [0]],
        ["grpc-trace-bin", [1]],
        ["x-a", "b"],
      ],
    );
  });

  it("is read padded or not, with several values between commas", () => {
    assert.deepEqual(read("x-raw-bin", "AQ==,AQI, AQID,", "x-text", "a, b"), [
      ["x-raw-bin", [1]],
      ["x-raw-bin", [1, 2]],
      ["x-raw-bin", [1, 2, 3]],
      ["x-raw-bin", []],
      ["x-text", "a, b"],
    ]);
  });

  it("is read when its base64 is none", () => {
    for (const value of ["*", "A", "====", "\u00ff\u0000", "AQ=AQ"]) assert.equal(read("x-raw-bin", value).length, 1);
  });

  it("takes names that objects have for names", () => {
    assert.deepEqual(read("__proto__", "a", "constructor", "b", "tostring", "c"), [
      ["__proto__", "a"],
      ["constructor", "b"],
      ["tostring", "c"],
    ]);
  });

  it("comes back as it was sent", () => {
    const pair = fc.oneof(
      fc.tuple(
        fc.constantFrom("x-a", "x-b", "grpc-previous-rpc-attempts"),
        fc.string().map((text) => text.replaceAll(/[^ -~]/g, "").trim()),
      ),
      fc.tuple(fc.constantFrom("x-a-bin", "x-b-bin"), fc.uint8Array()),
    );
    fc.assert(
      fc.property(fc.array(pair), (pairs) => {
        const sent = new Metadata();
        for (const [key, value] of pairs) sent.append(key, value);
        const fields: string[] = [];
        for (const [key, value] of sent) fields.push(key, wireValue(value));
        const plain = (metadata: Metadata) =>
          [...metadata].map(([key, value]) => [key, typeof value === "string" ? value : [...value]]);
        assert.deepEqual(plain(readMetadata(fields)), plain(sent));
      }),
    );
  });
});
