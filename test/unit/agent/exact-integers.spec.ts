import assert from "node:assert/strict";
import * as fc from "fast-check";
import { parseExactly, stringifyExactly } from "../../../agent/src/json/exact-integers.ts";

describe("JSON with exact integers", () => {
  it("reads and writes all 64 bits", () => {
    const text = '{"Flags":18446744073709551615,"Low":-9223372036854775808,"Few":42}';
    const value = parseExactly(text);
    assert.deepEqual(value, { Flags: 18_446_744_073_709_551_615n, Low: -9_223_372_036_854_775_808n, Few: 42 });
    assert.equal(stringifyExactly(value, 0), text);
  });

  it("leaves digits in texts and names alone, escaped quotes and all", () => {
    const value = {
      '"12345678901234567890': 'x\\"12345678901234567890"',
      "12345678901234567890": ["1234567890123456"],
    };
    assert.deepEqual(parseExactly(JSON.stringify(value)), value);
    assert.equal(stringifyExactly(value, 0), JSON.stringify(value));
  });

  it("is JSON otherwise", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value: unknown = JSON.parse(text);
        const hasLongNumber = /\d{16}/.test(text);
        if (!hasLongNumber) assert.deepEqual(parseExactly(text), value);
        assert.equal(stringifyExactly(value, 2), JSON.stringify(value, undefined, 2));
      }),
    );
    assert.throws(() => parseExactly('{"a":}'), SyntaxError);
  });
});
