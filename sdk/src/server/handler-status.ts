/** What a caller is told of what a handler threw. */
import { encodeStatusDetails, STATUS_DETAILS_KEY } from "../call/error-details.ts";
import { MeshError } from "../call/mesh-error.ts";
import { Metadata } from "../call/metadata.ts";
import { STATUS_NUMBERS } from "../call/status.ts";
import { PUSHBACK_KEY } from "../resilience/pushback.ts";
import type { ServerStatus } from "../transport/transport.ts";
import type { ServerCallContext } from "./server-call-context.ts";

/**
 * A MeshError passes with its code, reason, details and trailers; anything else is a bug and becomes INTERNAL, with the
 * trace id to find it by and nothing of its text: that is for the log. An error of a call that the handler made keeps
 * its code and names the method it came from; having been retried below it must not be retried again above (Site
 * Reliability Engineering, chapter 22: retries on one layer only).
 */
export function handlerStatus(error: unknown, context: ServerCallContext): ServerStatus {
  const trailers = new Metadata().addAll(context.responseTrailers);
  if (!(error instanceof MeshError)) {
    const reason = `handler failed: the server's log has the error under trace_id ${context.trace.traceId}`;
    return { status: STATUS_NUMBERS.INTERNAL, reason, trailers };
  }
  const reason = error.call === undefined ? error.reason : `${error.call.method}: ${error.reason}`;
  if (error.call === undefined) {
    if (error.metadata !== undefined) trailers.addAll(error.metadata);
  } else if (error.code === "UNAVAILABLE") {
    // Less than nothing: do not send it again (gRFC A6).
    trailers.set(PUSHBACK_KEY, "-1");
  }
  if (error.details.length > 0) {
    trailers.set(STATUS_DETAILS_KEY, encodeStatusDetails(error.status, reason, error.details));
  }
  return { status: error.status, reason, trailers };
}
