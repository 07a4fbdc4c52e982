/**
 * Serves the methods that a server does not have, where the transport asks it to: they fail as everywhere, and are seen by
 * metrics and logs, which a transport that answers by itself keeps from them.
 */
import { MeshError } from "../call/mesh-error.ts";
import type { MethodDefinition } from "../contract/definition.ts";
import type { MessageCodec } from "../contract/message-codec.ts";
import { UNREGISTERED_METHOD } from "../telemetry/call-metrics.ts";
import type { ServerMethod, ServerStreamReceiver } from "../transport/transport.ts";
import { ServedCall } from "./served-call.ts";
import type { ServedMethod } from "./served-method.ts";

/** Nothing of such a call is read or written. */
const NO_MESSAGES: MessageCodec<unknown> = {
  encode: () => ({ finish: () => new Uint8Array() }),
  decode: () => undefined,
  fromPartial: () => undefined,
};

/** Stands for all of them, so that a stranger's paths do not become labels. */
export const UNKNOWN_METHOD: MethodDefinition = {
  ...UNREGISTERED_METHOD,
  input: NO_MESSAGES,
  output: NO_MESSAGES,
  policy: { idempotency: "IDEMPOTENCY_UNKNOWN" },
};

const IGNORES: ServerStreamReceiver = { onMessage: () => {}, onHalfClose: () => {}, onDrain: () => {} };

/** @param method serves UNKNOWN_METHOD; its handler is never called. */
export function serveUnknown(method: ServedMethod): ServerMethod {
  return {
    method: method.definition,
    kind: "stream",
    handle(incoming, stream) {
      const call = new ServedCall(method, incoming, (status) => stream.finish(status));
      call.fail(new MeshError("UNIMPLEMENTED", `server does not implement the method ${incoming.path}`));
      return IGNORES;
    },
  };
}
