/**
 * Bytes in, frames out (RFC 9113, section 4). Checks what a frame says of itself: its length, and whether it belongs to a
 * stream. Frames other than DATA are given whole; DATA as it comes, so that nothing is held for it. However the bytes
 * are cut into chunks, the frames are the same.
 */
import { ConnectionError, ERROR, errorName, FLAG, FRAME, FRAME_HEAD_BYTES, PREFACE } from "./protocol.ts";

/** Takes frames. The memory is the chunk's, and of no use once a method returns: what is kept is copied. Both throw ConnectionError. */
export interface FrameSink {
  onFrame(type: number, flags: number, id: number, payload: Buffer, start: number, end: number): void;
  /**
   * A piece of a DATA frame.
   *
   * @param flowBytes what it takes of the windows: its bytes and, once for the frame, its padding.
   * @param last whether the frame ends with it; only then do its flags count.
   */
  onData(id: number, flags: number, flowBytes: number, chunk: Buffer, start: number, end: number, last: boolean): void;
}

const NOTHING = Buffer.alloc(0);
const PRIORITY_BYTES = 5;

export class FrameParser {
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  readonly #maxBlockBytes: number;
  /** Bytes of the preface still to come. */
  #prefaceLeft: number;
  /** A frame that has come in part, its head included. */
  #held = NOTHING;
  #heldBytes = 0;
  /** Of the DATA frame that has come in part. */
  #dataId = 0;
  #dataFlags = 0;
  #dataLeft = 0;
  #stopped = false;
  /** Counts what was held, so that whoever watches over the connection sees whether it is the same for long. */
  holds = 0;

  /** @param maxBlockBytes of a frame that carries headers. */
  constructor(sink: FrameSink, maxFrameBytes: number, maxBlockBytes: number, expectsPreface: boolean) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
    this.#maxBlockBytes = maxBlockBytes;
    this.#prefaceLeft = expectsPreface ? PREFACE.length : 0;
  }

  /** Keeps nothing of the chunk. Throws ConnectionError, whatever the bytes; nothing else. */
  push(chunk: Buffer): void {
    const end = chunk.length;
    let at = this.#prefaceLeft > 0 ? this.#preface(chunk) : 0;
    while (at < end && !this.#stopped) {
      if (this.#dataLeft > 0) at = this.#moreData(chunk, at);
      else if (this.#heldBytes > 0) at = this.#more(chunk, at);
      else at = this.#frame(chunk, at);
    }
  }

  /** Whether a frame other than DATA has come in part. */
  get holding(): boolean {
    return this.#heldBytes > 0;
  }

  /** Nothing more is taken from the peer. */
  stop(): void {
    this.#stopped = true;
    this.#held = NOTHING;
    this.#heldBytes = 0;
  }

  #preface(chunk: Buffer): number {
    const from = PREFACE.length - this.#prefaceLeft;
    const count = Math.min(this.#prefaceLeft, chunk.length);
    if (chunk.compare(PREFACE, from, from + count, 0, count) !== 0) {
      throw new ConnectionError(ERROR.PROTOCOL_ERROR, "connection does not begin with HTTP/2's preface");
    }
    this.#prefaceLeft -= count;
    return count;
  }

  /** A frame that begins at `at`; returns what comes behind all that was used. */
  #frame(chunk: Buffer, at: number): number {
    const available = chunk.length - at;
    if (available < FRAME_HEAD_BYTES) return this.#hold(chunk, at, FRAME_HEAD_BYTES);
    const length = lengthAt(chunk, at);
    const type = chunk[at + 3] ?? 0;
    const flags = chunk[at + 4] ?? 0;
    const id = idAt(chunk, at);
    this.#check(type, flags, id, length);
    const start = at + FRAME_HEAD_BYTES;
    if (type === FRAME.DATA && (flags & FLAG.PADDED) === 0) {
      const end = Math.min(start + length, chunk.length);
      const last = end === start + length;
      if (!last) {
        this.#dataId = id;
        this.#dataFlags = flags;
        this.#dataLeft = length - (end - start);
      }
      // A head by itself says nothing yet.
      if (last || end > start) this.#sink.onData(id, flags, end - start, chunk, start, end, last);
      return end;
    }
    if (available < FRAME_HEAD_BYTES + length) return this.#hold(chunk, at, FRAME_HEAD_BYTES + length);
    this.#dispatch(type, flags, id, chunk, start, start + length);
    return start + length;
  }

  #moreData(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#dataLeft, chunk.length);
    this.#dataLeft -= end - at;
    this.#sink.onData(this.#dataId, this.#dataFlags, end - at, chunk, at, end, this.#dataLeft === 0);
    return end;
  }

  /** Keeps the rest of a chunk, in memory for as much of the frame as is known of it. */
  #hold(chunk: Buffer, at: number, size: number): number {
    this.holds++;
    this.#held = Buffer.allocUnsafe(size);
    this.#heldBytes = chunk.copy(this.#held, 0, at);
    return chunk.length;
  }

  /** Completes the frame that is held: first its head, then, of frames that are taken whole, the rest. */
  #more(chunk: Buffer, at: number): number {
    const copied = chunk.copy(this.#held, this.#heldBytes, at, at + this.#held.length - this.#heldBytes);
    this.#heldBytes += copied;
    if (this.#heldBytes < this.#held.length) return chunk.length;
    const held = this.#held;
    this.#heldBytes = 0;
    this.#held = NOTHING;
    // A head by itself, or a whole frame: #frame() holds again what is not complete.
    this.#frame(held, 0);
    return at + copied;
  }

  #dispatch(type: number, flags: number, id: number, payload: Buffer, start: number, end: number): void {
    if (type !== FRAME.DATA) return this.#sink.onFrame(type, flags, id, payload, start, end);
    const padding = paddingOf(payload, start, end);
    this.#sink.onData(id, flags, end - start, payload, start + 1, end - padding, true);
  }

  #check(type: number, flags: number, id: number, length: number): void {
    if (length > this.#maxFrameBytes) {
      throw new ConnectionError(
        ERROR.FRAME_SIZE_ERROR,
        `frame of ${length} bytes is longer than the ${this.#maxFrameBytes} of SETTINGS_MAX_FRAME_SIZE`,
      );
    }
    switch (type) {
      case FRAME.DATA:
        needsStream("DATA", id);
        if ((flags & FLAG.PADDED) !== 0) needsBytes("DATA with padding", length >= 1, length);
        return;
      case FRAME.HEADERS: {
        needsStream("HEADERS", id);
        const least = ((flags & FLAG.PADDED) === 0 ? 0 : 1) + ((flags & FLAG.PRIORITY) === 0 ? 0 : PRIORITY_BYTES);
        needsBytes("HEADERS", length >= least, length);
        return this.#blockBytes(length);
      }
      case FRAME.CONTINUATION:
        needsStream("CONTINUATION", id);
        return this.#blockBytes(length);
      case FRAME.PRIORITY:
        return needsStream("PRIORITY", id);
      case FRAME.RST_STREAM:
        needsStream("RST_STREAM", id);
        return needsBytes("RST_STREAM", length === 4, length);
      case FRAME.SETTINGS:
        needsConnection("SETTINGS", id);
        return needsBytes("SETTINGS", length % 6 === 0 && (length === 0 || (flags & FLAG.ACK) === 0), length);
      case FRAME.PUSH_PROMISE:
        throw new ConnectionError(ERROR.PROTOCOL_ERROR, "PUSH_PROMISE was sent although push is off");
      case FRAME.PING:
        needsConnection("PING", id);
        return needsBytes("PING", length === 8, length);
      case FRAME.GOAWAY:
        needsConnection("GOAWAY", id);
        return needsBytes("GOAWAY", length >= 8, length);
      case FRAME.WINDOW_UPDATE:
        return needsBytes("WINDOW_UPDATE", length === 4, length);
      default: // Unknown frames are ignored, but have come to be counted (section 5.5).
    }
  }

  /** Before anything is held for it. */
  #blockBytes(length: number): void {
    if (length > this.#maxBlockBytes) throw tooLongBlock(length, this.#maxBlockBytes);
  }
}

