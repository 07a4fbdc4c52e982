import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  decodeHuffman,
  encodeHuffman,
  huffmanLength,
  maxDecodedBytes,
} from "../../../../../sdk/src/transport/http2/hpack/huffman.ts";
import { EOS, HUFFMAN_CODES, HUFFMAN_LENGTHS } from "../../../../../sdk/src/transport/http2/hpack/huffman-table.ts";

function encoded(text: string): Buffer {
  const out = Buffer.alloc(huffmanLength(text) + 1);
  assert.equal(encodeHuffman(out, 0, text), huffmanLength(text));
  return out.subarray(0, huffmanLength(text));
}

function decoded(bytes: Uint8Array, room = maxDecodedBytes(bytes.length)): string | undefined {
  const out = Buffer.alloc(room);
  const length = decodeHuffman(bytes, 0, bytes.length, out, room);
  return length < 0 ? undefined : out.toString("latin1", 0, length);
}

describe("the Huffman code of HPACK", () => {
  it("is complete: no bits are without a meaning", () => {
    assert.equal(
      HUFFMAN_LENGTHS.reduce((sum, bits) => sum + 2 ** -bits, 0),
      1,
    );
  });

  it("has the codes of RFC 7541 appendix B, of every length", () => {
    const codes: readonly (readonly [symbol: number, code: number, bits: number])[] = [
      [0x30, 0x0, 5],
      [0x74, 0x9, 5],
      [0x20, 0x14, 6],
      [0x75, 0x2d, 6],
      [0x3a, 0x5c, 7],
      [0x7a, 0x7b, 7],
      [0x26, 0xf8, 8],
      [0x5a, 0xfd, 8],
      [0x21, 0x3f8, 10],
      [0x3f, 0x3fc, 10],
      [0x27, 0x7fa, 11],
      [0x7c, 0x7fc, 11],
      [0x23, 0xffa, 12],
      [0x3e, 0xffb, 12],
      [0x00, 0x1ff8, 13],
      [0x7e, 0x1ffd, 13],
      [0x5e, 0x3ffc, 14],
      [0x7d, 0x3ffd, 14],
      [0x3c, 0x7ffc, 15],
      [0x60, 0x7ffd, 15],
      [0x7b, 0x7ffe, 15],
      [0x5c, 0x7fff0, 19],
      [0xd0, 0x7fff2, 19],
      [0x80, 0xfffe6, 20],
      [0x99, 0x1fffdc, 21],
      [0x81, 0x3fffd2, 22],
      [0x01, 0x7fffd8, 23],
      [0x09, 0xffffea, 24],
      [0xc7, 0x1ffffec, 25],
      [0xc0, 0x3ffffe0, 26],
      [0xcb, 0x7ffffde, 27],
      [0x02, 0xfffffe2, 28],
      [0xfe, 0x7fffff0, 27],
      [0x0a, 0x3ffffffc, 30],
      [0x16, 0x3ffffffe, 30],
      [EOS, 0x3fffffff, 30],
    ];
    for (const [symbol, code, bits] of codes) {
      assert.deepEqual([HUFFMAN_CODES[symbol], HUFFMAN_LENGTHS[symbol]], [code, bits], `symbol ${symbol}`);
    }
  });

  it("gives back every byte, alone and beside every other", () => {
    for (let first = 0; first < 256; first++) {
      const alone = String.fromCharCode(first);
      assert.equal(decoded(encoded(alone)), alone);
      let pairs = "";
      for (let second = 0; second < 256; second++) pairs += alone + String.fromCharCode(second);
      assert.equal(decoded(encoded(pairs)), pairs);
    }
  });

  it("gives back any text, and stops when it is longer than there is room for", () => {
    const latin1 = fc.array(fc.integer({ min: 0, max: 255 })).map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(latin1, fc.nat({ max: 20 }), (text, room) => {
        const bytes = encoded(text);
        assert.equal(decoded(bytes), text);
        assert.equal(decoded(bytes, room), text.length <= room ? text : undefined);
      }),
    );
  });
});
