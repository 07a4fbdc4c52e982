/** The trace that a grpc-js client's metadata names. */
import { currentContext, runInContext } from "../call/call-context.ts";
import { Cancellation } from "../call/cancellation.ts";
import type { Metadata } from "../call/metadata.ts";
import { parseTraceparent, TRACEPARENT_KEY, TRACESTATE_KEY } from "../call/trace-context.ts";

const NEVER_CANCELLED = new Cancellation();

/**
 * Does work whose calls belong to the trace that the metadata names, which instrumentation of grpc-js clients puts there:
 * it is nearer to the call than the trace of the call being served.
 */
export function continuingTrace<T>(metadata: Metadata, work: () => T): T {
  const trace = parseTraceparent(metadata.get(TRACEPARENT_KEY), metadata.get(TRACESTATE_KEY));
  if (trace === undefined) return work();
  const context = currentContext();
  return runInContext(
    {
      deadline: context?.deadline ?? Infinity,
      cancellation: context?.cancellation ?? NEVER_CANCELLED,
      trace,
      criticality: context?.criticality ?? "DEFAULT",
      previousAttempts: context?.previousAttempts ?? 0,
    },
    work,
  );
}
