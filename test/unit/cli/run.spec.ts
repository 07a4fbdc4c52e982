import assert from "node:assert/strict";
import picocolors from "picocolors";
import { run } from "../../../cli/src/run.ts";
import { describePolicy } from "../../../cli/src/ls/describe-contract.ts";

async function exitCodeAndNotes(...words: string[]): Promise<[number, string]> {
  const notes: string[] = [];
  const colors = picocolors.createColors(false);
  const terminal = {
    interactive: false,
    colors,
    noteColors: colors,
    print: async () => {},
    note: (text: string) => void notes.push(text),
  };
  return [await run({ words, terminal, signal: new AbortController().signal }), notes.join("\n")];
}

describe("a command line that cannot be followed", () => {
  it("ends with 2 and a reason without a stack", async () => {
    const lines: readonly (readonly [readonly string[], RegExp])[] = [
      [["call", "a/b/c"], /is not <service>\/<Method>/],
      [["call", "-t", "nowhere:0", "a/B"], /port 0/],
      [["call", "--timeout", "soon", "a/B"], /timeout "soon" is not a time/],
      [["call", "-I", "proto", "a/B"], /--include says where imports of --proto start/],
      [["call", "-p", "no-such.proto", "a/B"], /proto file "no-such\.proto" does not exist/],
      [["call", "a/B", "@no-such.json"], /request file "no-such\.json" cannot be read \(ENOENT\)/],
      [["call", "-m", "novalue", "a/B"], /write key:value/],
      [["agent", "--port", "high"], /port "high" is none/],
    ];
    for (const [words, reason] of lines) {
      const [code, notes] = await exitCodeAndNotes(...words);
      assert.match(notes, reason);
      assert.doesNotMatch(notes, /^\s+at /m);
      assert.equal(code, 2, words.join(" "));
    }
  });

  it("shows the stack to those who ask for it", async () => {
    const [code, notes] = await exitCodeAndNotes("call", "-v", "a/b/c");
    assert.equal(code, 2);
    assert.match(notes, /^\s+at /m);
  });
});

describe("the policy of a method", () => {
  it("is told in words", () => {
    const hedging = { maxAttempts: 2, delayMs: 50, nonFatalStatusCodes: [] };
    assert.equal(
      describePolicy({ idempotency: "IDEMPOTENT", deadlineMs: 250, hedging }),
      "deadline 250 ms, hedged after 50 ms, idempotent",
    );
    assert.equal(describePolicy({ idempotency: "IDEMPOTENCY_UNKNOWN" }), "");
  });
});
