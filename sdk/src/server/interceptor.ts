/** Users' own code around every call that a server handles: an onion, composed once per method. */
import type { CallContext } from "../call/call-context.ts";
import type { MethodInfo } from "../call/method-info.ts";

/** A call that has been decoded. */
export interface HandledCall {
  readonly method: MethodInfo;
  /** The request; for methods whose requests stream, an async iterable of them. */
  readonly input: unknown;
  readonly context: CallContext;
}

/** Handles the call: resolves to the response, or, where responses stream, to an async iterable of them. */
export type ServerNext = (call: HandledCall) => Promise<unknown>;

/**
 * @example
 * const refuse: ServerInterceptor = (next) => async (call) => {
 *   if (!call.context.metadata.has("x-tenant")) throw new MeshError("UNAUTHENTICATED", "metadata x-tenant is missing");
 *   return next(call);
 * };
 */
export type ServerInterceptor = (next: ServerNext) => ServerNext;
