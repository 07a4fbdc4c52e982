/**
 * Encodes messages: a stand-in for the BinaryWriter of @bufbuild/protobuf that ts-proto's code writes to, with the same
 * bytes and the same errors (https://protobuf.dev/programming-guides/encoding/), and without what it costs per message:
 * its construction, the growth of its buffer from nothing, and the copy that its finish() makes.
 */
import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { MessageCodec } from "./message-codec.ts";
import { checkedFloat, checkedInt32, checkedUint32, Int64Words } from "./wire-numbers.ts";

/**
 * A message of up to this many bytes is copied before the method that takes it returns, so its memory may be used again
 * at once. A longer one is kept as it is until it has been written and must not be changed.
 */
export const COPIED_MESSAGE_BYTES = 128 * 1024;

/** The buffer to begin with; most messages are shorter. */
const INITIAL_BYTES = 4 * 1024;
/** What the shared writer keeps between messages: a huge one must not hold its memory for ever. */
const MAX_KEPT_BYTES = 1024 * 1024;
const MAX_VARINT32_BYTES = 5;
const MAX_VARINT64_BYTES = 10;
/** So many UTF-16 units are at most 126 bytes of UTF-8, whose length is one byte; a loop beats a call of Buffer here. */
const SHORT_STRING = 42;
const MAX_UTF8_BYTES = 3;
/** Up to here room for the worst case is cheaper than counting the bytes first. */
const GUESSED_STRING = 4 * 1024;
/** From here on moving a value because its message's length needs more bytes than reserved would cost more than a look. */
const LARGE_VALUE_BYTES = 4 * 1024;
const REPLACEMENT = 0xfffd;

const words = new Int64Words();

export class MessageWriter {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #view = new DataView(this.#buffer.buffer);
  #at = 0;
  /** Where each open fork has its length. The first byte there says how many bytes more than one are reserved. */
  readonly #forks: number[] = [];

  /** The bytes written, copied, as BinaryWriter does it; begins anew. */
  finish(): Uint8Array {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#at));
    this.reset();
    return bytes;
  }

  /**
   * The bytes written, not copied, and begins anew. More than COPIED_MESSAGE_BYTES are the caller's for good; fewer are
   * overwritten by the next message.
   */
  take(): Uint8Array {
    const length = this.#at;
    const bytes = this.#buffer.subarray(0, length);
    if (length > COPIED_MESSAGE_BYTES) {
      // The next message is probably as long: if that may not be kept it makes its own, and other memory would be wasted.
      const next = length + (length >>> 3);
      this.#use(next <= MAX_KEPT_BYTES ? next : INITIAL_BYTES);
    }
    this.reset();
    return bytes;
  }

