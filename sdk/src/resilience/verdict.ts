/** What a call's status says of the endpoint that gave it, for balancing and breaking. */
import type { Verdict } from "../balancing/endpoint-state.ts";
import type { StatusCode } from "../call/status.ts";
import type { Pushback } from "./pushback.ts";

/**
 * A status that the caller's request or the state of the data explains is neutral, however often it comes: counting it
 * would drive calls away from an endpoint that does its work.
 */
const VERDICTS: Readonly<Record<StatusCode, Verdict>> = {
  OK: "success",
  CANCELLED: "neutral",
  UNKNOWN: "failure",
  INVALID_ARGUMENT: "neutral",
  DEADLINE_EXCEEDED: "failure",
  NOT_FOUND: "neutral",
  ALREADY_EXISTS: "neutral",
  PERMISSION_DENIED: "neutral",
  RESOURCE_EXHAUSTED: "overload",
  FAILED_PRECONDITION: "neutral",
  ABORTED: "neutral",
  OUT_OF_RANGE: "neutral",
  // During a rollout an old instance that answers so at once would draw the very calls that it cannot serve.
  UNIMPLEMENTED: "failure",
  INTERNAL: "failure",
  UNAVAILABLE: "failure",
  DATA_LOSS: "failure",
  UNAUTHENTICATED: "neutral",
};

/**
 * The verdict on the endpoint. A push-back turns UNAVAILABLE into overload. Ask only about attempts that an endpoint
 * held: a deadline that passed before is nobody's failure.
 */
export function verdictOf(status: StatusCode, pushback?: Pushback): Verdict {
  return status === "UNAVAILABLE" && pushback !== undefined ? "overload" : VERDICTS[status];
}
