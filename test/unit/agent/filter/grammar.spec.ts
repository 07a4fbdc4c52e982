import assert from "node:assert/strict";

import * as fc from "fast-check";

import type { Expression } from "../../../../agent/src/filter/expression.ts";
import { parseExpression } from "../../../../agent/src/filter/grammar.ts";
import { maxNesting, SyntaxFault } from "../../../../agent/src/filter/peg.ts";

/** With every group in parentheses. */
function shown(expression: Expression): string {
  switch (expression.kind) {
    case "not":
      return `not(${shown(expression.operand)})`;
    case "match": {
      const { selector, operator, value } = expression;
      return `${selector.join("/")} ${operator}${value === undefined ? "" : ` ${JSON.stringify(value)}`}`;
    }
    case "and":
    case "or":
      return `(${shown(expression.left)} ${expression.kind} ${shown(expression.right)})`;
  }
}

function read(written: string): string {
  try {
    return shown(parseExpression(written));
  } catch (error) {
    if (error instanceof SyntaxFault) return error.message;
    throw error;
  }
}

describe("a filter's text", () => {
  it("compares a selector with a value, which may be a word, a number or quoted text", () => {
    assert.equal(read("Port==80"), 'Port == "80"');
    assert.equal(read(" Service.ID != web"), 'Service/ID != "web"');
    assert.equal(read('Service.Meta["a b"] == `c"d`'), 'Service/Meta/a b == "c\\"d"');
    assert.equal(read("a == -0.50"), 'a == "-0.50"');
    assert.equal(read("a\n==\tb[`x`].y"), 'a == "b.x.y"');
  });

  it("looks for a value from either side", () => {
    assert.equal(read("v1 in Tags"), 'Tags in "v1"');
    assert.equal(read("Tags contains v1"), 'Tags in "v1"');
    assert.equal(read('"v 1" not in Tags'), 'Tags not in "v 1"');
    assert.equal(read("Tags not contains v1"), 'Tags not in "v1"');
  });

  it("knows emptiness and expressions", () => {
    assert.equal(read("Tags is empty"), "Tags is empty");
    assert.equal(read("Tags is not  empty"), "Tags is not empty");
    assert.equal(read('ID matches "^a"'), 'ID matches "^a"');
    assert.equal(read("ID not matches a"), 'ID not matches "a"');
  });

  it("binds not before and before or, and groups to the right", () => {
    assert.equal(read("a==1 or b==2 and not c==3"), '(a == "1" or (b == "2" and not(c == "3")))');
    assert.equal(read("a==1 and b==2 and c==3"), '(a == "1" and (b == "2" and c == "3"))');
    assert.equal(read("(a==1 or b==2) and c==3"), '((a == "1" or b == "2") and c == "3")');
    assert.equal(read("not not not a==1"), 'not(a == "1")');
    assert.equal(read("not ( a==1 )"), 'not(a == "1")');
  });

  it("reads Go's escapes in double quotes, and none in backquotes", () => {
    assert.equal(read(String.raw`a == "\x41\u00e9\n\\"`), String.raw`a == "Aé\n\\"`);
    assert.equal(read("a == `\\x41`"), String.raw`a == "\\x41"`);
    assert.equal(read(String.raw`a == "\U0001F600\303\251"`), 'a == "😀é"');
  });

  it("says what it expected at the farthest place it reached", () => {
    assert.equal(read("a"), '1:2 (1): no match found, expected: "!=", ".", "==", "[", [ \\t\\r\\n] or [a-zA-Z0-9_]');
    assert.equal(
      read(""),
      '1:1 (0): no match found, expected: "(", "-", "0", "\\"", "`", "not", [ \\t\\r\\n], [1-9] or [a-zA-Z]',
    );
    assert.match(read("é"), /^1:1 \(0\): no match found/);
    assert.match(read("a == 'b'"), /^1:6 \(5\): no match found/);
    assert.match(read('a == "é"\n and ='), /^2:6 \(15\): no match found/);
  });

  it("points out mistakes that it recognises", () => {
    assert.equal(read("(a == 1"), '1:8 (7): rule "grouping": Unmatched parentheses');
    assert.equal(read("a[x] == 1"), '1:3 (2): rule "index": Invalid index');
    assert.equal(read('a["x" == 1'), '1:7 (6): rule "index": Unclosed index expression');
    assert.equal(read('a == "x'), '1:8 (7): rule "string": Unterminated string literal');
    assert.equal(read("a == 1x"), '1:7 (6): rule "number": Invalid number literal');
    assert.equal(read("a in 1"), '1:6 (5): rule "match": Invalid selector');
    assert.equal(read(String.raw`a == "\q"`), '1:6 (5): rule "string": invalid syntax');
  });

  it("is refused when it nests too deep, at once", () => {
    const tooDeep = new RegExp(`^1:\\d+ \\(\\d+\\): the expression nests deeper than ${maxNesting} rules: write less$`);
    for (const length of [1_000, 100_000]) {
      assert.match(read("(".repeat(length)), tooDeep);
      assert.match(read("not ".repeat(length)), tooDeep);
      assert.match(read("a==1 and ".repeat(length)), tooDeep);
    }
    assert.match(read(`${"(".repeat(100)}a==1${")".repeat(100)}`), /^a == "1"$/);
    assert.doesNotMatch(read(`${"a==1 and ".repeat(400)}a==1`), tooDeep);
  });

  it("is read or refused with a fault, whatever it is", () => {
    const piece = fc.constantFrom(
      ...Array.from('()[]`".=! \n'),
      "not ",
      " and ",
      " or ",
      "a",
      "1",
      "-",
      " in ",
      " is empty",
      "é",
      "\\",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 60 }).map((parts) => parts.join("")),
        ),
        (written) => {
          assert.equal(typeof read(written), "string");
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
