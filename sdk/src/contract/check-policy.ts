/**
 * What makes a policy nonsense, whoever wrote it: a contract, the mesh's configuration or a call's options. The rules
 * for retries and hedging are gRFC A6's.
 */
import type { HedgingPolicy, MethodPolicy, RetryPolicy } from "./policy.ts";

/** gRFC A6 lets nobody send more attempts than this; larger values count as this one. */
export const MAX_ATTEMPTS = 5;

/** The longest a Node.js timer can wait: 2^31 - 1 ms, 24.8 days. Longer ones fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

export interface PolicyProblem {
  /** The property of MethodPolicy: "retry.maxAttempts". */
  readonly property: string;
  /** What follows the property's name: "is 1: write 2 to 5, or leave retry out". */
  readonly fault: string;
}

/** All that is wrong with a policy; empty when it can be followed. */
export function policyProblems(policy: MethodPolicy): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const { deadlineMs, retry, hedging } = policy;
  if (deadlineMs !== undefined) pushIf(problems, "deadlineMs", durationFault(deadlineMs));
  if (retry !== undefined) problems.push(...retryProblems(retry));
  if (hedging !== undefined) problems.push(...hedgingProblems(hedging));
  if (retry !== undefined && hedging !== undefined) {
    problems.push({ property: "hedging", fault: "and retry exclude each other (gRFC A6): keep one" });
  }
  if (policy.idempotency === "IDEMPOTENCY_UNKNOWN") {
    const fault = "may send a call twice, so the method needs option idempotency_level = NO_SIDE_EFFECTS or IDEMPOTENT";
    if (retry !== undefined) problems.push({ property: "retry", fault });
    if (hedging !== undefined) problems.push({ property: "hedging", fault });
  }
  return problems;
}

function retryProblems(retry: RetryPolicy): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  pushIf(problems, "retry.maxAttempts", attemptsFault(retry.maxAttempts, "retry"));
  const initial = durationFault(retry.initialBackoffMs);
  const max = durationFault(retry.maxBackoffMs);
  pushIf(problems, "retry.initialBackoffMs", initial);
  pushIf(problems, "retry.maxBackoffMs", max);
  if (initial === undefined && max === undefined && retry.initialBackoffMs > retry.maxBackoffMs) {
    const fault = `of ${retry.initialBackoffMs} ms is longer than the longest wait, ${retry.maxBackoffMs} ms: swap them`;
    problems.push({ property: "retry.initialBackoffMs", fault });
  }
  if (!(retry.backoffMultiplier >= 1 && Number.isFinite(retry.backoffMultiplier))) {
    const fault = `is ${retry.backoffMultiplier}: write 1 or more, so that waits do not shrink`;
    problems.push({ property: "retry.backoffMultiplier", fault });
  }
  return problems;
}

function hedgingProblems(hedging: HedgingPolicy): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  pushIf(problems, "hedging.maxAttempts", attemptsFault(hedging.maxAttempts, "hedging"));
  pushIf(problems, "hedging.delayMs", durationFault(hedging.delayMs));
  return problems;
}

function attemptsFault(attempts: number, option: string): string | undefined {
  if (Number.isInteger(attempts) && attempts >= 2) return undefined;
  return `is ${attempts}: it counts the first attempt too; write 2 to ${MAX_ATTEMPTS}, or leave ${option} out`;
}

function durationFault(ms: number): string | undefined {
  if (!(ms > 0)) return `is ${ms} ms: write a positive time`;
  if (ms > MAX_TIMER_MS) return `is ${ms} ms: write at most ${MAX_TIMER_MS} ms (24 days), the longest a timer waits`;
  return undefined;
}

function pushIf(problems: PolicyProblem[], property: string, fault: string | undefined): void {
  if (fault !== undefined) problems.push({ property, fault });
}
