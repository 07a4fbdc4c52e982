import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import picocolors from "picocolors";
import { run } from "../../../cli/src/run.ts";
import { describePolicy } from "../../../cli/src/ls/describe-contract.ts";

function exitCodeAndNotes(...words: string[]): Promise<[number, string]> {
  return untilAborted(new AbortController().signal, ...words);
}

async function untilAborted(signal: AbortSignal, ...words: string[]): Promise<[number, string]> {
  const notes: string[] = [];
  const colors = picocolors.createColors(false);
  const terminal = {
    interactive: false,
    colors,
    noteColors: colors,
    print: async () => {},
    note: (text: string) => void notes.push(text),
  };
  return [await run({ words, terminal, signal }), notes.join("\n")];
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

describe("Ctrl-C", () => {
  it("ends a command at once that waits for a registry or a server", async () => {
    const silent = createServer();
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const before = process.env["CONSUL_HTTP_ADDR"];
    process.env["CONSUL_HTTP_ADDR"] = address;
    try {
      for (const words of [["ls"], ["ls", "greeter"], ["ls", "-t", address]]) {
        const ctrlC = new AbortController();
        const connected = once(silent, "connection");
        const ended = untilAborted(ctrlC.signal, ...words);
        const [socket] = (await connected) as [Socket];
        ctrlC.abort();
        assert.deepEqual(await ended, [130, "cancelled"]);
        socket.destroy();
      }
    } finally {
      if (before === undefined) delete process.env["CONSUL_HTTP_ADDR"];
      else process.env["CONSUL_HTTP_ADDR"] = before;
      silent.close();
    }
  }).timeout(4_000);
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
