/**
 * Encodes header blocks (RFC 7541). Fields that recur enter the dynamic table until it is full and stay: nothing is
 * evicted, so an index, once written, means the same for as long as the table's generation, and whole blocks can be kept.
 * Names and values are latin1, one character a byte.
 */
import { ENTRY_OVERHEAD_BYTES } from "./decoding-table.ts";
import { encodeHuffman, huffmanLength } from "./huffman.ts";
import { writeLatin1 } from "./latin1.ts";
import { FIRST_DYNAMIC_INDEX, STATIC_INDEX } from "./static-table.ts";

export interface HpackEncoderOptions {
  /** Shorter strings for more time. Default false: on a network of one's own, bytes are cheaper. */
  readonly huffman?: boolean;
}

/** The first bits of representations (RFC 7541 section 6), and the largest integer in what they leave of a byte. */
const INDEXED = 0x80;
const INDEXED_PREFIX = 0x7f;
const INSERTED = 0x40;
const INSERTED_PREFIX = 0x3f;
const SIZE_UPDATE = 0x20;
const SIZE_UPDATE_PREFIX = 0x1f;
const NEVER_INDEXED = 0x10;
const NOT_INDEXED = 0x00;
const LITERAL_PREFIX = 0x0f;
const HUFFMAN = 0x80;
const LENGTH_PREFIX = 0x7f;

/** What a peer has until it says otherwise, and the most we use: the constant fields of many services fit in. */
const MAX_TABLE_BYTES = 4096;

/** An integer of 32 bits, in the worst prefix. */
const MAX_INTEGER_BYTES = 6;

/** Upper bound of what begin() writes: two sizes of at most MAX_TABLE_BYTES. */
export const MAX_BEGIN_BYTES = 6;

/** Upper bound of what one field takes: its representation or index, and two strings with their lengths. */
export function maxFieldBytes(name: string, value: string): number {
  return 1 + MAX_INTEGER_BYTES + name.length + MAX_INTEGER_BYTES + value.length;
}

/** Entries of the dynamic table with one name, numbered in the order of their insertion. */
interface DynamicName {
  /** Any of them. */
  readonly entry: number;
  readonly values: Map<string, number>;
}

export class HpackEncoder {
  readonly #huffman: boolean;
  #maxBytes = MAX_TABLE_BYTES;
  /** What the peer was told last, and the least there was since. */
  #toldBytes = MAX_TABLE_BYTES;
  #leastBytes = MAX_TABLE_BYTES;
  readonly #names = new Map<string, DynamicName>();
  #count = 0;
  #bytes = 0;
  #generation = 0;

  constructor(options: HpackEncoderOptions = {}) {
    this.#huffman = options.huffman ?? false;
  }

  /** Changes whenever the table does: bytes of blocks encoded under another generation are stale. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether begin() has something to write: a cached block must not be used then. */
  get pending(): boolean {
    return this.#maxBytes !== this.#toldBytes || this.#leastBytes < this.#toldBytes;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE, in force once it is acknowledged; call it between blocks. */
  setMaxTableBytes(bytes: number): void {
    this.#maxBytes = Math.min(bytes, MAX_TABLE_BYTES);
    this.#leastBytes = Math.min(this.#leastBytes, this.#maxBytes);
    if (this.#bytes <= this.#maxBytes) return;
    // The peer may keep its oldest entries; they are behind all new ones and the first that it evicts.
    this.#names.clear();
    this.#count = 0;
    this.#bytes = 0;
    this.#generation++;
  }

  /** Must begin every block: writes pending table size updates (RFC 7541 section 4.2). Returns the new offset. */
  begin(out: Buffer, at: number): number {
    if (!this.pending) return at;
    let next = at;
    if (this.#leastBytes < Math.min(this.#toldBytes, this.#maxBytes)) {
      next = writeInteger(out, next, SIZE_UPDATE, SIZE_UPDATE_PREFIX, this.#leastBytes);
    }
    next = writeInteger(out, next, SIZE_UPDATE, SIZE_UPDATE_PREFIX, this.#maxBytes);
    this.#toldBytes = this.#maxBytes;
    this.#leastBytes = this.#maxBytes;
    return next;
  }

  /**
   * A field that recurs: an index if the tables have it, else inserted while there is room, else a literal. A block that
   * inserted something must be sent: the peer's table is wrong without it.
   */
  recurring(out: Buffer, at: number, name: string, value: string): number {
    const known = STATIC_INDEX.get(name)?.values.get(value);
    if (known !== undefined) return writeInteger(out, at, INDEXED, INDEXED_PREFIX, known);
    const dynamic = this.#names.get(name);
    const entry = dynamic?.values.get(value);
    if (entry !== undefined) return writeInteger(out, at, INDEXED, INDEXED_PREFIX, this.#indexOf(entry));
    const bytes = name.length + value.length + ENTRY_OVERHEAD_BYTES;
    if (this.#bytes + bytes > this.#maxBytes) return this.#write(out, at, NOT_INDEXED, LITERAL_PREFIX, name, value);
    const next = this.#write(out, at, INSERTED, INSERTED_PREFIX, name, value);
    if (dynamic === undefined) this.#names.set(name, { entry: this.#count, values: new Map([[value, this.#count]]) });
    else dynamic.values.set(value, this.#count);
    this.#count++;
    this.#bytes += bytes;
    this.#generation++;
    return next;
  }

  /** A field that does not recur: an index if the static table has all of it, else a literal. */
  literal(out: Buffer, at: number, name: string, value: string): number {
    const known = STATIC_INDEX.get(name)?.values.get(value);
    if (known !== undefined) return writeInteger(out, at, INDEXED, INDEXED_PREFIX, known);
    return this.#write(out, at, NOT_INDEXED, LITERAL_PREFIX, name, value);
  }

  /** A secret: nobody on the way may put it into a table, where its length in bytes tells of a guess (section 7.1.3). */
  secret(out: Buffer, at: number, name: string, value: string): number {
    return this.#write(out, at, NEVER_INDEXED, LITERAL_PREFIX, name, value);
  }

  #write(out: Buffer, at: number, kind: number, prefix: number, name: string, value: string): number {
    const index = this.#indexOfName(name);
    let next = writeInteger(out, at, kind, prefix, index);
    if (index === 0) next = this.#writeString(out, next, name);
    return this.#writeString(out, next, value);
  }

  #indexOfName(name: string): number {
    const known = STATIC_INDEX.get(name);
    if (known !== undefined) return known.index;
    const dynamic = this.#names.get(name);
    return dynamic === undefined ? 0 : this.#indexOf(dynamic.entry);
  }

  #indexOf(entry: number): number {
    return FIRST_DYNAMIC_INDEX + this.#count - 1 - entry;
  }

  #writeString(out: Buffer, at: number, text: string): number {
    if (this.#huffman) {
      const length = huffmanLength(text);
      if (length < text.length) return encodeHuffman(out, writeInteger(out, at, HUFFMAN, LENGTH_PREFIX, length), text);
    }
    return writeLatin1(out, writeInteger(out, at, 0, LENGTH_PREFIX, text.length), text);
  }
}

/** RFC 7541 section 5.1. */
function writeInteger(out: Buffer, at: number, kind: number, prefix: number, value: number): number {
  let next = at;
  if (value < prefix) {
    out[next++] = kind | value;
    return next;
  }
  out[next++] = kind | prefix;
  let rest = value - prefix;
  for (; rest >= 0x80; rest >>>= 7) out[next++] = (rest & 0x7f) | 0x80;
  out[next++] = rest;
  return next;
}
