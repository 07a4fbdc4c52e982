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
  // Written without a check: most calls carry this pair alone.
  const metadata = Metadata.received([TRACEPARENT_KEY, formatTraceparent(trace)]);
  if (options?.metadata !== undefined) addUsers(metadata, Metadata.from(options.metadata));
  if (trace.state !== undefined) metadata.set(TRACESTATE_KEY, trace.state);
  const criticality = policy.criticality ?? context?.criticality ?? "DEFAULT";
  if (criticality !== "DEFAULT") metadata.set(CRITICALITY_KEY, criticality.toLowerCase());
  return metadata;
}

/** The user's own, but for the trace's: who a call belongs to is the mesh's to say. */
function addUsers(metadata: Metadata, users: Metadata): void {
  for (const [key, value] of users) if (key !== TRACEPARENT_KEY) metadata.append(key, value);
}

/** @param previous attempts that a server may have seen before this one. */
export function attemptMetadata(call: Metadata, previous: number): Metadata {
  if (previous < 1) return call;
  return new Metadata().addAll(call).set(PREVIOUS_ATTEMPTS_KEY, String(previous));
}
