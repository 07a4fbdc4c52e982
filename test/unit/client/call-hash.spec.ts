import assert from "node:assert/strict";
import { Metadata } from "../../../sdk/src/call/metadata.ts";
import { hashText } from "../../../sdk/src/balancing/hash-text.ts";
import { callHash } from "../../../sdk/src/client/call-hash.ts";

const NONE = new Metadata();

describe("what balancing hashes of a call", () => {
  it("is the text of the field that a path leads to", () => {
    assert.equal(callHash("user.id", NONE, { user: { id: "ada" } }), hashText("ada"));
    assert.equal(callHash("id", NONE, { id: 7 }), hashText("7"));
    assert.equal(callHash("id", NONE, { id: 7n }), hashText("7"));
    assert.equal(callHash("id", NONE, { id: false }), hashText("false"));
    assert.equal(callHash("id", NONE, { id: Uint8Array.of(1, 255) }), hashText("01ff"));
  });

  it("is nothing where the path leads nowhere, or to an empty text", () => {
    const message = { user: undefined, name: "", bytes: new Uint8Array() };
    for (const path of ["user.id", "name", "bytes", "name.length", "absent"]) {
      assert.equal(callHash(path, NONE, message), undefined, path);
    }
    assert.equal(callHash("id", NONE, undefined), undefined);
  });

  it("is metadata of a key, several values as one", () => {
    const metadata = Metadata.from({ tenant: ["a", "b"] });
    assert.equal(callHash("metadata:tenant", metadata, undefined), hashText("a,b"));
    assert.equal(callHash("metadata:tenant", NONE, { tenant: "a" }), undefined);
  });
});
