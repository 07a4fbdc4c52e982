/** Serves unary calls: one message in, one out. */
import type { IncomingCall, ServerMethod, UnaryRespond } from "../transport/transport.ts";
import { ServedCall } from "./served-call.ts";
import type { ServedMethod } from "./served-method.ts";

export function serveUnary(method: ServedMethod): ServerMethod {
  return {
    method: method.definition,
    kind: "unary",
    handle: (incoming, body, respond) => new UnaryCall(method, incoming, respond).serve(body),
  };
}

class UnaryCall {
  readonly #call: ServedCall;
  #response: Uint8Array | undefined;

  constructor(method: ServedMethod, incoming: IncomingCall, respond: UnaryRespond) {
    this.#call = new ServedCall(method, incoming, (status) => respond(status, this.#response));
  }

  /** Never throws. A handler that answers at once is answered at once: promises are dear under AsyncLocalStorage. */
  serve(body: Uint8Array): void {
    const call = this.#call;
    if (call.over) return;
    try {
      const result = call.run(call.method.decode(body));
      if (isThenable(result)) {
        result.then(
          (message) => this.#answer(message),
          (error: unknown) => this.#fail(error),
        );
      } else {
        this.#answer(result);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#call.settled();
    this.#call.fail(error);
  }

  #answer(message: unknown): void {
    const call = this.#call;
    call.settled();
    if (call.over) return;
    try {
      const response = call.method.encode(message);
      call.sendHeaders();
      this.#response = response;
      call.succeed();
    } catch (error) {
      call.fail(error);
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
