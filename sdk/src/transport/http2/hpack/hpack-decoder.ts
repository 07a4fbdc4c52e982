/**
 * Decodes header blocks (RFC 7541). What a peer can make it do is bounded by the bytes it sends and by the limits: one
 * byte may stand for a field of the table's whole size, so fields are counted before they are kept.
 */
import { DecodingTable, ENTRY_OVERHEAD_BYTES } from "./decoding-table.ts";
import { describeFlaw, type FieldFlaw, flawOfName, flawOfNameAlone, flawOfValue, NO_FLAW } from "./field-flaws.ts";
import { HpackError } from "./hpack-error.ts";
import { decodeHuffman, maxDecodedBytes } from "./huffman.ts";
import { readLatin1 } from "./latin1.ts";
import { FIRST_DYNAMIC_INDEX, STATIC_NAMES, STATIC_VALUES } from "./static-table.ts";

export { HpackError } from "./hpack-error.ts";

/** What one block may hold: of a list that is larger the rest is dropped. */
export interface HeaderListLimits {
  /** Name, value and 32 for each field (RFC 9113 section 6.5.2). */
  readonly maxListBytes: number;
  readonly maxFields: number;
}

/** First bits of a representation (RFC 7541 section 6), from the most to the fewest set. */
const INDEXED = 0x80;
const INDEXED_PREFIX = 0x7f;
const INSERTED = 0x40;
const INSERTED_PREFIX = 0x3f;
const SIZE_UPDATE = 0x20;
const SIZE_UPDATE_PREFIX = 0x1f;
/** Without indexing and never indexed: to who does not pass fields on they are the same. */
const LITERAL_PREFIX = 0x0f;
const HUFFMAN = 0x80;
const LENGTH_PREFIX = 0x7f;

/** What a table has until the peer's encoder says otherwise (RFC 9113 section 6.5.2). */
const INITIAL_TABLE_BYTES = 4096;
/** The lowest size reached since the last block and the last one (RFC 7541 section 4.2). */
const MAX_SIZE_UPDATES = 2;
/** RFC 7541 section 5.1 wants limits: 5 bytes hold 35 bits, and nothing here is larger than 31. */
const MAX_CONTINUATION_BYTES = 5;
const MAX_INTEGER = 0x7fff_ffff;

/** Where Huffman strings are decoded to, by all decoders in turn; grows to the largest that a limit lets through. */
let scratch = Buffer.allocUnsafeSlow(4096);

export class HpackDecoder {
  /** Of the block decoded last: a limit was exceeded, and what came from there on is not among the fields. */
  overflowed = false;
  /** Of the block decoded last: why it is malformed (RFC 9113 section 8.2.1), or "". */
  malformed = "";
  readonly #maxTableBytes: number;
  readonly #maxListBytes: number;
  readonly #maxFields: number;
  readonly #table: DecodingTable;
  /** Of the block in the making. */
  #fields: string[] = [];
  #bytesLeft = 0;
  #fieldsLeft = 0;
  #at = 0;
  /** Of the string read last. */
  #source: Uint8Array = scratch;
  #from = 0;
  #to = 0;

  /**
   * @param maxTableBytes our SETTINGS_HEADER_TABLE_SIZE. Below 4096 only where the peer cannot send a block before it
   * has read that: until then it fills a table of 4096.
   */
  constructor(maxTableBytes: number, limits: HeaderListLimits) {
    this.#maxTableBytes = maxTableBytes;
    this.#maxListBytes = limits.maxListBytes;
    this.#maxFields = limits.maxFields;
    this.#table = new DecodingTable(Math.min(maxTableBytes, INITIAL_TABLE_BYTES));
  }

  /**
   * One complete block as [name, value, name, value, ...], latin1. Throws HpackError; what the decoder holds is of no
   * use then.
   */
  decode(bytes: Uint8Array, start: number, end: number): string[] {
    const fields: string[] = [];
    this.#fields = fields;
    this.overflowed = false;
    this.malformed = "";
    this.#bytesLeft = this.#maxListBytes;
    this.#fieldsLeft = this.#maxFields;
    this.#at = start;
    this.#readSizeUpdates(bytes, end);
    while (this.#at < end) {
      const first = bytes[this.#at] as number;
      if (first >= INDEXED) this.#addIndexed(this.#readInteger(bytes, end, INDEXED_PREFIX));
      else if (first >= INSERTED) this.#readLiteral(bytes, end, INSERTED_PREFIX);
      else if (first < SIZE_UPDATE) this.#readLiteral(bytes, end, LITERAL_PREFIX);
      else throw new HpackError("table size update comes after a header field or after two others");
    }
    return fields;
  }

  #readSizeUpdates(bytes: Uint8Array, end: number): void {
    for (let updates = 0; updates < MAX_SIZE_UPDATES && this.#at < end; updates++) {
      const first = bytes[this.#at] as number;
      if (first < SIZE_UPDATE || first >= INSERTED) return;
      const size = this.#readInteger(bytes, end, SIZE_UPDATE_PREFIX);
      if (size > this.#maxTableBytes) {
        throw new HpackError(`table size update to ${size} is above the ${this.#maxTableBytes} of our settings`);
      }
      this.#table.resize(size);
    }
  }

  #addIndexed(index: number): void {
    if (index < FIRST_DYNAMIC_INDEX) {
      if (index === 0) throw new HpackError("index 0 refers to nothing");
      this.#add(STATIC_NAMES[index] as string, STATIC_VALUES[index] as string, NO_FLAW);
    } else {
      const age = this.#ageOf(index);
      this.#add(this.#table.name(age), this.#table.value(age), this.#table.flaw(age));
    }
  }

