import assert from "node:assert/strict";
import * as fc from "fast-check";
import { HpackDecoder } from "../../../../../sdk/src/transport/http2/hpack/hpack-decoder.ts";
import { HpackEncoder, maxFieldBytes } from "../../../../../sdk/src/transport/http2/hpack/hpack-encoder.ts";
import { encode, type Field, flat, indexed, inserted, literal, sizeUpdate, type Way } from "./blocks.ts";

const LIMITS = { maxListBytes: 64 * 1024, maxFields: 1000 };

function bytes(encoder: HpackEncoder, ...fields: readonly Field[]): number[] {
  return [...encode(encoder, fields)];
}

describe("an HPACK encoder", () => {
  it("writes what the static table has as an index, whether it recurs or not", () => {
    const encoder = new HpackEncoder();
    for (const way of ["recurring", "literal"] as const) {
      assert.deepEqual(bytes(encoder, [":method", "POST", way]), [0x83]);
      assert.deepEqual(bytes(encoder, [":status", "500", way]), [0x8e]);
      assert.deepEqual(bytes(encoder, ["www-authenticate", "", way]), [0x80 | 61]);
    }
    assert.equal(encoder.generation, 0);
  });

  it("inserts a field that recurs and refers to it from then on", () => {
    const encoder = new HpackEncoder();
    assert.deepEqual(bytes(encoder, ["x-a", "1", "recurring"]), inserted("x-a", "1"));
    assert.deepEqual(bytes(encoder, ["x-b", "2", "recurring"]), inserted("x-b", "2"));
    assert.deepEqual(bytes(encoder, ["x-a", "1", "recurring"]), indexed(63));
    assert.deepEqual(bytes(encoder, ["x-b", "2", "recurring"]), indexed(62));
  });

  it("refers to names of both tables", () => {
    const encoder = new HpackEncoder();
    assert.deepEqual(bytes(encoder, [":path", "/a", "literal"]), [0x04, 2, 0x2f, 0x61]);
    assert.deepEqual(bytes(encoder, ["user-agent", "a", "recurring"]), [0x40 | 58, 1, 0x61]);
    assert.deepEqual(bytes(encoder, ["x-a", "1", "recurring"]), inserted("x-a", "1"));
    assert.deepEqual(bytes(encoder, ["x-a", "2", "literal"]), [0x0f, 62 - 15, 1, 0x32]);
    assert.deepEqual(bytes(encoder, ["x-a", "2", "recurring"]), [0x40 | 62, 1, 0x32]);
    assert.deepEqual(bytes(encoder, ["x-a", "3", "secret"]), [0x1f, 63 - 15, 1, 0x33]);
  });

  it("never lets a secret be indexed, even if the table has the like of it", () => {
    const encoder = new HpackEncoder();
    assert.deepEqual(bytes(encoder, ["authorization", "", "secret"]), [0x1f, 23 - 15, 0]);
    assert.deepEqual(bytes(encoder, ["x-key", "k", "secret"]), [0x10, ...literal("x-key", "k").slice(1)]);
    assert.equal(encoder.generation, 0);
  });

  it("fills the table, evicts nothing, and writes literals then", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(4096, LIMITS);
    const large: Field = ["x-large", "a".repeat(4096 - 7 - 32 - 34), "recurring"];
    const last: Field = ["x", "1", "recurring"];
    encoder.setMaxTableBytes(1_000_000);
    assert.equal(encoder.pending, false);
    for (const field of [large, last, ["x-over", "", "recurring"], large, last] as const) {
      const block = encode(encoder, [field]);
      assert.deepEqual(decoder.decode(block, 0, block.length), flat([field]));
    }
    assert.deepEqual(bytes(encoder, ["x-over", "", "recurring"]), literal("x-over", ""));
    assert.deepEqual(bytes(encoder, large, last), [...indexed(63), ...indexed(62)]);
    assert.equal(encoder.generation, 2);
  });

  describe("when the peer changes its table size", () => {
    it("says so at the start of the next block, once", () => {
      const encoder = new HpackEncoder();
      bytes(encoder, ["x-a", "1", "recurring"]);
      const { generation } = encoder;
      encoder.setMaxTableBytes(1000);
      assert.equal(encoder.pending, true);
      assert.deepEqual(bytes(encoder, ["x-a", "1", "recurring"]), [...sizeUpdate(1000), ...indexed(62)]);
      assert.equal(encoder.pending, false);
      assert.equal(encoder.generation, generation);
      assert.deepEqual(bytes(encoder), []);
    });

    it("says the least there was and the last", () => {
      const encoder = new HpackEncoder();
      for (const size of [2000, 1000, 3000]) encoder.setMaxTableBytes(size);
      assert.deepEqual(bytes(encoder), [...sizeUpdate(1000), ...sizeUpdate(3000)]);
      for (const size of [0, 3000]) encoder.setMaxTableBytes(size);
      assert.deepEqual(bytes(encoder), [...sizeUpdate(0), ...sizeUpdate(3000)]);
      for (const size of [3500, 3200]) encoder.setMaxTableBytes(size);
      assert.deepEqual(bytes(encoder), sizeUpdate(3200));
      for (const size of [5000, 3200]) encoder.setMaxTableBytes(size);
      assert.equal(encoder.pending, false);
      encoder.setMaxTableBytes(2 ** 32 - 1);
      assert.deepEqual(bytes(encoder), sizeUpdate(4096));
    });

    it("forgets its entries when they no longer fit, though they would again before the next block", () => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(4096, LIMITS);
      const send = (...fields: readonly Field[]): Buffer => {
        const block = encode(encoder, fields);
        assert.deepEqual(decoder.decode(block, 0, block.length), flat(fields));
        return block;
      };
      send(["x-a", "1", "recurring"], ["x-b", "2", "recurring"]);
      const { generation } = encoder;
      encoder.setMaxTableBytes(36 * 2 - 1);
      encoder.setMaxTableBytes(4096);
      assert.notEqual(encoder.generation, generation);
      // The peer still has x-b, which is behind what is new.
      assert.deepEqual(
        [...send(["x-c", "3", "recurring"])],
        [...sizeUpdate(36 * 2 - 1), ...sizeUpdate(4096), ...inserted("x-c", "3")],
      );
      assert.deepEqual([...send(["x-b", "2", "recurring"])], inserted("x-b", "2"));
      assert.deepEqual([...send(["x-c", "3", "recurring"])], indexed(63));
    });

    it("inserts nothing into a table of size 0", () => {
      const encoder = new HpackEncoder();
      encoder.setMaxTableBytes(0);
      assert.deepEqual(bytes(encoder, ["", "", "recurring"]), [...sizeUpdate(0), ...literal("", "")]);
      assert.deepEqual(bytes(encoder, ["x-a", "1", "recurring"]), literal("x-a", "1"));
      assert.equal(encoder.generation, 0);
    });
  });

  it("Huffman-codes what becomes shorter, when told to", () => {
    const encoder = new HpackEncoder({ huffman: true });
    assert.deepEqual(bytes(encoder, [":path", "000", "literal"]), [0x04, 0x82, 0x00, 0x01]);
    assert.deepEqual(bytes(encoder, [":path", "é", "literal"]), [0x04, 1, 0xe9]);
  });

  it("bounds what a field takes by its length and a little", () => {
    assert.ok(maxFieldBytes("name", "value") < 4 + 5 + 16);
  });

  it("is understood by the decoder, whatever the fields and the sizes of the table", () => {
    const text = fc.oneof(
      fc.constantFrom("", "te", ":path", "content-type", "x-a", "application/grpc"),
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 200 }).map((codes) => String.fromCharCode(...codes)),
    );
    const field = fc.tuple(text, text, fc.constantFrom<Way>("recurring", "recurring", "literal", "secret"));
    const block = fc.record({
      sizes: fc.array(fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 4096 })), { maxLength: 3 }),
      fields: fc.array(field, { maxLength: 8 }),
      again: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(block, { maxLength: 12 }),
        fc.boolean(),
        fc.constantFrom(4096, 65_536),
        (blocks, huffman, maximum) => {
          const encoder = new HpackEncoder({ huffman });
          const decoder = new HpackDecoder(maximum, LIMITS);
          for (const { sizes, fields, again } of blocks) {
            for (const size of sizes) encoder.setMaxTableBytes(size);
            const bytes = encode(encoder, fields);
            assert.deepEqual(decoder.decode(bytes, 0, bytes.length), flat(fields));
            const { generation } = encoder;
            const cached = encode(encoder, fields);
            assert.deepEqual(decoder.decode(cached, 0, cached.length), flat(fields));
            if (again && encoder.generation === generation) {
              assert.deepEqual(decoder.decode(cached, 0, cached.length), flat(fields));
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
