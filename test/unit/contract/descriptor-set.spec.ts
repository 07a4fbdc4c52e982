import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { packDescriptorSet, unpackDescriptorSet } from "../../../sdk/src/contract/descriptor-set.ts";

describe("descriptor sets in generated code", () => {
  it("come back as they went in, decoded once", () => {
    const bytes = Buffer.from("descriptors ".repeat(100));
    const unpack = unpackDescriptorSet(packDescriptorSet(bytes));
    assert.deepEqual(Buffer.from(unpack()), bytes);
    assert.equal(unpack(), unpack());
  });

  it("are text that fits a string literal, and smaller than what they hold", () => {
    const packed = packDescriptorSet(Buffer.from("descriptors ".repeat(100)));
    assert.match(packed, /^[A-Za-z0-9+/]+=*$/);
    assert.ok(packed.length < 100);
  });
});
