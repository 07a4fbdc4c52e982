/**
 * Users' own code around every call of a client: an onion, composed once per method. Telemetry is not in it: it observes
 * attempts and calls from inside the engine, where their sizes and ends are known.
 */
import type { MethodInfo } from "../call/method-info.ts";
import type { CallOptions } from "./call-options.ts";

/** A call on its way out. To change it, pass a changed copy on. */
export interface ClientCall {
  readonly method: MethodInfo;
  /** "consul:///greeter" */
  readonly target: string;
  /** The request; for methods whose requests stream, an iterable of them. */
  readonly input: unknown;
  readonly options: CallOptions;
}

/** Makes the call: resolves to the response, or, where responses stream, to an async iterable of them. */
export type ClientNext = (call: ClientCall) => Promise<unknown>;

/**
 * @example
 * const stamp: ClientInterceptor = (next) => (call) =>
 *   next({ ...call, options: { ...call.options, metadata: { "x-tenant": "acme" } } });
 */
export type ClientInterceptor = (next: ClientNext) => ClientNext;