  /** Forgets what was written. */
  reset(): void {
    this.#at = 0;
    this.#forks.length = 0;
    if (this.#buffer.length > MAX_KEPT_BYTES) this.#use(INITIAL_BYTES);
  }

  /** Begins what join() puts a length before. */
  fork(): this {
    this.#reserve(1);
    this.#forks.push(this.#at);
    this.#buffer[this.#at++] = 0;
    return this;
  }

  join(): this {
    const at = this.#forks.pop();
    if (at === undefined) throw new Error("invalid state, fork stack empty");
    const reserved = 1 + (this.#buffer[at] as number);
    const length = this.#at - at - reserved;
    const size = varintSize(length);
    if (size !== reserved) this.#move(at + reserved, size - reserved);
    this.#putVarint(at, length);
    return this;
  }

  tag(field: number, wireType: number): this {
    return this.uint32(((field << 3) | wireType) >>> 0);
  }

  raw(chunk: Uint8Array): this {
    const { length } = chunk;
    if (length >= LARGE_VALUE_BYTES) this.#widenForks(length);
    this.#reserve(length);
    this.#buffer.set(chunk, this.#at);
    this.#at += length;
    return this;
  }

  bytes(value: Uint8Array): this {
    const length = value.byteLength;
    if (length >= LARGE_VALUE_BYTES) this.#widenForks(length);
    return this.uint32(length).raw(value);
  }

  uint32(value: number): this {
    const checked = typeof value === "number" && value >>> 0 === value ? value : checkedUint32(value);
    this.#reserve(MAX_VARINT32_BYTES);
    if (checked < 0x80) this.#buffer[this.#at++] = checked;
    else this.#at = this.#putVarint(this.#at, checked);
    return this;
  }

  int32(value: number): this {
    const checked = typeof value === "number" && (value | 0) === value ? value : checkedInt32(value);
    // A negative one is written as 64 bits.
    return checked < 0 ? this.#varint64(checked, -1) : this.uint32(checked);
  }

  sint32(value: number): this {
    const checked = typeof value === "number" && (value | 0) === value ? value : checkedInt32(value);
    return this.uint32(((checked << 1) ^ (checked >> 31)) >>> 0);
  }

  bool(value: boolean): this {
    this.#reserve(1);
    this.#buffer[this.#at++] = value ? 1 : 0;
    return this;
  }

  int64(value: string | number | bigint): this {
    words.signed(value);
    return this.#varint64(words.low, words.high);
  }

  uint64(value: string | number | bigint): this {
    words.unsigned(value);
    return this.#varint64(words.low, words.high);
  }

  sint64(value: string | number | bigint): this {
    words.signed(value);
    const sign = words.high >> 31;
    return this.#varint64((words.low << 1) ^ sign, ((words.high << 1) | (words.low >>> 31)) ^ sign);
  }

  fixed64(value: string | number | bigint): this {
    words.unsigned(value);
    return this.#words();
  }

  sfixed64(value: string | number | bigint): this {
    words.signed(value);
    return this.#words();
  }

  fixed32(value: number): this {
    const checked = typeof value === "number" && value >>> 0 === value ? value : checkedUint32(value);
    this.#reserve(4);
    this.#view.setUint32(this.#at, checked, true);
    this.#at += 4;
    return this;
  }

  sfixed32(value: number): this {
    const checked = typeof value === "number" && (value | 0) === value ? value : checkedInt32(value);
    this.#reserve(4);
    this.#view.setInt32(this.#at, checked, true);
    this.#at += 4;
    return this;
  }

  float(value: number): this {
    const checked = checkedFloat(value);
    this.#reserve(4);
    this.#view.setFloat32(this.#at, checked, true);
    this.#at += 4;
    return this;
  }

  double(value: number): this {
    this.#reserve(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
    return this;
  }

  string(value: string): this {
    const text = typeof value === "string" ? value : String(value);
    const { length } = text;
    if (length > SHORT_STRING) return this.#longString(text);
    this.#reserve(1 + length * MAX_UTF8_BYTES);
    const buffer = this.#buffer;
    const start = this.#at + 1;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return this.#shortUtf8(text, index);
      buffer[start + index] = code;
    }
    buffer[this.#at] = length;
    this.#at = start + length;
    return this;
  }

  /** The rest of a short string, whose first characters are ASCII and written. */
  #shortUtf8(text: string, from: number): this {
    const buffer = this.#buffer;
    let at = this.#at + 1 + from;
    for (let index = from; index < text.length; index++) {
      let code = text.charCodeAt(index);
      if (code < 0x80) {
        buffer[at++] = code;
        continue;
      }
      if (code < 0x800) {
        buffer[at++] = 0xc0 | (code >> 6);
        buffer[at++] = 0x80 | (code & 0x3f);
        continue;
      }
      if (code >= 0xd800 && code <= 0xdfff) {
        const whole = text.codePointAt(index) as number;
        if (whole > 0xffff) {
          index++;
          buffer[at++] = 0xf0 | (whole >> 18);
          buffer[at++] = 0x80 | ((whole >> 12) & 0x3f);
          buffer[at++] = 0x80 | ((whole >> 6) & 0x3f);
          buffer[at++] = 0x80 | (whole & 0x3f);
          continue;
        }
        code = REPLACEMENT;
      }
      buffer[at++] = 0xe0 | (code >> 12);
      buffer[at++] = 0x80 | ((code >> 6) & 0x3f);
      buffer[at++] = 0x80 | (code & 0x3f);
    }
    buffer[this.#at] = at - this.#at - 1;
    this.#at = at;
    return this;
  }

  #longString(text: string): this {
    if (text.length > GUESSED_STRING) {
      const length = Buffer.byteLength(text);
      this.#widenForks(length);
      this.uint32(length);
      this.#reserve(length);
      // All ASCII is copied as it is, without a second look for what needs more than a byte.
      this.#at += this.#buffer.write(text, this.#at, length === text.length ? "latin1" : "utf8");
      return this;
    }
    this.#reserve(MAX_VARINT32_BYTES + text.length * MAX_UTF8_BYTES);
    const at = this.#at;
    // As if it were ASCII, and moved when it is not.
    const guess = varintSize(text.length);
    const length = this.#buffer.write(text, at + guess);
    this.#at = at + guess + length;
    const size = varintSize(length);
    if (size !== guess) this.#move(at + guess, size - guess);
    this.#putVarint(at, length);
    return this;
  }

  #words(): this {
    this.#reserve(8);
    this.#view.setInt32(this.#at, words.low, true);
    this.#view.setInt32(this.#at + 4, words.high, true);
    this.#at += 8;
    return this;
  }

