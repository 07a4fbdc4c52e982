/** Bytes become frames, however they come; and whatever they are, nothing but ConnectionError is thrown. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { FrameParser } from "../../../../sdk/src/transport/http2/frame-parser.ts";
import { ConnectionError, PREFACE } from "../../../../sdk/src/transport/http2/protocol.ts";
import {
  continuation,
  data,
  FLAG,
  frame,
  goaway,
  headers,
  paddedData,
  ping,
  priority,
  request,
  reset,
  settings,
  windowUpdate,
} from "../../../support/h2-frames.ts";

const MAX_FRAME_BYTES = 16_384;
const MAX_BLOCK_BYTES = 8192;

/** What a parser makes of chunks: DATA in pieces is put together again. */
function parse(chunks: readonly Buffer[], expectsPreface = false): string[] {
  const events: string[] = [];
  let flow = 0;
  let body = "";
  const parser = new FrameParser(
    {
      onFrame: (type, flags, id, payload, start, end) =>
        events.push(`${type} ${flags} ${id} ${payload.toString("hex", start, end)}`),
      onData(id, flags, flowBytes, chunk, start, end, last) {
        flow += flowBytes;
        body += chunk.toString("hex", start, end);
        if (!last) return;
        events.push(`data ${flags} ${id} ${flow} ${body}`);
        flow = 0;
        body = "";
      },
    },
    MAX_FRAME_BYTES,
    MAX_BLOCK_BYTES,
    expectsPreface,
  );
  try {
    for (const chunk of chunks) parser.push(chunk);
  } catch (error) {
    assert.ok(error instanceof ConnectionError, String(error));
    events.push(`error ${error.code}: ${error.message}`);
  }
  return events;
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...at, bytes.length].map((one) => one % (bytes.length + 1)).sort((a, b) => a - b);
  let start = 0;
  return ends.map((end) => {
    const chunk = Buffer.from(bytes.subarray(start, end));
    start = Math.max(start, end);
    return chunk;
  });
}

const id = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(2 ** 31 - 1));
const bytes = fc.uint8Array({ maxLength: 60 });
const anyFrame = fc.oneof(
  fc.tuple(id, bytes, fc.integer({ min: 0, max: 1 })).map((one) => data(...one)),
  fc.tuple(id, bytes, fc.integer({ min: 0, max: 255 })).map((one) => paddedData(...one)),
  id.map((one) => headers(one, request())),
  id.map((one) => continuation(one, request(), FLAG.END_HEADERS)),
  fc.tuple(id, id).map((one) => reset(...one)),
  fc.tuple(id, id).map((one) => windowUpdate(...one)),
  fc.tuple(id, id).map((one) => priority(...one)),
  fc.tuple(id, id).map((one) => goaway(...one, "words")),
  fc.tuple(fc.integer({ min: 0, max: 9 }), id).map((one) => settings(one)),
  fc.constant(ping()),
  fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), id, bytes)
    .map(([type, flags, stream, payload]) => frame(type, flags, stream, payload)),
);
const conversation = fc.array(anyFrame, { minLength: 1, maxLength: 12 }).map((frames) => Buffer.concat(frames));

describe("the frame parser", () => {
  it("makes the same of bytes however they are cut", () => {
    fc.assert(
      fc.property(conversation, fc.array(fc.nat(), { maxLength: 8 }), (whole, at) => {
        assert.deepEqual(parse(cut(whole, at)), parse([whole]));
      }),
      { numRuns: 300 },
    );
  });

  it("makes the same of bytes that are cut at every byte, in turn and all together", () => {
    const whole = Buffer.concat([
      PREFACE,
      settings([4, 100]),
      headers(1, request()),
      data(1, "some content"),
      paddedData(1, "more", 7, FLAG.END_STREAM),
      data(1, ""),
      ping(),
      goaway(0, 0, "bye"),
    ]);
    const expected = parse([whole], true);
    assert.equal(expected.length, 7);
    for (let at = 0; at <= whole.length; at++) assert.deepEqual(parse(cut(whole, [at]), true), expected);
    assert.deepEqual(
      parse(
        Array.from(whole, (byte) => Buffer.from([byte])),
        true,
      ),
      expected,
    );
  });

  it("throws nothing but ConnectionError, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), fc.boolean(), (chunks, expectsPreface) => {
        parse(
          chunks.map((chunk) => Buffer.from(chunk)),
          expectsPreface,
        );
      }),
      { numRuns: 500 },
    );
  });

  it("takes no byte of the preface but the right one", () => {
    for (let at = 0; at < PREFACE.length; at++) {
      const wrong = Buffer.from(PREFACE);
      wrong[at]! ^= 1;
      assert.match(parse([wrong.subarray(0, at + 1)], true)[0] ?? "", /^error 1: connection does not begin/);
    }
  });

  it("refuses a frame by its head, before it holds anything for it", () => {
    const refused: readonly (readonly [RegExp, Buffer])[] = [
      [/^error 6: frame of 16385 bytes/, frame(0, 0, 1, Buffer.alloc(0), MAX_FRAME_BYTES + 1)],
      [/^error 11: header block of 8193 bytes/, frame(1, 4, 1, Buffer.alloc(0), MAX_BLOCK_BYTES + 1)],
      [/^error 6: PING of 9 bytes/, frame(6, 0, 0, Buffer.alloc(0), 9)],
      [/^error 1: DATA was sent on stream 0/, frame(0, 0, 0, Buffer.alloc(0), 100)],
    ];
    for (const [expected, head] of refused) assert.match(parse([head])[0] ?? "", expected);
  });

  it("ignores the reserved bit of a stream's id", () => {
    const bytes = ping();
    bytes[5] = 0x80;
    assert.match(parse([bytes])[0] ?? "", /^6 0 0 /);
  });

  it("gives nothing for the head of DATA alone", () => {
    const pieces: number[] = [];
    const sink = {
      onFrame: () => {},
      onData: (_id: number, _flags: number, _flow: number, _chunk: Buffer, start: number, end: number) =>
        void pieces.push(end - start),
    };
    const parser = new FrameParser(sink, MAX_FRAME_BYTES, MAX_BLOCK_BYTES, false);
    parser.push(data(1, "abc").subarray(0, 9));
    assert.deepEqual(pieces, []);
    parser.push(Buffer.from("abc"));
    assert.deepEqual(pieces, [3]);
  });

  it("gives nothing more once it was stopped, in the middle of a chunk as well", () => {
    let frames = 0;
    const sink = {
      onFrame: () => {
        frames++;
        parser.stop();
      },
      onData: () => {},
    };
    const parser = new FrameParser(sink, MAX_FRAME_BYTES, MAX_BLOCK_BYTES, false);
    parser.push(Buffer.concat([ping(), ping(), ping().subarray(0, 3)]));
    parser.push(ping());
    assert.equal(frames, 1);
    assert.ok(!parser.holding);
  });
});
