import assert from "node:assert/strict";
import * as fc from "fast-check";
import { findJsonFault } from "../../../../cli/src/json/json-fault.ts";

describe("the fault in a text that should be JSON", () => {
  const cases: readonly (readonly [text: string, offset: number, fault: RegExp])[] = [
    ["", 0, /expected a value, found the end/],
    ["{'a': 1}", 1, /expected a key in double quotes, found "'"/],
    ['{"a" 1}', 5, /expected ":", found "1"/],
    ['{"a": 1 "b": 2}', 8, /expected "," or "}", found "\\""/],
    ['{"a": 1', 7, /expected "," or "}", found the end/],
    ["[1, ]", 4, /no "," before the end of the list/],
    ['{"a": tru}', 6, /expected a value, found "t"/],
    ['{"a": truely}', 6, /expected a value/],
    ['"a\nb"', 2, /character or escape that JSON does not allow/],
    ['"\\x"', 1, /character or escape/],
    ['{"a": "b', 8, /expected "\\"", found the end/],
    ["{} x", 3, /expected the end, found "x"/],
    ["01", 1, /expected the end/],
    ['{"a": 1, "a": 2}', 9, /key "a" is there twice/],
    ['{"a": 1, "\\u0061": 2}', 9, /key "a" is there twice/],
    [
      '{"id": 9007199254740993}',
      7,
      /9007199254740993 is more than a JSON number can carry exactly: write it in quotes/,
    ],
    ["[".repeat(300), 256, /nested deeper than 256/],
  ];
  for (const [text, offset, fault] of cases) {
    it(`is at ${offset} of ${JSON.stringify(text.slice(0, 30))}`, () => {
      const found = findJsonFault(text);
      assert.equal(found?.offset, offset);
      assert.match(found?.fault ?? "", fault);
    });
  }

  it("is found exactly where JSON.parse finds one", () => {
    const damaged = fc
      .tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.constantFrom("", ...Array.from('{}[],:"\\0e.- \nx')))
      .map(([text, at, inserted]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + inserted + text.slice(place + (at % 2));
      });
    fc.assert(
      fc.property(damaged, (text) => {
        const found = findJsonFault(text);
        if (/twice|exactly/.test(found?.fault ?? "")) return;
        assert.equal(found === undefined, isJson(text), text);
      }),
      { numRuns: 2_000 },
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
