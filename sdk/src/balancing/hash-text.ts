/**
 * xxHash32 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md) of a text's UTF-8 bytes: what consistent
 * hashing places endpoints and calls by. Any implementation of it in any language agrees.
 */

const [PRIME_1, PRIME_2, PRIME_3] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d];
const [PRIME_4, PRIME_5] = [0x27d4eb2f, 0x165667b1];
const STRIPE_BYTES = 16;

/** Texts are written here to be hashed; longer ones get memory of their own. */
const scratch = new Uint8Array(1_024);
const encoder = new TextEncoder();

/** A whole number, 0 to 2^32 - 1. @param seed gives another, unrelated hash. */
export function hashText(text: string, seed = 0): number {
  const length = writeAscii(text);
  if (length >= 0) return xxHash32(scratch, length, seed);
  const bytes = encoder.encode(text);
  return xxHash32(bytes, bytes.length, seed);
}

/** Writes a text into scratch and gives its length; -1 when it is too long for that or has other characters. */
function writeAscii(text: string): number {
  const { length } = text;
  if (length > scratch.length) return -1;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return -1;
    scratch[at] = code;
  }
  return length;
}

function xxHash32(bytes: Uint8Array, length: number, seed: number): number {
  let at = 0;
  let hash = (seed + PRIME_5) | 0;
  if (length >= STRIPE_BYTES) {
    let [a, b, c, d] = [(seed + PRIME_1 + PRIME_2) | 0, (seed + PRIME_2) | 0, seed | 0, (seed - PRIME_1) | 0];
    for (; at + STRIPE_BYTES <= length; at += STRIPE_BYTES) {
      a = round(a, wordAt(bytes, at));
      b = round(b, wordAt(bytes, at + 4));
      c = round(c, wordAt(bytes, at + 8));
      d = round(d, wordAt(bytes, at + 12));
    }
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  }
  hash = (hash + length) | 0;
  for (; at + 4 <= length; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(wordAt(bytes, at), PRIME_3)) | 0, 17), PRIME_4);
  }
  for (; at < length; at++) {
    hash = Math.imul(rotate((hash + Math.imul(bytes[at] as number, PRIME_5)) | 0, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function round(lane: number, word: number): number {
  return Math.imul(rotate((lane + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** Four bytes, the lowest first. */
function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
