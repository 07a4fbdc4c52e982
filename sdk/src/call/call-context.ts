/**
 * The context of the call being served: what its handler is given, and what the handler's own calls inherit (deadline,
 * cancellation, trace, criticality) through AsyncLocalStorage, without being handed anything.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { CancellationToken } from "./cancellation.ts";
import type { Criticality } from "./criticality.ts";
import type { Logger } from "./logger.ts";
import type { Metadata } from "./metadata.ts";
import type { MethodInfo } from "./method-info.ts";
import type { TraceContext } from "./trace-context.ts";

/** What outgoing calls inherit. */
export interface AmbientContext {
  /** When the work must be done: milliseconds on the mesh's monotonic clock, Infinity when nobody said. */
  readonly deadline: number;
  readonly cancellation: CancellationToken;
  readonly trace: TraceContext;
  readonly criticality: Criticality;
  /** How often the call was sent before: 0 unless it is a retry. A retry's own calls are not retried in turn. */
  readonly previousAttempts: number;
}

export interface CallContext extends AmbientContext {
  readonly method: MethodInfo;
  /** Address of the caller, "host:port", as the transport sees it. */
  readonly peer: string;
  /** What the caller sent beside the messages. */
  readonly metadata: Metadata;
  /** Aborts when the caller cancels, the deadline passes or the server stops; its reason is a MeshError. */
  readonly signal: AbortSignal;
  /** Writes with the fields of this call: method, trace_id, span_id. */
  readonly log: Logger;
  /** Sent before the first response message; may be changed until then. */
  readonly responseHeaders: Metadata;
  /** Sent with the status; may be changed until the handler ends. */
  readonly responseTrailers: Metadata;
  /**
   * How the responses from here on are written. Default "identity". Set "gzip" before the first response; it is left out
   * for callers that do not read it and by the transport "grpc-js", whose servers compress nothing.
   */
  compression: "identity" | "gzip";
  /** Bytes of request messages that have come so far, as they crossed the wire: compressed where the caller compresses. */
  readonly receivedBytes: number;
  /** Milliseconds left until the deadline: Infinity without one, 0 once it has passed. */
  remainingMs(): number;
}

const storage = new AsyncLocalStorage<AmbientContext>();

/** The context of the call being served, or undefined outside handlers. */
export function currentContext(): AmbientContext | undefined {
  return storage.getStore();
}

/** Runs work so that the calls it makes inherit from this context. Arguments pass through, so no closure is needed. */
export function runInContext<A extends unknown[], T>(context: AmbientContext, work: (...args: A) => T, ...args: A): T {
  return storage.run(context, work, ...args);
}

/** Runs work whose calls inherit nothing: for what goes on after the call being served has ended. */
export function runDetached<T>(work: () => T): T {
  return storage.exit(work);
}
