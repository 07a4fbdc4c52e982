/** What a call carries beside its messages: the user's metadata, and what the mesh passes on. */
import { PREVIOUS_ATTEMPTS_KEY } from "../call/attempts-key.ts";
import type { AmbientContext } from "../call/call-context.ts";
import { CRITICALITY_KEY } from "../call/criticality.ts";
import { Metadata } from "../call/metadata.ts";
import { formatTraceparent, TRACEPARENT_KEY, TRACESTATE_KEY, type TraceContext } from "../call/trace-context.ts";
import type { MethodPolicy } from "../contract/policy.ts";
import type { CallOptions } from "./call-options.ts";

/** Throws INVALID_ARGUMENT for metadata of the user's that cannot be sent. */
export function outgoingMetadata(
  options: CallOptions | undefined,
  policy: MethodPolicy,
  context: AmbientContext | undefined,
  trace: TraceContext,
): Metadata {
  const metadata = new Metadata();
  if (options?.metadata !== undefined) metadata.addAll(Metadata.from(options.metadata));
  metadata.set(TRACEPARENT_KEY, formatTraceparent(trace));
  if (trace.state !== undefined) metadata.set(TRACESTATE_KEY, trace.state);
  const criticality = policy.criticality ?? context?.criticality ?? "DEFAULT";
  if (criticality !== "DEFAULT") metadata.set(CRITICALITY_KEY, criticality.toLowerCase());
  return metadata;
}

/** @param previous attempts that a server may have seen before this one. */
export function attemptMetadata(call: Metadata, previous: number): Metadata {
  if (previous < 1) return call;
  return new Metadata().addAll(call).set(PREVIOUS_ATTEMPTS_KEY, String(previous));
}
