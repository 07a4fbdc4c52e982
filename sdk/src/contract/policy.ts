/**
 * How calls of a method must behave: plain data, baked into generated code from the contract's options, adjustable in
 * the mesh's configuration and per call.
 */
import type { Criticality } from "../call/criticality.ts";
import type { ErrorCode } from "../call/status.ts";

/** descriptor.proto's idempotency_level. */
export type IdempotencyLevel = "IDEMPOTENCY_UNKNOWN" | "NO_SIDE_EFFECTS" | "IDEMPOTENT";

/** Retries after gRFC A6. */
export interface RetryPolicy {
  /** Attempts in all, the first included: 2 to 5. */
  readonly maxAttempts: number;
  /** Milliseconds before the first retry; every wait is drawn from 0.8 to 1.2 times its value. */
  readonly initialBackoffMs: number;
  /** Milliseconds, the longest wait. */
  readonly maxBackoffMs: number;
  /** At least 1. */
  readonly backoffMultiplier: number;
  readonly retryableStatusCodes: readonly ErrorCode[];
}

/** Hedging after gRFC A6. */
export interface HedgingPolicy {
  /** Attempts in all, the first included: 2 to 5. */
  readonly maxAttempts: number;
  /** Milliseconds an attempt may go unanswered before the next is sent. */
  readonly delayMs: number;
  /** Failures that send the next attempt at once. */
  readonly nonFatalStatusCodes: readonly ErrorCode[];
}

/** What a contract says of one method; absent fields are the mesh's to fill. */
export interface MethodPolicy {
  readonly idempotency: IdempotencyLevel;
  /** Milliseconds; the longest a call may take. */
  readonly deadlineMs?: number;
  readonly retry?: RetryPolicy;
  readonly hedging?: HedgingPolicy;
  /** A request field's path, or "metadata:" and a key. */
  readonly hashKey?: string;
  readonly criticality?: Criticality;
  /** Name of a pick policy; chosen when a client is made, so a single call cannot change it. */
  readonly balancing?: string;
}

/** What configuration may change of a method's policy: everything but whether it is safe to send twice. */
export type PolicyOverride = Partial<Omit<MethodPolicy, "idempotency" | "retry" | "hedging">> & {
  /** Takes the place of the contract's, with RETRY_DEFAULTS for what it leaves out; null turns retries off. */
  readonly retry?: Partial<RetryPolicy> | null;
  /** Takes the place of the contract's, with HEDGING_DEFAULTS for what it leaves out; null turns hedging off. */
  readonly hedging?: (Partial<HedgingPolicy> & Pick<HedgingPolicy, "delayMs">) | null;
};

/** What an empty `retry: {}` means. */
export const RETRY_DEFAULTS: RetryPolicy = {
  maxAttempts: 3,
  initialBackoffMs: 20,
  maxBackoffMs: 1_000,
  backoffMultiplier: 2,
  retryableStatusCodes: ["UNAVAILABLE"],
};

/** What `hedging: {}` leaves open; its delay has no default. */
export const HEDGING_DEFAULTS = { maxAttempts: 2, nonFatalStatusCodes: ["UNAVAILABLE"] } as const;

/** Unary calls get this many milliseconds when neither contract, configuration, call nor caller says anything. */
export const DEFAULT_DEADLINE_MS = 15_000;
