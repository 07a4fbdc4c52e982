import assert from "node:assert/strict";
import * as fc from "fast-check";
import { HeldBytes } from "../../../../sdk/src/transport/http2/held-bytes.ts";

function takeAll(held: HeldBytes): Buffer[] {
  const pieces: Buffer[] = [];
  for (let piece = held.take(); piece !== undefined; piece = held.take()) pieces.push(piece);
  return pieces;
}

describe("held bytes", () => {
  it("come back in order, whatever the pieces were", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 4000, max: 9000 }))),
        (sizes) => {
          const held = new HeldBytes();
          const expected: Buffer[] = [];
          sizes.forEach((size, at) => {
            const chunk = Buffer.alloc(size + 2, at);
            held.add(chunk, 1, 1 + size);
            expected.push(chunk.subarray(1, 1 + size));
          });
          assert.deepEqual(Buffer.concat(takeAll(held)), Buffer.concat(expected));
          assert.ok(held.empty);
        },
      ),
    );
  });

  it("take little more memory than they are, however short the pieces", () => {
    const held = new HeldBytes();
    const chunk = Buffer.alloc(65_536);
    for (let at = 0; at < 65_536; at++) held.add(chunk, at, at + 1);
    const pieces = takeAll(held);
    assert.equal(pieces.length, 16);
    for (const { buffer } of pieces) assert.ok(buffer.byteLength === 4096 && buffer !== chunk.buffer);
  });

  it("stay what they were when their chunk is read into again", () => {
    const held = new HeldBytes();
    const chunk = Buffer.alloc(8192, "a");
    held.add(chunk, 0, 8192);
    held.add(chunk, 0, 10);
    chunk.fill("b");
    assert.equal(Buffer.concat(takeAll(held)).toString(), "a".repeat(8202));
  });

  it("may be put back in part", () => {
    const held = new HeldBytes();
    held.add(Buffer.from("one two"), 0, 7);
    const piece = held.take();
    held.add(Buffer.from(" three"), 0, 6);
    held.putBack(piece!.subarray(4));
    assert.equal(Buffer.concat(takeAll(held)).toString(), "two three");
    held.add(Buffer.from("gone"), 0, 4);
    held.clear();
    assert.ok(held.empty);
  });
});
