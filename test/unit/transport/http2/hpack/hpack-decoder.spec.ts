import assert from "node:assert/strict";
import * as fc from "fast-check";
import { HpackDecoder, HpackError } from "../../../../../sdk/src/transport/http2/hpack/hpack-decoder.ts";
import { hex, indexed, inserted, integer, literal, sizeUpdate } from "./blocks.ts";

const LIMITS = { maxListBytes: 16 * 1024, maxFields: 100 };
const METHOD_GET = 0x82;

function decoderOf({ maxTableBytes = 4096, ...limits }: Partial<typeof LIMITS & { maxTableBytes: number }> = {}) {
  const decoder = new HpackDecoder(maxTableBytes, { ...LIMITS, ...limits });
  return { decoder, decode: (...bytes: readonly number[]) => decoder.decode(Buffer.from(bytes), 0, bytes.length) };
}

function refuses(reason: string, ...bytes: readonly number[]): void {
  assert.throws(
    () => decoderOf().decode(...bytes),
    (error: unknown) => {
      assert.ok(error instanceof HpackError);
      assert.equal(error.message, reason);
      return true;
    },
  );
}

describe("an HPACK decoder", () => {
  it("decodes the part of a buffer that it is told to", () => {
    const bytes = Buffer.from([0xff, METHOD_GET, 0x84, 0xff]);
    assert.deepEqual(decoderOf().decoder.decode(bytes, 1, 3), [":method", "GET", ":path", "/"]);
    assert.deepEqual(decoderOf().decoder.decode(bytes, 1, 1), []);
  });

  it("gives a fresh array for each block", () => {
    const { decode } = decoderOf();
    const first = decode(...inserted("x-name", "value of some length"));
    const second = decode(...indexed(62));
    assert.deepEqual(first, second);
    assert.notEqual(first, second);
  });

  it("reads integers of five continuation bytes, even where fewer would do", () => {
    assert.deepEqual(decoderOf().decode(0x04, 0x7f, 0x81, 0x80, 0x80, 0x80, 0x00, ...Buffer.alloc(128, "a")), [
      ":path",
      "a".repeat(128),
    ]);
  });

  it("refuses integers of six, and those above 2^31 - 1", () => {
    refuses("integer has more than 5 continuation bytes", 0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00);
    refuses("integer 2147483648 is above 2147483647", ...indexed(2 ** 31));
    refuses("index 2147483647 is above the last, 61", ...indexed(2 ** 31 - 1));
    refuses("integer 34359738494 is above 2147483647", 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f);
  });

  it("refuses what ends within a field, whatever lies behind the block", () => {
    const fields = [...inserted("x-a", "value"), ...integer(0x0f, 0x0f, 16), 0x81, 0xf8, ...indexed(62), 0xff, 0x80];
    const bytes = Buffer.from([...fields, 0x00, 0x00]);
    // Ends of the three fields before the last, which has no end here.
    const whole = new Set([0, 11, 15, 16]);
    for (let end = 0; end <= fields.length; end++) {
      const decode = () => decoderOf().decoder.decode(bytes, 0, end);
      if (whole.has(end)) decode();
      else assert.throws(decode, HpackError, `up to ${end}`);
    }
  });

  it("refuses strings that are longer than what is left of the block", () => {
    refuses("string of 3 bytes is longer than the 2 left of the block", 0x04, 0x03, 0x61, 0x61);
    refuses("string of 100 bytes is longer than the 1 left of the block", 0x40, 0x64, 0x61);
    refuses("string of 3 bytes is longer than the 2 left of the block", 0x04, 0x83, 0xff, 0xff);
  });

  it("refuses index 0 and indices that nothing has, of fields and of names", () => {
    refuses("index 0 refers to nothing", 0x80);
    refuses("index 62 is above the last, 61", ...indexed(62));
    refuses("index 63 is above the last, 62", ...inserted("x-a", ""), ...indexed(63));
    refuses("index 62 is above the last, 61", 0x7e, 0x00);
    refuses("index 62 is above the last, 61", ...integer(0x00, 0x0f, 62), 0x00);
    refuses("index 62 is above the last, 61", ...integer(0x10, 0x0f, 62), 0x00);
  });

  describe("of the table's size", () => {
    it("takes two updates at most, at the start of a block", () => {
      const { decode } = decoderOf();
      assert.deepEqual(decode(...sizeUpdate(0), ...sizeUpdate(4096)), []);
      assert.deepEqual(decode(...sizeUpdate(100), METHOD_GET), [":method", "GET"]);
      const misplaced = "table size update comes after a header field or after two others";
      refuses(misplaced, METHOD_GET, ...sizeUpdate(0));
      refuses(misplaced, ...sizeUpdate(0), ...sizeUpdate(1), ...sizeUpdate(2));
    });

    it("refuses more than our settings allow", () => {
      refuses("table size update to 4097 is above the 4096 of our settings", ...sizeUpdate(4097));
    });

    it("assumes 4096 until the peer says otherwise, however much we allow", () => {
      const { decode } = decoderOf({ maxTableBytes: 65_536 });
      decode(...inserted("x-a", "a".repeat(4096 - 3 - 32)));
      assert.equal(decode(...indexed(62)).length, 2);
      assert.throws(() => decode(...inserted("x-b", ""), ...indexed(63)), HpackError);
      const larger = decoderOf({ maxTableBytes: 65_536 });
      larger.decode(...sizeUpdate(65_536), ...inserted("x-a", "a".repeat(4096)));
      assert.equal(larger.decode(...inserted("x-b", ""), ...indexed(63)).length, 4);
    });

    it("evicts the oldest entries to make room, and for a smaller size", () => {
      const { decode } = decoderOf();
      // 34 bytes each: 120 fit into 4096.
      for (let entry = 0; entry < 121; entry++) decode(...inserted("n", String.fromCharCode(0x21 + (entry % 90))));
      assert.deepEqual(decode(...indexed(62)), ["n", "?"]);
      assert.deepEqual(decode(...indexed(62 + 119)), ["n", '"']);
      assert.deepEqual(decode(...sizeUpdate(34 * 2 + 33), ...indexed(63)), ["n", ">"]);
      assert.throws(() => decode(...indexed(64)), HpackError);
    });

    it("empties the table for an entry that is larger than all of it", () => {
      const { decoder, decode } = decoderOf();
      decode(...inserted("x-a", ""));
      assert.equal(decode(...inserted("x-b", "b".repeat(4096 - 3 - 32 + 1))).length, 2);
      assert.equal(decoder.overflowed, false);
      assert.throws(() => decode(...indexed(62)), HpackError);
    });

    it("keeps the name that an entry refers to, even when it evicts where that came from", () => {
      const { decode } = decoderOf({ maxTableBytes: 64 });
      decode(...inserted("x-first-name", "1"));
      assert.deepEqual(decode(0x7e, 0x02, 0x32, 0x32), ["x-first-name", "22"]);
      assert.deepEqual(decode(...indexed(62)), ["x-first-name", "22"]);
    });
  });

  describe("of Huffman strings", () => {
    const path = (digits: string): number[] => [0x04, 0x80 | hex(digits).length, ...hex(digits)];

    it("takes padding of up to seven ones", () => {
      // "0" and "a" have 5 bits, ":" has 7.
      assert.deepEqual(decoderOf().decode(...path("07")), [":path", "0"]);
      assert.deepEqual(decoderOf().decode(...path("b9")), [":path", ":"]);
      assert.deepEqual(decoderOf().decode(...path("f8")), [":path", "&"]);
      assert.deepEqual(decoderOf().decode(...path("002e7f")), [":path", "00:"]);
      assert.deepEqual(decoderOf().decode(...path("")), [":path", ""]);
    });

    it("refuses other padding", () => {
      refuses("padding of Huffman string is not all ones", ...path("00"));
      refuses("padding of Huffman string is not all ones", ...path("06"));
      const long = "Huffman string ends within a symbol or with more than 7 bits of padding";
      refuses(long, ...path("ff"));
      refuses(long, ...path("07ff"));
      refuses(long, ...path("07ffffff"));
      // A whole byte of a longer symbol.
      refuses(long, ...path("fffe"));
    });

    it("refuses the symbol EOS, in the middle and at the end", () => {
      refuses("Huffman string holds the EOS symbol", ...path("ffffffff"));
      refuses("Huffman string holds the EOS symbol", ...path("fffffffc07"));
      refuses("Huffman string holds the EOS symbol", ...path("07ffffffffff"));
    });
  });

  describe("of limits", () => {
    it("takes lists up to them", () => {
      const { decoder, decode } = decoderOf({ maxFields: 2, maxListBytes: 2 * 32 + 2 * 3 });
      assert.deepEqual(decode(...literal("a", "bc"), ...literal("d", "ef")), ["a", "bc", "d", "ef"]);
      assert.equal(decoder.overflowed, false);
    });

    it("drops what is above them, and says so until the next block", () => {
      const bytes = decoderOf({ maxListBytes: 2 * 32 + 2 * 3 - 1 });
      assert.deepEqual(bytes.decode(...literal("a", "bc"), ...literal("d", "ef"), ...literal("g", "")), ["a", "bc"]);
      assert.equal(bytes.decoder.overflowed, true);
      assert.deepEqual(bytes.decode(METHOD_GET), [":method", "GET"]);
      assert.equal(bytes.decoder.overflowed, false);
      const fields = decoderOf({ maxFields: 1 });
      assert.deepEqual(fields.decode(METHOD_GET, METHOD_GET), [":method", "GET"]);
      assert.equal(fields.decoder.overflowed, true);
    });

    it("keeps the table right while it drops, within a block and by strings that nothing has room for", () => {
      for (const dropped of [inserted("x-b", "b".repeat(100)), inserted("b".repeat(100), "x-b"), inserted("x-b", "")]) {
        const { decoder, decode } = decoderOf({ maxListBytes: 45 });
        const given = decode(METHOD_GET, ...dropped, ...inserted("x-c", "c"));
        assert.deepEqual(given, [":method", "GET"]);
        assert.equal(decoder.overflowed, true);
        assert.deepEqual(decode(...indexed(62)), ["x-c", "c"]);
        const names = decoderOf({ maxListBytes: 1000 });
        names.decode(...inserted("x-a", "a"), ...dropped, ...inserted("x-c", "c"));
        assert.equal(names.decode(...indexed(63)).length, 2);
        assert.deepEqual(names.decode(...indexed(64)), ["x-a", "a"]);
      }
      const emptied = decoderOf({ maxListBytes: 100 });
      emptied.decode(...inserted("x-a", "a"), ...inserted("x-b", "b".repeat(4096)));
      assert.equal(emptied.decoder.overflowed, true);
      assert.throws(() => emptied.decode(...indexed(62)), HpackError);
    });

    it("does so for Huffman strings too", () => {
      // "0" has 5 bits: 5 bytes of zeros are 8 of them.
      const huffman = [0x00, 0x01, 0x61, 0x85, 0x00, 0x00, 0x00, 0x00, 0x00];
      const fits = decoderOf({ maxListBytes: 32 + 1 + 8 });
      assert.deepEqual(fits.decode(...huffman), ["a", "00000000"]);
      const over = decoderOf({ maxListBytes: 32 + 1 + 7 });
      assert.deepEqual(over.decode(...huffman, METHOD_GET), []);
      assert.equal(over.decoder.overflowed, true);
      over.decode(...huffman.with(0, 0x40));
      assert.deepEqual(over.decoder.overflowed, true);
      assert.deepEqual(
        decoderOf()
          .decode(...huffman.with(0, 0x40), ...indexed(62))
          .slice(2),
        ["a", "00000000"],
      );
    });

    it("holds on against one-byte references to one large entry", () => {
      const { decoder, decode } = decoderOf();
      decode(...inserted("x-a", "a".repeat(4000)));
      const bomb = Buffer.alloc(16 * 1024, 0xbe);
      assert.equal(decoder.decode(bomb, 0, bomb.length).length, 2 * 4);
      assert.equal(decoder.overflowed, true);
    });
  });

  describe("of malformed fields", () => {
    const flaws: readonly (readonly [name: string, value: string, malformed: string])[] = [
      ["", "v", "a header field has an empty name"],
      [":", "v", "a header field has an empty name"],
      ["Te", "v", 'header field name "Te" holds an upper-case letter or a character that names cannot have'],
      ["x y", "v", 'header field name "x y" holds an upper-case letter or a character that names cannot have'],
      ["x:y", "v", 'header field name "x:y" holds an upper-case letter or a character that names cannot have'],
      ["::x", "v", 'header field name "::x" holds an upper-case letter or a character that names cannot have'],
      ["x\n", "v", 'header field name "x\\n" holds an upper-case letter or a character that names cannot have'],
      ["x\x7f", "v", 'header field name "x\x7f" holds an upper-case letter or a character that names cannot have'],
      ["\xe9", "v", 'header field name "\xe9" holds an upper-case letter or a character that names cannot have'],
      ["x", "a\0b", 'value of header field "x" holds NUL, CR or LF'],
      ["x", "a\rb", 'value of header field "x" holds NUL, CR or LF'],
      ["x", "\n", 'value of header field "x" holds NUL, CR or LF'],
      ["x", " v\t", ""],
    ];

    for (const [name, value, malformed] of flaws) {
      it(`says so of ${JSON.stringify(name)}: ${JSON.stringify(value)}, each time it comes from the table`, () => {
        const { decoder, decode } = decoderOf();
        assert.deepEqual(decode(...literal(name, value)), [name, value]);
        assert.equal(decoder.malformed, malformed);
        decode(METHOD_GET);
        assert.equal(decoder.malformed, "");
        decode(...inserted(name, value));
        assert.equal(decoder.malformed, malformed);
        assert.deepEqual(decode(METHOD_GET, ...indexed(62)), [":method", "GET", name, value]);
        assert.equal(decoder.malformed, malformed);
        // The name with another value.
        decode(0x7e, 0x01, 0x61);
        assert.equal(decoder.malformed !== "", malformed.includes("name"));
      });
    }

    it("takes every character that names and values may have", () => {
      const { decoder, decode } = decoderOf();
      const text = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte > 13));
      decode(...literal("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz", `a\t${text}\x01`), ...literal(":x", ""));
      assert.equal(decoder.malformed, "");
    });

    it("says the first, and cuts long names", () => {
      const { decoder, decode } = decoderOf();
      decode(...literal("A".repeat(100), ""), ...literal("", ""));
      assert.match(decoder.malformed, /^header field name "A{64}…" holds/);
    });

    it("looks into Huffman strings too", () => {
      const { decoder, decode } = decoderOf();
      // "A" is 100001.
      decode(0x00, 0x81, 0x87, 0x00);
      assert.match(decoder.malformed, /^header field name "A"/);
    });
  });

  it("gives fields within its limits or an HpackError for any bytes, and never anything else", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .array(
          fc.oneof(
            fc.constantFrom(...[0, 1, 30, 61, 62, 63, 64, 127, 128].map(indexed)),
            fc.constantFrom(...[0, 64, 4096, 4097].map(sizeUpdate)),
            fc
              .tuple(fc.string({ unit: "binary-ascii" }), fc.string({ unit: "binary-ascii" }))
              .map(([n, v]) => inserted(n, v)),
            fc.uint8Array({ maxLength: 8 }).map((huffman) => [0x04, 0x80 | huffman.length, ...huffman]),
            fc.uint8Array({ maxLength: 4 }).map((any) => [...any]),
          ),
          { maxLength: 20 },
        )
        .map((parts) => Uint8Array.from(parts.flat())),
    );
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 4 }), (blocks) => {
        const { decoder } = decoderOf({ maxListBytes: 500, maxFields: 8 });
        for (const block of blocks) {
          let fields: string[];
          try {
            fields = decoder.decode(Buffer.from(block), 0, block.length);
          } catch (error) {
            assert.ok(error instanceof HpackError, String(error));
            return;
          }
          assert.ok(fields.length <= 16 && fields.length % 2 === 0);
          assert.ok(fields.every((text) => typeof text === "string"));
          assert.ok(fields.join("").length + (fields.length / 2) * 32 <= 500);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
