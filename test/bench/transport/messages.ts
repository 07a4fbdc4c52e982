/** The messages of a load: text when they are small, as most calls are, else bytes. */
import { EchoRequest, type RepeatRequest } from "../gen/bench/v1/bench.ts";

/** The longest that is text. */
const MOST_TEXT_BYTES = 127;
const PRINTABLE = "the quick brown fox jumps over the lazy dog ";

/** Encodes to about so many bytes; exactly, when that can be. */
export function echoRequest(bytes: number): EchoRequest {
  const isText = bytes <= MOST_TEXT_BYTES;
  let payload = bytes;
  let message = content(isText, payload);
  // The field's tag and length take a few bytes of their own.
  while (payload > 0 && EchoRequest.encode(message).finish().length > bytes) message = content(isText, --payload);
  return message;
}

export function repeatRequest(bytes: number, count: number): RepeatRequest {
  return { ...echoRequest(bytes), count };
}

function content(isText: boolean, length: number): EchoRequest {
  if (isText) return { text: PRINTABLE.repeat(Math.ceil(length / PRINTABLE.length)).slice(0, length) };
  return { text: "", data: Buffer.alloc(length, PRINTABLE) };
}
