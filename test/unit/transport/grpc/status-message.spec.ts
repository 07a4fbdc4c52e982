import assert from "node:assert/strict";
import * as fc from "fast-check";
import { decodeStatusMessage, encodeStatusMessage } from "../../../../sdk/src/transport/grpc/status-message.ts";

/** The text with U+FFFD for each half of a character. */
const wellFormed = (text: string) => Buffer.from(text).toString();
const anyText = fc.string({ unit: "binary" });

describe("a status message", () => {
  it("crosses as it is when it is printable ASCII without %", () => {
    const plain = "stock of 3 is too low, ask for ~2!";
    assert.equal(encodeStatusMessage(plain), plain);
    assert.equal(encodeStatusMessage(""), "");
  });

  it("is escaped as UTF-8 where it is not", () => {
    assert.equal(encodeStatusMessage("100%\n"), "100%25%0A");
    assert.equal(encodeStatusMessage("\t\u007f"), "%09%7F");
    assert.equal(encodeStatusMessage("é€😀"), "%C3%A9%E2%82%AC%F0%9F%98%80");
  });

  it("says U+FFFD for half of a character", () => {
    assert.equal(encodeStatusMessage("a\ud800b\udc00"), "a%EF%BF%BDb%EF%BF%BD");
  });

  it("is cut off between characters", () => {
    assert.equal(encodeStatusMessage("abcdef", 3), "abc");
    assert.equal(encodeStatusMessage("a😀b", 12), "a");
    assert.equal(encodeStatusMessage("a😀b", 13), "a%F0%9F%98%80");
    assert.equal(encodeStatusMessage("abc", 3), "abc");
    assert.equal(encodeStatusMessage("%", 0), "");
  });

  it("comes back as it was, whatever is in it", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const encoded = encodeStatusMessage(text);
        assert.match(encoded, /^[\x20-\x7e]*$/);
        assert.equal(decodeStatusMessage(encoded), wellFormed(text));
      }),
    );
  });

  it("is escaped as encodeURIComponent would, for what both escape", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.nat({ max: 0x10ffff }).map(String.fromCodePoint) }), (text) => {
        const special = wellFormed(text).replaceAll(/[\x20-\x24\x26-\x7e]/g, "");
        assert.equal(encodeStatusMessage(special), encodeURIComponent(special));
      }),
    );
  });

  it("keeps what is no escape of UTF-8, and decodes the rest", () => {
    const kept = ["%", "%2", "%zz", "%FF", "%C3", "%C0%80", "%E0%80%80", "%ED%A0%80", "%F4%90%80%80", "%F5%80%80%80"];
    for (const text of [...kept, "%80", "%E2%82"]) {
      assert.equal(decodeStatusMessage(`%41${text}%42`), `A${text}B`, text);
    }
    assert.equal(decodeStatusMessage("é%c3%a9"), "éé");
  });

  it("never throws when it is read", () => {
    const escapes = fc.array(
      fc.oneof(
        fc.nat({ max: 255 }).map((byte) => `%${byte.toString(16)}`),
        fc.string(),
      ),
    );
    fc.assert(fc.property(escapes, (parts) => typeof decodeStatusMessage(parts.join("")) === "string"));
  });
});
