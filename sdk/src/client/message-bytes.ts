/** Messages to bytes and back at the client, with errors that name the method. */
import { MeshError } from "../call/mesh-error.ts";
import type { BoundMethod } from "./bound-method.ts";

/** Throws INVALID_ARGUMENT for a request that does not fit its type. */
export function encodeRequest(method: BoundMethod, request: unknown): Uint8Array {
  const { input } = method.definition;
  try {
    return input.encode(input.fromPartial(request as never)).finish();
  } catch (error) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `request of ${method.label} does not fit its message type: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** Throws INTERNAL for bytes that are not the response's type: client and server have different contracts. */
export function decodeResponse(method: BoundMethod, body: Uint8Array): unknown {
  try {
    return method.definition.output.decode(body);
  } catch (error) {
    throw new MeshError(
      "INTERNAL",
      `response of ${method.label} cannot be decoded (${error instanceof Error ? error.message : String(error)}): client and server were generated from different contracts`,
      { cause: error },
    );
  }
}
