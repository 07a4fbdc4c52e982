/**
 * Whether a failed attempt is followed by another, and when: gRFC A6 (client retries) with a budget in place of its
 * token throttle, and with the chain stop of kitex: a call that serves a retry is not retried itself, so that three
 * layers of three attempts never become twenty-seven.
 */
import type { Random } from "../call/random.ts";
import type { StatusCode } from "../call/status.ts";
import { MAX_ATTEMPTS } from "../contract/check-policy.ts";
import type { IdempotencyLevel, RetryPolicy } from "../contract/policy.ts";
import { retryDelayMs } from "./backoff.ts";
import type { Pushback } from "./pushback.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** A call, its last attempt, and what the decision draws on. */
export interface FailedAttempt {
  readonly policy: RetryPolicy | undefined;
  readonly idempotency: IdempotencyLevel;
  /** How the attempt ended. */
  readonly code: StatusCode;
  /** Whether the peer may have seen the attempt; false only with proof. */
  readonly processed: boolean;
  readonly pushback: Pushback;
  /** Attempts that were sent, this one and transparent retries included: 1 or more. */
  readonly attempts: number;
  readonly transparentRetries: number;
  /** The caller's bound on transparentRetries, best the number of endpoints; MAX_TRANSPARENT_RETRIES bounds it too. */
  readonly maxTransparentRetries: number;
  /**
   * Which step of the backoff a retry would wait for: 1 for the first retry and for the first after a push-back.
   * Default: counted from the attempts, as if there had been no push-back.
   */
  readonly backoffStep?: number;
  /** Whether the caller was given part of a response, or part of the request is no longer kept. */
  readonly committed: boolean;
  /** Whether the call is made for a call that is a retry. Default false. */
  readonly servesRetry?: boolean;
  /** Milliseconds until the call's deadline; Infinity without one. */
  readonly remainingMs: number;
  /** Pays for a "retry"; untouched by every other decision. */
  readonly budget: Pick<RetryBudget, "tryWithdraw">;
  readonly random: Random;
}

/** Why there is no other attempt. */
export type StopReason =
  | "succeeded"
  | "committed"
  | "deadline"
  | "no_policy"
  | "status"
  | "pushback"
  | "not_idempotent"
  | "attempts"
  | "serves_retry"
  | "budget";

/** A "transparent" retry is sent at once and counts neither as an attempt nor against the budget. */
export type RetryDecision =
  | { readonly kind: "stop"; readonly why: StopReason }
  | { readonly kind: "retry"; readonly delayMs: number }
  | { readonly kind: "transparent" };

/**
 * A6 bounds transparent retries by the deadline alone when the call never left, and by one when it reached the peer's
 * library; both look alike here, so one bound between them holds: enough to pass by the endpoints that a rolling
 * restart closes under a call, and an end when every endpoint refuses.
 */
export const MAX_TRANSPARENT_RETRIES = 5;

const TRANSPARENT: RetryDecision = { kind: "transparent" };

export function decideRetry(failed: FailedAttempt): RetryDecision {
  const { policy, code, pushback, remainingMs } = failed;
  if (code === "OK") return stop("succeeded");
  if (failed.committed) return stop("committed");
  if (remainingMs <= 0) return stop("deadline");
  if (isTransparent(failed)) return TRANSPARENT;
  if (policy === undefined) return stop("no_policy");
  if (!policy.retryableStatusCodes.some((retryable) => retryable === code)) return stop("status");
  if (pushback === "stop") return stop("pushback");
  if (failed.processed && failed.idempotency === "IDEMPOTENCY_UNKNOWN") return stop("not_idempotent");
  const counted = failed.attempts - failed.transparentRetries;
  if (counted >= Math.min(policy.maxAttempts, MAX_ATTEMPTS)) return stop("attempts");
  if (failed.servesRetry === true) return stop("serves_retry");
  const delayMs = pushback ?? retryDelayMs(policy, failed.backoffStep ?? counted, failed.random);
  // An attempt that would start when the time is up only adds load.
  if (delayMs >= remainingMs) return stop("deadline");
  // Last, so that nothing is paid for a retry that is not made.
  if (!failed.budget.tryWithdraw()) return stop("budget");
  return { kind: "retry", delayMs };
}

/**
 * The peer has provably not seen the attempt, so it may go again whatever the method does, if it may fare better
 * elsewhere: that is UNAVAILABLE alone (A6's refused streams and lost connections); a message over the caller's own
 * limit never leaves either, and fails everywhere. A peer that pushed back has seen it.
 */
function isTransparent(failed: FailedAttempt): boolean {
  const most = Math.min(failed.maxTransparentRetries, MAX_TRANSPARENT_RETRIES);
  const unseen = !failed.processed && failed.code === "UNAVAILABLE" && failed.pushback === undefined;
  return unseen && failed.transparentRetries < most;
}

function stop(why: StopReason): RetryDecision {
  return { kind: "stop", why };
}
