/** A method as one server serves it: its definition, the user's handler inside its interceptors, and who observes. */
import type { CallContext } from "../call/call-context.ts";
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";
import { methodLabel } from "../call/method-info.ts";
import { observerThrew, type ServerCallRecord, type ServerMethodObserver } from "../call/observer.ts";
import type { MethodDefinition } from "../contract/definition.ts";
import { decodeMessage } from "../contract/decode-message.ts";
import { encodeMessage } from "../contract/message-writer.ts";
import type { LoadReporter } from "./load-reporter.ts";
import type { ServerInterceptor, ServerNext } from "./interceptor.ts";

/** What the user wrote: a function of a request (or requests) and a context. */
export type Handler = (input: never, context: never) => unknown;

export interface ServerEnvironment {
  readonly clock: Clock;
  readonly log: Logger;
  /** Calls that are being handled now. */
  readonly inFlight: { count: number };
  /** Tells callers of the server's load; undefined: nobody does. */
  readonly load?: LoadReporter | undefined;
}

export class ServedMethod {
  readonly definition: MethodDefinition;
  readonly label: string;
  readonly environment: ServerEnvironment;
  /** Runs the handler inside its interceptors: what it returns, or a promise of it; throws what it throws at once. */
  readonly handle: (input: unknown, context: CallContext) => unknown;
  readonly #observers: readonly ServerMethodObserver[];

  constructor(
    definition: MethodDefinition,
    handler: Handler,
    interceptors: readonly ServerInterceptor[],
    observers: readonly ServerMethodObserver[],
    environment: ServerEnvironment,
  ) {
    this.definition = definition;
    this.label = methodLabel(definition);
    this.environment = environment;
    this.#observers = observers;
    this.handle =
      interceptors.length === 0 ? (handler as ServedMethod["handle"]) : onion(definition, handler, interceptors);
  }

  started(): void {
    this.environment.inFlight.count++;
    try {
      for (const observer of this.#observers) observer.callStarted?.();
    } catch (error) {
      observerThrew(error);
    }
  }

  ended(record: ServerCallRecord): void {
    this.environment.inFlight.count--;
    try {
      for (const observer of this.#observers) observer.callEnded?.(record);
    } catch (error) {
      observerThrew(error);
    }
  }

  /** Throws INTERNAL, as gRPC servers do, for bytes that are no request: the caller has another contract. */
  decode(body: Uint8Array): unknown {
    try {
      return decodeMessage(this.definition.input, body);
    } catch (error) {
      throw new MeshError(
        "INTERNAL",
        `request of ${this.label} cannot be decoded (${text(error)}): client and server were generated from different contracts`,
        { cause: error },
      );
    }
  }

  /** Throws INTERNAL for what a handler returned that does not fit its response. */
  encode(message: unknown): Uint8Array {
    const { output } = this.definition;
    try {
      return encodeMessage(output, output.fromPartial(message as never));
    } catch (error) {
      throw new MeshError(
        "INTERNAL",
        `handler of ${this.label} gave ${message === undefined ? "undefined" : "a message"} that does not fit its response type (${text(error)})`,
        { cause: error },
      );
    }
  }
}

function onion(
  method: MethodDefinition,
  handler: Handler,
  interceptors: readonly ServerInterceptor[],
): ServedMethod["handle"] {
  const last: ServerNext = async (call) => handler(call.input as never, call.context as never);
  const chain = interceptors.reduceRight<ServerNext>((next, interceptor) => interceptor(next), last);
  return (input, context) => chain({ method, input, context });
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
