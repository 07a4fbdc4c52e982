/** Messages to bytes and back at the client, with errors that name the method. */
import { MeshError } from "../call/mesh-error.ts";
import { decodeMessage } from "../contract/decode-message.ts";
import { encodeMessage as encode } from "../contract/message-writer.ts";
import type { BoundMethod } from "./bound-method.ts";

/**
 * Bytes of up to COPIED_MESSAGE_BYTES are the request's only until the next message of the process is written. Throws
 * INVALID_ARGUMENT for a request that does not fit its type.
 */
export function encodeRequest(method: BoundMethod, request: unknown): Uint8Array {
  return encodeMessage(method, completeRequest(method, request));
}

/** The request with every field; nothing of it but the contents of bytes is shared with what the user gave. */
export function completeRequest(method: BoundMethod, request: unknown): unknown {
  try {
    return method.definition.input.fromPartial(request as never);
  } catch (error) {
    throw misfit(method, error);
  }
}

/** As encodeRequest, for a request that is complete. */
export function encodeMessage(method: BoundMethod, message: unknown): Uint8Array {
  try {
    return encode(method.definition.input, message);
  } catch (error) {
    throw misfit(method, error);
  }
}

function misfit(method: BoundMethod, error: unknown): MeshError {
  const why = error instanceof Error ? error.message : String(error);
  return new MeshError("INVALID_ARGUMENT", `request of ${method.label} does not fit its message type: ${why}`, {
    cause: error,
  });
}

/** Throws INTERNAL for bytes that are not the response's type: client and server have different contracts. */
export function decodeResponse(method: BoundMethod, body: Uint8Array): unknown {
  try {
    return decodeMessage(method.definition.output, body);
  } catch (error) {
    throw new MeshError(
      "INTERNAL",
      `response of ${method.label} cannot be decoded (${error instanceof Error ? error.message : String(error)}): client and server were generated from different contracts`,
      { cause: error },
    );
  }
}