  #varint64(low: number, high: number): this {
    this.#reserve(MAX_VARINT64_BYTES);
    const buffer = this.#buffer;
    let at = this.#at;
    let lower = low >>> 0;
    let upper = high >>> 0;
    while (upper !== 0) {
      buffer[at++] = (lower & 0x7f) | 0x80;
      lower = ((lower >>> 7) | (upper << 25)) >>> 0;
      upper >>>= 7;
    }
    this.#at = this.#putVarint(at, lower);
    return this;
  }

  /** Writes a varint where there is room for it; returns where it ends. */
  #putVarint(start: number, value: number): number {
    const buffer = this.#buffer;
    let at = start;
    let rest = value;
    while (rest > 0x7f) {
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[at++] = rest;
    return at;
  }

  /** Moves all from a place on. */
  #move(from: number, by: number): void {
    this.#reserve(by);
    this.#buffer.copyWithin(from + by, from, this.#at);
    this.#at += by;
  }

  /** Reserves for every open fork what its length will need with a large value, before the value would have to move. */
  #widenForks(valueBytes: number): void {
    const forks = this.#forks;
    for (let index = forks.length - 1; index >= 0; index--) {
      const at = forks[index] as number;
      const reserved = 1 + (this.#buffer[at] as number);
      const more = varintSize(this.#at - at - reserved + valueBytes) - reserved;
      if (more <= 0) continue;
      this.#move(at + reserved, more);
      this.#buffer[at] = reserved + more - 1;
      for (let inner = index + 1; inner < forks.length; inner++) forks[inner] = (forks[inner] as number) + more;
    }
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed > this.#buffer.length) this.#grow(needed);
  }

  #grow(needed: number): void {
    const old = this.#buffer;
    // Some more than needed, or the field behind a large one would move it; twice what must be copied, and no more of what
    // was never written: memory that is only held makes the collector run as often as memory that is used.
    this.#use(Math.max(this.#at * 2, needed + (needed >>> 3)));
    old.copy(this.#buffer, 0, 0, this.#at);
  }

  #use(bytes: number): void {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
    this.#view = new DataView(this.#buffer.buffer);
  }
}

function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : MAX_VARINT32_BYTES;
}

const shared = new MessageWriter();
let busy = false;

/**
 * Encodes a message. Its bytes hold until the next call when they are no more than COPIED_MESSAGE_BYTES; else they are the
 * caller's for good. Throws what the codec throws.
 */
export function encodeMessage<T>(codec: MessageCodec<T>, message: T): Uint8Array {
  // A getter of the message may encode another one.
  if (busy) return encodeWith(new MessageWriter(), codec, message);
  busy = true;
  try {
    return encodeWith(shared, codec, message);
  } finally {
    shared.reset();
    busy = false;
  }
}

function encodeWith<T>(writer: MessageWriter, codec: MessageCodec<T>, message: T): Uint8Array {
  // BinaryWriter's private fields make its type nominal; generated code calls none but its methods, which ours has all.
  const given = writer as unknown as BinaryWriter;
  const written = codec.encode(message, given);
  return written === given ? writer.take() : written.finish();
}
