/**
 * Puts messages together from the bytes of a stream: a flag (1 when compressed), a length of four bytes, the body
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). Where DATA frames begin
 * and end means nothing.
 */
import { copyOf } from "../copy-of.ts";
import { STATUS_NUMBERS } from "../../call/status.ts";

export interface MessageSink {
  /**
   * Takes the next message; false stops the reader behind it.
   *
   * @param body memory of its own.
   * @param wireBytes its length on the wire, without the prefix.
   */
  onMessage(body: Buffer, compressed: boolean, wireBytes: number): boolean;
}

const PREFIX_BYTES = 5;
const COMPRESSED = 1;
/**
 * A message that spans chunks gets memory for this much on its prefix's word: 64 KiB of content and what is around it.
 * Beyond, memory grows by GROWTH as bytes
 * arrive, so a peer cannot have us hold megabytes that it only announces.
 */
const TRUSTED_BYTES = 72 * 1024;
/** Pages that nothing was written to cost no memory, so growing by 16 costs a peer's bytes as 2 does, in a fourth of the copies. */
const GROWTH = 16;
/** What push() returns when the bytes are no message that may be received. */
export const FAILED = -1;
const NOTHING = Buffer.alloc(0);

export class MessageReader {
  /** gRPC status of the failure; OK while there is none. */
  status: number = STATUS_NUMBERS.OK;
  /** Why push() returned FAILED. */
  failure = "";
  readonly #maxBytes: number;
  /** Bytes seen of a prefix, or all of them when a body is under way; 0 between messages. */
  #prefixBytes = 0;
  #flag = 0;
  /** Of the body; while the prefix is read, what is known of it. */
  #length = 0;
  #body: Buffer = NOTHING;
  #bodyBytes = 0;

  /** @param maxBytes what one message may have; a longer one is refused by its prefix, before any of it is kept. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that the message under way still lacks, as far as known; 0 between messages. */
  get pendingBytes(): number {
    if (this.#prefixBytes === 0) return 0;
    return this.#prefixBytes < PREFIX_BYTES ? PREFIX_BYTES - this.#prefixBytes : this.#length - this.#bodyBytes;
  }

  /**
   * Reads chunk[start..end) and gives the sink each message that is complete, in order.
   *
   * @returns where it stopped: end, behind the message at which the sink said false, or FAILED when the bytes are no
   *   message that may be received. Then status and failure say why, and nothing more may be pushed.
   */
  push(chunk: Buffer, start: number, end: number, sink: MessageSink): number {
    let at = start;
    if (this.#prefixBytes !== 0) {
      at = this.#resume(chunk, start, end);
      if (at === FAILED || this.pendingBytes !== 0) return at;
      const body = this.#body;
      this.#prefixBytes = 0;
      this.#body = NOTHING;
      if (!sink.onMessage(body, this.#flag === COMPRESSED, this.#length)) return at;
    }
    while (end - at >= PREFIX_BYTES) {
      const flag = chunk[at] as number;
      const length = chunk.readUInt32BE(at + 1);
      if (flag > COMPRESSED || length > this.#maxBytes) return this.#fail(flag, length);
      const body = at + PREFIX_BYTES;
      if (length > end - body) {
        this.#prefixBytes = PREFIX_BYTES;
        this.#flag = flag;
        this.#length = length;
        this.#bodyBytes = 0;
        this.#keep(chunk, body, end);
        return end;
      }
      at = body + length;
      if (!sink.onMessage(copyOf(chunk, body, at), flag === COMPRESSED, length)) return at;
    }
    return at < end ? this.#readPrefix(chunk, at, end) : at;
  }

  /** Takes what the message under way lacks, as far as the chunk has it. */
  #resume(chunk: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#prefixBytes < PREFIX_BYTES) {
      at = this.#readPrefix(chunk, start, end);
      if (at === FAILED || this.#prefixBytes < PREFIX_BYTES) return at;
      if (this.#length <= end - at) {
        this.#body = copyOf(chunk, at, at + this.#length);
        this.#bodyBytes = this.#length;
        return at + this.#length;
      }
    }
    const taken = Math.min(end, at + this.#length - this.#bodyBytes);
    this.#keep(chunk, at, taken);
    return taken;
  }

  #readPrefix(chunk: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefixBytes < PREFIX_BYTES) {
      const byte = chunk[at++] as number;
      if (this.#prefixBytes++ === 0) {
        this.#flag = byte;
        this.#length = 0;
        this.#bodyBytes = 0;
      } else {
        // Not shifted: the length has 32 bits.
        this.#length = this.#length * 256 + byte;
      }
    }
    if (this.#prefixBytes < PREFIX_BYTES) return at;
    return this.#flag > COMPRESSED || this.#length > this.#maxBytes ? this.#fail(this.#flag, this.#length) : at;
  }

  /** Copies a part of a body that is not complete, so that a few bytes never hold the whole chunk. */
  #keep(chunk: Buffer, start: number, end: number): void {
    const bytes = this.#bodyBytes + (end - start);
    const capacity = this.#body.length;
    if (bytes > capacity || capacity === 0) {
      const grown = Buffer.allocUnsafe(Math.min(this.#length, Math.max(TRUSTED_BYTES, capacity * GROWTH, bytes)));
      this.#body.copy(grown, 0, 0, this.#bodyBytes);
      this.#body = grown;
    }
    chunk.copy(this.#body, this.#bodyBytes, start, end);
    this.#bodyBytes = bytes;
  }

  #fail(flag: number, length: number): number {
    this.#prefixBytes = 0;
    this.#body = NOTHING;
    if (flag > COMPRESSED) {
      this.status = STATUS_NUMBERS.INTERNAL;
      this.failure = `message begins with the byte ${flag}, neither 0 nor 1 (compressed): these bytes are not gRPC`;
    } else {
      this.status = STATUS_NUMBERS.RESOURCE_EXHAUSTED;
      this.failure = `message of ${length} bytes is longer than the ${this.#maxBytes} bytes that may be received`;
    }
    return FAILED;
  }
}
