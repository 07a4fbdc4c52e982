import assert from "node:assert/strict";
import { Metadata } from "../../../sdk/src/call/metadata.ts";

describe("metadata", () => {
  it("keeps every value of a key in order, whatever the case of its letters", () => {
    const metadata = new Metadata().append("X-Two", "one").append("x-two", "two").set("x-one", "only");
    assert.deepEqual(metadata.getAll("X-TWO"), ["one", "two"]);
    assert.equal(metadata.get("x-two"), "one");
    assert.equal(metadata.size, 2);
    assert.deepEqual(
      [...metadata],
      [
        ["x-two", "one"],
        ["x-two", "two"],
        ["x-one", "only"],
      ],
    );
    metadata.set("x-two", "three");
    assert.deepEqual(metadata.getAll("x-two"), ["three"]);
    metadata.delete("X-TWO");
    assert.equal(metadata.has("x-two"), false);
    assert.deepEqual(metadata.getAll("x-two"), []);
  });

  it("tells bytes from text", () => {
    const metadata = Metadata.from({ "x-raw-bin": Uint8Array.of(1), "x-text": ["a", "b"] });
    assert.equal(metadata.get("x-raw-bin"), undefined);
    assert.deepEqual(metadata.getBinary("x-raw-bin"), Uint8Array.of(1));
    assert.equal(metadata.getBinary("x-text"), undefined);
    assert.deepEqual(metadata.getAll("x-text"), ["a", "b"]);
  });

  it("leaves to HTTP/2 and gRPC the keys that are theirs", () => {
    for (const key of ["Connection", "transfer-encoding", "te", "content-type", "grpc-status", "grpc-timeout"]) {
      const reserved = { code: "INVALID_ARGUMENT", message: /is HTTP\/2's or gRPC's own: choose another/ };
      assert.throws(() => new Metadata().set(key, "x"), reserved);
      assert.throws(() => Metadata.from({ [key]: "x" }), reserved);
    }
    assert.equal(new Metadata().set("grpc-retry-pushback-ms", "20").size, 1);
  });

  it("refuses what gRPC cannot carry, and says what it can", () => {
    const metadata = new Metadata();
    for (const key of ["", "sp ace", "ümlaut", ":path", "new\nline"]) {
      assert.throws(() => metadata.set(key, "x"), { code: "INVALID_ARGUMENT", message: /has characters other than/ });
    }
    assert.throws(() => metadata.set("x-raw-bin", "text"), /is of type string: bytes go under keys that end in -bin/);
    assert.throws(() => metadata.set("x-text", Uint8Array.of(1)), /is of type bytes: .* strings under all others/);
    for (const value of [7, null, undefined, {}]) {
      assert.throws(() => metadata.set("x-text", value as never), { code: "INVALID_ARGUMENT" });
    }
    for (const value of ["é", "a\nb", "\u0000"])
      assert.throws(() => metadata.append("x-text", value), /as bytes under x-text-bin/);
    assert.equal(metadata.size, 0);
  });

  it("takes in another's values without being changed by it later, and its own only once", () => {
    const other = new Metadata().append("x", "1");
    const metadata = new Metadata().append("x", "0").addAll(other);
    other.append("x", "2");
    assert.deepEqual(metadata.getAll("x"), ["0", "1"]);
    assert.deepEqual(metadata.addAll(metadata).getAll("x"), ["0", "1", "0", "1"]);
  });
});
