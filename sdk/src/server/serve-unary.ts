/** Serves unary calls: one message in, one out. */
import type { IncomingCall, ServerMethod } from "../transport/transport.ts";
import { ServedCall } from "./served-call.ts";
import type { ServedMethod } from "./served-method.ts";

export function serveUnary(method: ServedMethod): ServerMethod {
  return {
    method: method.definition,
    kind: "unary",
    handle(incoming: IncomingCall, body, respond) {
      let response: Uint8Array | undefined;
      const call = new ServedCall(method, incoming, (status) => respond(status, response));
      if (call.over) return;
      call.receivedBytes = body.byteLength;
      const work = async (): Promise<void> => {
        try {
          const message = await call.run(method.decode(body));
          if (call.over) return;
          response = method.encode(message);
          call.sentBytes = response.byteLength;
          call.sendHeaders();
          call.succeed();
        } catch (error) {
          response = undefined;
          call.fail(error);
        }
      };
      void work();
    },
  };
}
