/** Enough of RFC 9113 framing to put header blocks before node:http2 and to take them from it. */

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const FRAME_HEADER_BYTES = 9;
const MAX_FRAME_BYTES = 16 * 1024;

export const HEADERS = 1;
export const SETTINGS = 4;
const CONTINUATION = 9;

export const ACK = 0x1;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;
const PRIORITY_BYTES = 5;

const HEADER_TABLE_SIZE = 1;
const SETTING_BYTES = 6;

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(FRAME_HEADER_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function clientStart(): Buffer {
  return Buffer.concat([PREFACE, frame(SETTINGS, 0, 0)]);
}

export function settings(headerTableSize: number): Buffer {
  const payload = Buffer.alloc(SETTING_BYTES);
  payload.writeUInt16BE(HEADER_TABLE_SIZE, 0);
  payload.writeUInt32BE(headerTableSize, 2);
  return frame(SETTINGS, 0, 0, payload);
}

/** A whole request, with CONTINUATION frames where one frame cannot hold its block. */
export function headers(stream: number, block: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += MAX_FRAME_BYTES) {
    const last = at + MAX_FRAME_BYTES >= block.length ? END_HEADERS : 0;
    const part = block.subarray(at, at + MAX_FRAME_BYTES);
    frames.push(at === 0 ? frame(HEADERS, END_STREAM | last, stream, part) : frame(CONTINUATION, last, stream, part));
  }
  return Buffer.concat(frames);
}

export interface FrameHandler {
  settings(headerTableSize: number | undefined): void;
  block(block: Buffer): void;
}

/** Takes bytes as they come from a socket; frames that are neither settings nor headers are passed over. */
export class FrameReader {
  readonly #handler: FrameHandler;
  #bytes: Buffer;
  #skip: number;
  #block: Buffer[] = [];

  private constructor(handler: FrameHandler, skip: number) {
    this.#handler = handler;
    this.#bytes = Buffer.alloc(0);
    this.#skip = skip;
  }

  static ofClient(handler: FrameHandler): FrameReader {
    return new FrameReader(handler, PREFACE.length);
  }

  static ofServer(handler: FrameHandler): FrameReader {
    return new FrameReader(handler, 0);
  }

  read(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length < this.#skip) return;
    this.#bytes = this.#bytes.subarray(this.#skip);
    this.#skip = 0;
    while (this.#bytes.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < end) return;
      this.#frame(this.#bytes[3]!, this.#bytes[4]!, this.#bytes.subarray(FRAME_HEADER_BYTES, end));
      this.#bytes = this.#bytes.subarray(end);
    }
  }

  #frame(type: number, flags: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & ACK) === 0) this.#handler.settings(headerTableSize(payload));
    if (type !== HEADERS && type !== CONTINUATION) return;
    this.#block.push(type === HEADERS ? fragment(flags, payload) : payload);
    if ((flags & END_HEADERS) === 0) return;
    const block = Buffer.concat(this.#block);
    this.#block = [];
    this.#handler.block(block);
  }
}

function fragment(flags: number, payload: Buffer): Buffer {
  const padding = (flags & PADDED) === 0 ? 0 : payload[0]!;
  const start = ((flags & PADDED) === 0 ? 0 : 1) + ((flags & PRIORITY) === 0 ? 0 : PRIORITY_BYTES);
  return payload.subarray(start, payload.length - padding);
}

function headerTableSize(payload: Buffer): number | undefined {
  let size: number | undefined;
  for (let at = 0; at < payload.length; at += SETTING_BYTES) {
    if (payload.readUInt16BE(at) === HEADER_TABLE_SIZE) size = payload.readUInt32BE(at + 2);
  }
  return size;
}
