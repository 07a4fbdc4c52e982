/** Messages that outlive the method that was given them. */
import { COPIED_MESSAGE_BYTES } from "./transport.ts";

/** The message's bytes as they may be kept: a short one's are copied, since its memory may be used again at once. */
export function keptBytes(body: Uint8Array): Uint8Array {
  return body.byteLength <= COPIED_MESSAGE_BYTES ? Buffer.from(body) : body;
}
