/**
 * What makes a policy nonsense, whoever wrote it: a contract, the mesh's configuration or a call's options. The rules
 * for retries and hedging are gRFC A6's.
 */
import { CRITICALITIES } from "../call/criticality.ts";
import { isStatusCode } from "../call/status.ts";
import type { HedgingPolicy, MethodPolicy, RetryPolicy } from "./policy.ts";

/** gRFC A6 lets nobody send more attempts than this; larger values count as this one. */
export const MAX_ATTEMPTS = 5;

/** The longest a Node.js timer can wait: 2^31 - 1 ms, 24.8 days. Longer ones fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Programs without types misspell them, and what nobody reads would be lost without a word. */
const POLICY_PROPERTIES = ["deadlineMs", "retry", "hedging", "hashKey", "criticality", "balancing"];

export interface PolicyProblem {
  /** The property of MethodPolicy: "retry.maxAttempts". */
  readonly property: string;
  /** What follows the property's name: "is 1: write 2 to 5, or leave retry out". */
  readonly fault: string;
}

/** All that is wrong with a policy; empty when it can be followed. */
export function policyProblems(policy: MethodPolicy): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const { idempotency, deadlineMs, retry, hedging, criticality, balancing } = policy;
  for (const property of Object.keys(policy)) {
    if (property === "idempotency" || POLICY_PROPERTIES.includes(property)) continue;
    problems.push({ property, fault: `is no property of a policy: write one of ${POLICY_PROPERTIES.join(", ")}` });
  }
  if (deadlineMs !== undefined) pushIf(problems, "deadlineMs", durationFault(deadlineMs));
  if (retry !== undefined) problems.push(...retryProblems(retry));
  if (hedging !== undefined) problems.push(...hedgingProblems(hedging));
  if (retry !== undefined && hedging !== undefined) {
    problems.push({ property: "hedging", fault: "and retry exclude each other (gRFC A6): keep one" });
  }
  if (criticality !== undefined && !CRITICALITIES.includes(criticality)) {
    problems.push({
      property: "criticality",
      fault: `is ${JSON.stringify(criticality)}: write one of ${CRITICALITIES.join(", ")}`,
    });
  }
  if (balancing !== undefined && (typeof balancing !== "string" || balancing === "")) {
    problems.push({ property: "balancing", fault: `is ${JSON.stringify(balancing)}: write the name of a pick policy` });
  }
  if (idempotency === "IDEMPOTENCY_UNKNOWN") {
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
  pushIf(problems, "retry.retryableStatusCodes", codesFault(retry.retryableStatusCodes));
  return problems;
}

function hedgingProblems(hedging: HedgingPolicy): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  pushIf(problems, "hedging.maxAttempts", attemptsFault(hedging.maxAttempts, "hedging"));
  pushIf(problems, "hedging.delayMs", durationFault(hedging.delayMs));
  pushIf(problems, "hedging.nonFatalStatusCodes", codesFault(hedging.nonFatalStatusCodes));
  return problems;
}

function attemptsFault(attempts: number, option: string): string | undefined {
  if (Number.isInteger(attempts) && attempts >= 2) return undefined;
  return `is ${attempts}: it counts the first attempt too; write 2 to ${MAX_ATTEMPTS}, or leave ${option} out`;
}

function codesFault(codes: unknown): string | undefined {
  if (Array.isArray(codes) && codes.every((code) => isStatusCode(String(code)))) return undefined;
  return `is ${JSON.stringify(codes)}: write a list of names of statuses, such as ["UNAVAILABLE"]`;
}

function durationFault(ms: number): string | undefined {
  if (typeof ms !== "number" || !(ms > 0)) return `is ${ms} ms: write a positive time`;
  if (ms > MAX_TIMER_MS) return `is ${ms} ms: write at most ${MAX_TIMER_MS} ms (24 days), the longest a timer waits`;
  return undefined;
}

function pushIf(problems: PolicyProblem[], property: string, fault: string | undefined): void {
  if (fault !== undefined) problems.push({ property, fault });
}