export function tooLongBlock(bytes: number, most: number): ConnectionError {
  return new ConnectionError(
    ERROR.ENHANCE_YOUR_CALM,
    `header block of ${bytes} bytes is longer than the ${most} allowed`,
  );
}

/** Bytes of padding at the end of a frame that begins with their number (section 6.1). */
export function paddingOf(payload: Buffer, start: number, end: number): number {
  const padding = payload[start] ?? 0;
  if (padding >= end - start) {
    throw new ConnectionError(ERROR.PROTOCOL_ERROR, `padding of ${padding} bytes is as long as its frame`);
  }
  return padding;
}

function lengthAt(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}

/** The reserved bit is ignored (section 4.1). */
function idAt(bytes: Buffer, at: number): number {
  return (
    (((bytes[at + 5] ?? 0) & 0x7f) << 24) |
    ((bytes[at + 6] ?? 0) << 16) |
    ((bytes[at + 7] ?? 0) << 8) |
    (bytes[at + 8] ?? 0)
  );
}

function needsStream(name: string, id: number): void {
  if (id === 0) throw new ConnectionError(ERROR.PROTOCOL_ERROR, `${name} was sent on stream 0`);
}

function needsConnection(name: string, id: number): void {
  if (id !== 0) throw new ConnectionError(ERROR.PROTOCOL_ERROR, `${name} was sent on stream ${id}`);
}

function needsBytes(name: string, right: boolean, length: number): void {
  if (!right)
    throw new ConnectionError(
      ERROR.FRAME_SIZE_ERROR,
      `${name} of ${length} bytes: ${errorName(ERROR.FRAME_SIZE_ERROR)}`,
    );
}
