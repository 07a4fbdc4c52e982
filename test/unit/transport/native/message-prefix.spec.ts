import assert from "node:assert/strict";
import { COPIED_PAYLOAD_BYTES } from "../../../../sdk/src/transport/http2/send-scheduler.ts";
import { messagePrefix, wholeMessage } from "../../../../sdk/src/transport/native/message-prefix.ts";
import { COPIED_MESSAGE_BYTES } from "../../../../sdk/src/transport/transport.ts";

const framed = (compressed: number, text: string): Buffer =>
  Buffer.concat([messagePrefix(compressed, text.length), Buffer.from(text)]);

describe("a message and its prefix", () => {
  it("are taken as one when a chunk is just that", () => {
    const chunk = Buffer.concat([Buffer.from("xx"), framed(0, "hello"), Buffer.from("x")]);
    assert.equal(wholeMessage(chunk, 2, chunk.length - 1, 5)?.toString(), "hello");
    assert.equal(wholeMessage(framed(0, ""), 0, 5, 0)?.length, 0);
  });

  it("are left to be put together when they are more, less, compressed or too long", () => {
    const chunk = framed(0, "hello");
    for (const [bytes, end] of [
      [Buffer.concat([chunk, chunk]), 20],
      [chunk, 9],
      [chunk, 4],
      [framed(1, "hello"), 10],
    ] as const) {
      assert.equal(wholeMessage(bytes, 0, end, 5), undefined);
    }
    assert.equal(wholeMessage(chunk, 0, chunk.length, 4), undefined);
  });

  it("are copied at once where their memory is used again", () => {
    assert.ok(COPIED_MESSAGE_BYTES <= COPIED_PAYLOAD_BYTES);
  });
});
