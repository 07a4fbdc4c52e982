import assert from "node:assert/strict";
import * as fc from "fast-check";
import { STATUS_NUMBERS } from "../../../../sdk/src/call/status.ts";
import { FAILED, MessageReader, type MessageSink } from "../../../../sdk/src/transport/grpc/message-reader.ts";

const MIB = 1024 * 1024;

function framed(body: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(body.byteLength, 1);
  return Buffer.concat([prefix, body]);
}

/** Keeps what it gets; stops the reader behind each message when it is told to. */
class Kept implements MessageSink {
  readonly bodies: Buffer[] = [];
  readonly flags: boolean[] = [];
  readonly sizes: number[] = [];
  readonly oneByOne: boolean;

  constructor(oneByOne = false) {
    this.oneByOne = oneByOne;
  }

  onMessage(body: Buffer, compressed: boolean, wireBytes: number): boolean {
    this.bodies.push(body);
    this.flags.push(compressed);
    this.sizes.push(wireBytes);
    return !this.oneByOne;
  }
}

const all = (reader: MessageReader, bytes: Buffer, sink: MessageSink) => reader.push(bytes, 0, bytes.length, sink);

describe("a message reader", () => {
  it("gives messages memory of their own, for their chunk is read into again", () => {
    const chunk = Buffer.concat([Buffer.from("xx"), framed(Buffer.from("hi")), framed(Buffer.from("ho"), 1)]);
    const kept = new Kept();
    assert.equal(new MessageReader(10).push(chunk, 2, chunk.length, kept), chunk.length);
    chunk.fill("z");
    assert.deepEqual(kept.bodies.map(String), ["hi", "ho"]);
    assert.deepEqual(kept.flags, [false, true]);
    assert.deepEqual(kept.sizes, [2, 2]);
  });

  it("stops behind a message when it is told to, and goes on from there", () => {
    const chunk = Buffer.concat(["a", "bc", ""].map((text) => framed(Buffer.from(text))));
    const kept = new Kept(true);
    const reader = new MessageReader(10);
    assert.equal(all(reader, chunk, kept), 6);
    assert.equal(reader.push(chunk, 6, chunk.length, kept), 13);
    assert.equal(reader.push(chunk, 13, chunk.length, kept), 18);
    assert.deepEqual(kept.bodies.map(String), ["a", "bc", ""]);
  });

  it("stops behind a message that an earlier chunk began", () => {
    const bytes = Buffer.concat([framed(Buffer.from("abc")), framed(Buffer.from("d"))]);
    const kept = new Kept(true);
    const reader = new MessageReader(10);
    assert.equal(reader.push(bytes, 0, 6, kept), 6);
    assert.equal(reader.push(bytes, 6, bytes.length, kept), 8);
    assert.equal(reader.pendingBytes, 0);
    assert.deepEqual(kept.bodies.map(String), ["abc"]);
  });

  it("tells how much the message under way lacks", () => {
    const bytes = framed(Buffer.from("abc"));
    const reader = new MessageReader(10);
    const kept = new Kept();
    const pending = [...bytes.keys()].map((at) => {
      reader.push(bytes, at, at + 1, kept);
      return reader.pendingBytes;
    });
    assert.deepEqual(pending, [4, 3, 2, 1, 3, 2, 1, 0]);
  });

  it("does not let a part of a message hold the chunk it came in", () => {
    const bytes = framed(Buffer.alloc(100, 7));
    const kept = new Kept();
    const reader = new MessageReader(MIB);
    const chunk = Buffer.from(bytes);
    reader.push(chunk, 0, 50, kept);
    chunk.fill(0);
    reader.push(bytes, 50, bytes.length, kept);
    assert.deepEqual(kept.bodies, [Buffer.alloc(100, 7)]);
  });

  it("refuses a message that is too long by its prefix, and says the limit", () => {
    for (const split of [0, 3]) {
      const reader = new MessageReader(4 * MIB);
      const bytes = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
      reader.push(bytes, 0, split, new Kept());
      assert.equal(reader.push(bytes, split, 5, new Kept()), FAILED);
      assert.equal(reader.status, STATUS_NUMBERS.RESOURCE_EXHAUSTED);
      assert.equal(reader.failure, "message of 4294967295 bytes is longer than the 4194304 bytes that may be received");
    }
  });

  it("takes a message of just the limit", () => {
    const kept = new Kept();
    all(new MessageReader(3), framed(Buffer.from("abc")), kept);
    assert.equal(kept.bodies.length, 1);
  });

  it("refuses bytes that are no gRPC, after the messages before them", () => {
    const reader = new MessageReader(10);
    const kept = new Kept();
    assert.equal(all(reader, Buffer.concat([framed(Buffer.from("a")), Buffer.from("<html>")]), kept), FAILED);
    assert.equal(kept.bodies.length, 1);
    assert.equal(reader.status, STATUS_NUMBERS.INTERNAL);
    assert.match(reader.failure, /begins with the byte 60, neither 0 nor 1/);
  });

  it("holds no megabytes for a message that is only announced", () => {
    const sink = new Kept();
    const bytes = framed(Buffer.alloc(4 * MIB));
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 64 }, () => new MessageReader(4 * MIB));
    for (const reader of readers) reader.push(bytes, 0, 100, sink);
    const held = process.memoryUsage().arrayBuffers - before;
    assert.ok(held <= 64 * 72 * 1024 + MIB, `${held} bytes are held for 64 messages`);
    assert.equal(readers.at(-1)?.pendingBytes, 4 * MIB - 95);
  });

  it("gives the same messages however their bytes are split", () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.integer({ min: 0, max: 300_000 }).map((size) => Buffer.alloc(size, size)),
    );
    const message = fc.record({ body, compressed: fc.boolean() });
    const sizes = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 70_000 }));
    const cuts = fc.infiniteStream(sizes);
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), cuts, fc.boolean(), (messages, cuts, oneByOne) => {
        const bytes = Buffer.concat(messages.map((one) => framed(one.body, one.compressed ? 1 : 0)));
        const kept = new Kept(oneByOne);
        const reader = new MessageReader(MIB);
        for (let start = 0; start < bytes.length;) {
          // Bounds the chunks of a large message.
          const end = Math.min(bytes.length, start + Math.max(cuts.next().value ?? 1, bytes.length >> 10));
          for (let at = start; at < end;) {
            const stopped = reader.push(bytes, at, end, kept);
            assert.ok(stopped > at && stopped <= end);
            at = stopped;
          }
          start = end;
        }
        assert.equal(reader.pendingBytes, 0);
        assert.deepEqual(
          kept.flags,
          messages.map((one) => one.compressed),
        );
        assert.deepEqual(
          kept.sizes,
          messages.map((one) => one.body.byteLength),
        );
        for (const [index, one] of messages.entries()) assert.ok(kept.bodies[index]?.equals(one.body));
      }),
    );
  });
});
