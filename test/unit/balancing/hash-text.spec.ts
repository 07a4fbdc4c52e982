import assert from "node:assert/strict";
import { hashText } from "../../../sdk/src/balancing/hash-text.ts";

describe("hashText", () => {
  it("is xxHash32", () => {
    // Of the reference implementation (xxhsum -H0).
    assert.equal(hashText(""), 0x02cc5d05);
    assert.equal(hashText("a"), 0x550d7456);
    assert.equal(hashText("abc"), 0x32d153ff);
    assert.equal(hashText("Nobody inspects the spammish repetition"), 0xe2293b2f);
  });

  it("hashes UTF-8, and texts of any length", () => {
    assert.notEqual(hashText("é"), hashText("e"));
    assert.equal(hashText("日本語"), hashText(Buffer.from("日本語").toString()));
    const long = "x".repeat(5_000);
    assert.notEqual(hashText(long), hashText(`${long}x`));
  });

  it("gives unrelated numbers with another seed", () => {
    const same = Array.from({ length: 1_000 }, (_, at) => hashText(`key${at}`) % 10 === hashText(`key${at}`, 7) % 10);
    assert.ok(Math.abs(same.filter(Boolean).length - 100) < 40);
  });
});
