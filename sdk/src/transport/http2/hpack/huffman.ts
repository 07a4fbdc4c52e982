/**
 * Huffman strings (RFC 7541 section 5.2). Decoding looks at 8 bits a step in tables that form a tree: most symbols of
 * header fields have 5 to 8 bits and take one look into the first table, 512 bytes that stay in the cache.
 */
import { HpackError } from "./hpack-error.ts";
import { EOS, HUFFMAN_CODES, HUFFMAN_LENGTHS } from "./huffman-table.ts";

/** An entry is a symbol and how many of the 8 bits it takes, or the table that the next 8 bits go to. */
const TO_TABLE = 0x8000;
const LENGTH_BITS = 4;
const LENGTH_MASK = 0x0f;
const TABLE_SIZE = 256;

const TABLES = buildTables();

/** No symbol has fewer bits. */
const SHORTEST_BITS = 5;

/** Upper bound of the bytes that a Huffman string decodes to. */
export function maxDecodedBytes(encodedBytes: number): number {
  return Math.floor((encodedBytes * 8) / SHORTEST_BITS);
}

/**
 * Writes what the bytes stand for to the start of `out`. Returns its length, or -1 when it is more than `room` bytes: then
 * the rest was not looked at. Throws HpackError.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array, room: number): number {
  let bits = 0;
  let held = 0;
  let table = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    bits = (bits << 8) | (bytes[at] as number);
    held += 8;
    while (held >= 8) {
      const entry = TABLES[table + ((bits >>> (held - 8)) & 0xff)] as number;
      if (entry < TO_TABLE) {
        held -= entry & LENGTH_MASK;
        if (length === room) return -1;
        if (entry >>> LENGTH_BITS === EOS) throw holdsEos();
        out[length++] = entry >>> LENGTH_BITS;
        table = 0;
      } else {
        held -= 8;
        table = entry - TO_TABLE;
      }
    }
  }
  while (held > 0) {
    const entry = TABLES[table + ((bits << (8 - held)) & 0xff)] as number;
    if (entry >= TO_TABLE || (entry & LENGTH_MASK) > held) break;
    if (entry >>> LENGTH_BITS === EOS) throw holdsEos();
    held -= entry & LENGTH_MASK;
    if (length === room) return -1;
    out[length++] = entry >>> LENGTH_BITS;
    table = 0;
  }
  // Below the first table, 8 bits or more of a symbol have been seen: too many to be padding.
  if (table !== 0) throw new HpackError("Huffman string ends within a symbol or with more than 7 bits of padding");
  const ones = (1 << held) - 1;
  if ((bits & ones) !== ones) throw new HpackError("padding of Huffman string is not all ones");
  return length;
}

function holdsEos(): HpackError {
  return new HpackError("Huffman string holds the EOS symbol");
}

/** In bytes, with padding; of latin1 characters. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let at = 0; at < text.length; at++) bits += HUFFMAN_LENGTHS[text.charCodeAt(at) & 0xff] as number;
  return (bits + 7) >>> 3;
}

/** Codes have up to 30 bits and up to 7 are held: in one go they would not fit 32. */
const HALF_BITS = 16;

/** Returns the new offset. */
export function encodeHuffman(out: Uint8Array, start: number, text: string): number {
  let at = start;
  let bits = 0;
  let held = 0;
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index) & 0xff;
    let code = HUFFMAN_CODES[symbol] as number;
    let length = HUFFMAN_LENGTHS[symbol] as number;
    if (length > HALF_BITS) {
      length -= HALF_BITS;
      bits = (bits << length) | (code >>> HALF_BITS);
      for (held += length; held >= 8; held -= 8) out[at++] = bits >>> (held - 8);
      code &= 0xffff;
      length = HALF_BITS;
    }
    bits = (bits << length) | code;
    for (held += length; held >= 8; held -= 8) out[at++] = bits >>> (held - 8);
  }
  if (held > 0) out[at++] = (bits << (8 - held)) | (0xff >>> held);
  return at;
}

function buildTables(): Uint16Array {
  const entries: number[] = Array.from({ length: TABLE_SIZE }, () => 0);
  for (const [symbol, length] of HUFFMAN_LENGTHS.entries()) {
    const code = HUFFMAN_CODES[symbol] as number;
    let table = 0;
    let left = length;
    for (; left > 8; left -= 8) {
      const slot = table + ((code >>> (left - 8)) & 0xff);
      if (entries[slot] === 0) {
        entries[slot] = TO_TABLE + entries.length;
        for (let added = 0; added < TABLE_SIZE; added++) entries.push(0);
      }
      table = (entries[slot] as number) - TO_TABLE;
    }
    // Every byte that begins with the code's last bits.
    const first = table + ((code << (8 - left)) & 0xff);
    entries.fill((symbol << LENGTH_BITS) | left, first, first + (1 << (8 - left)));
  }
  return Uint16Array.from(entries);
}
