/** How long a retry waits (gRFC A6, "Exponential Backoff"). */
import type { Random } from "../call/random.ts";
import type { RetryPolicy } from "../contract/policy.ts";

/** A6 draws every wait from 0.8 to 1.2 times its value, so that callers who failed together do not return together. */
const LEAST_JITTER = 0.8;
const JITTER_SPAN = 0.4;

/**
 * Milliseconds before a retry.
 *
 * @param retry 1 for the first retry, and for the first after a push-back; then counting up.
 */
export function retryDelayMs(policy: RetryPolicy, retry: number, random: Random): number {
  const grown = policy.initialBackoffMs * policy.backoffMultiplier ** (retry - 1);
  return Math.min(grown, policy.maxBackoffMs) * (LEAST_JITTER + JITTER_SPAN * random());
}
