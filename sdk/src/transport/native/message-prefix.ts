/** The five bytes before each message: whether it is compressed, and its length. One memory for all: it is copied at once. */
import { copyOf } from "../copy-of.ts";

const PREFIX_BYTES = 5;
const PREFIX = Buffer.alloc(PREFIX_BYTES);

export function messagePrefix(compressed: number, length: number): Buffer {
  PREFIX[0] = compressed;
  PREFIX[1] = length >>> 24;
  PREFIX[2] = length >>> 16;
  PREFIX[3] = length >>> 8;
  PREFIX[4] = length;
  return PREFIX;
}

/** A copy of the message when a chunk is one whole one that is not compressed, as nearly all of unary calls are; else undefined. */
export function wholeMessage(chunk: Buffer, start: number, end: number, maxBytes: number): Buffer | undefined {
  const body = start + PREFIX_BYTES;
  const length = end - body;
  if (length < 0 || length > maxBytes || chunk[start] !== 0 || chunk.readUInt32BE(start + 1) !== length)
    return undefined;
  return copyOf(chunk, body, end);
}