  #ageOf(index: number): number {
    const age = index - FIRST_DYNAMIC_INDEX;
    const { count } = this.#table;
    if (age >= count) throw new HpackError(`index ${index} is above the last, ${FIRST_DYNAMIC_INDEX + count - 1}`);
    return age;
  }

  #readLiteral(bytes: Uint8Array, end: number, prefix: number): void {
    const inserted = prefix === INSERTED_PREFIX;
    const index = this.#readInteger(bytes, end, prefix);
    // A string that neither the list nor the table has room for is passed over without being built.
    const listRoom = this.overflowed ? 0 : this.#bytesLeft;
    const room = Math.max(listRoom, inserted ? this.#table.maxBytes : 0) - ENTRY_OVERHEAD_BYTES;
    let name: string | undefined;
    let flaw: FieldFlaw = NO_FLAW;
    if (index === 0) {
      name = this.#readString(bytes, end, room);
      if (name !== undefined) flaw = flawOfName(this.#source, this.#from, this.#to);
    } else if (index < FIRST_DYNAMIC_INDEX) {
      name = STATIC_NAMES[index] as string;
    } else {
      const age = this.#ageOf(index);
      name = this.#table.name(age);
      flaw = flawOfNameAlone(this.#table.flaw(age));
    }
    const value = this.#readString(bytes, end, name === undefined ? -1 : room - name.length);
    if (name === undefined || value === undefined) {
      if (inserted) this.#table.clear();
      this.overflowed = true;
      return;
    }
    if (flaw === NO_FLAW) flaw = flawOfValue(this.#source, this.#from, this.#to);
    if (inserted) this.#table.insert(name, value, flaw);
    this.#add(name, value, flaw);
  }

  #add(name: string, value: string, flaw: FieldFlaw): void {
    if (this.overflowed) return;
    this.#bytesLeft -= name.length + value.length + ENTRY_OVERHEAD_BYTES;
    this.#fieldsLeft--;
    if (this.#bytesLeft < 0 || this.#fieldsLeft < 0) {
      this.overflowed = true;
      return;
    }
    if (flaw !== NO_FLAW && this.malformed === "") this.malformed = describeFlaw(flaw, name);
    this.#fields.push(name, value);
  }

  /** Undefined when it is longer than `room`. */
  #readString(bytes: Uint8Array, end: number, room: number): string | undefined {
    if (this.#at >= end) throw endsEarly();
    const huffman = (bytes[this.#at] as number) >= HUFFMAN;
    const length = this.#readInteger(bytes, end, LENGTH_PREFIX);
    const from = this.#at;
    const to = from + length;
    if (to > end) throw new HpackError(`string of ${length} bytes is longer than the ${end - from} left of the block`);
    this.#at = to;
    if (huffman) return this.#readHuffman(bytes, from, to, room);
    if (length > room) return undefined;
    this.#source = bytes;
    this.#from = from;
    this.#to = to;
    return readLatin1(bytes, from, to);
  }

  #readHuffman(bytes: Uint8Array, from: number, to: number, room: number): string | undefined {
    if (room < 0) return undefined;
    const needed = Math.min(maxDecodedBytes(to - from), room);
    if (scratch.length < needed) scratch = Buffer.allocUnsafeSlow(needed);
    const length = decodeHuffman(bytes, from, to, scratch, room);
    if (length < 0) return undefined;
    this.#source = scratch;
    this.#from = 0;
    this.#to = length;
    return readLatin1(scratch, 0, length);
  }

  /** RFC 7541 section 5.1; the first byte is known to be there. */
  #readInteger(bytes: Uint8Array, end: number, prefix: number): number {
    let at = this.#at;
    let value = (bytes[at++] as number) & prefix;
    if (value === prefix) {
      let scale = 1;
      let byte = 0x80;
      for (let read = 0; byte >= 0x80; read++) {
        if (read === MAX_CONTINUATION_BYTES) throw new HpackError("integer has more than 5 continuation bytes");
        if (at >= end) throw endsEarly();
        byte = bytes[at++] as number;
        value += (byte & 0x7f) * scale;
        scale *= 128;
      }
      if (value > MAX_INTEGER) throw new HpackError(`integer ${value} is above ${MAX_INTEGER}`);
    }
    this.#at = at;
    return value;
  }
}

function endsEarly(): HpackError {
  return new HpackError("block ends within a header field");
}
