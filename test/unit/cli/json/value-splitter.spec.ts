import assert from "node:assert/strict";
import * as fc from "fast-check";
import { ValueSplitter } from "../../../../cli/src/json/value-splitter.ts";

describe("values cut from a text that arrives in pieces", () => {
  it("are those that were written, wherever the pieces end", () => {
    fc.assert(
      fc.property(
        fc.array(fc.json({ maxDepth: 2 })),
        fc.constantFrom(" ", "\n", "\r\n\t"),
        fc.array(fc.nat({ max: 20 })),
        (values, separator, cuts) => {
          const text = values.join(separator);
          const splitter = new ValueSplitter();
          const cut: string[] = [];
          let at = 0;
          for (const size of cuts) {
            cut.push(...splitter.push(text.slice(at, at + size)).map((value) => value.text));
            at += size;
          }
          cut.push(...splitter.push(text.slice(at)).map((value) => value.text));
          cut.push(...splitter.end().map((value) => value.text));
          assert.deepEqual(cut, values);
        },
      ),
    );
  });

  it("need nothing between them when they have ends of their own, and are given as soon as they end", () => {
    const splitter = new ValueSplitter();
    const texts = splitter.push('{"a":"}"}[1]"b"true{').map(({ text }) => text);
    assert.deepEqual(texts, ['{"a":"}"}', "[1]", '"b"', "true"]);
    assert.deepEqual(splitter.end(), [{ text: "{", line: 1, column: 20 }]);
  });

  it("know where they start", () => {
    const places = new ValueSplitter().push('{}\n  {"a":\n1} {}').map(({ line, column }) => [line, column]);
    assert.deepEqual(places, [
      [1, 1],
      [2, 3],
      [3, 4],
    ]);
  });
});
