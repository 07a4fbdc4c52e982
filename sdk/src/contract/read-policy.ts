/**
 * Reads the option (meshwork.v1.policy) of a method. It comes as data: proto3 JSON from descriptors (the code
 * generator) or the option's text as parsed at run time (loadContract), so keys are met in camelCase and snake_case.
 * Absent values are filled here, nonsense is refused here, and both readers get the same.
 */
import { CRITICALITIES, type Criticality } from "../call/criticality.ts";
import { type ErrorCode, isStatusCode, STATUS_NUMBERS } from "../call/status.ts";
import { MAX_ATTEMPTS, policyProblems } from "./check-policy.ts";
import { readHashKey } from "./hash-key.ts";
import type { MessageShape } from "./message-shape.ts";
import { camelCase } from "./names.ts";
import {
  HEDGING_DEFAULTS,
  type HedgingPolicy,
  type IdempotencyLevel,
  type MethodPolicy,
  RETRY_DEFAULTS,
  type RetryPolicy,
} from "./policy.ts";
import type { Checked, ContractProblem } from "./problem.ts";
import { readDurationMs } from "./read-duration.ts";

/** Full names of our options, as meshwork/v1/policy.proto declares them. */
export const METHOD_POLICY = "meshwork.v1.policy";
export const SERVICE_POLICY = "meshwork.v1.service";

/** Stands in for a value that was refused, so that it is refused once. */
const STAND_IN_MS = 1_000;

/** The fields of the option by the property of MethodPolicy that they fill. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  deadlineMs: "deadline",
  retry: "retry",
  "retry.maxAttempts": "retry.max_attempts",
  "retry.initialBackoffMs": "retry.initial_backoff",
  "retry.maxBackoffMs": "retry.max_backoff",
  "retry.backoffMultiplier": "retry.backoff_multiplier",
  hedging: "hedging",
  "hedging.maxAttempts": "hedging.max_attempts",
  "hedging.delayMs": "hedging.delay",
};

/** What a contract says of one method, as it was found. */
export interface PolicySource {
  /** "greeter.v1.GreeterService.SayHello" */
  readonly method: string;
  readonly idempotency: IdempotencyLevel;
  /** The option's value as data; undefined when the method has none. */
  readonly option: unknown;
  /** The request's type, which hash_key is checked against. */
  readonly input: MessageShape;
  /** The pick policy that its service names; undefined when that names none. */
  readonly balancing: string | undefined;
}

/** meshwork.v1.ServicePolicy in JSON, which leaves out what is empty. */
export interface ServiceOption {
  readonly name?: string;
  readonly balancing?: string;
}

/** The policy of a method, and all that is wrong with it. */
export function readPolicy(source: PolicySource): Checked<MethodPolicy> {
  const reader = new OptionReader(source.method);
  const fields = reader.fields("", source.option ?? {}, [
    "deadline",
    "retry",
    "hedging",
    "hashKey",
    "criticality",
    "balancing",
  ]);
  const deadlineMs = reader.duration("deadline", fields.get("deadline"), undefined);
  const retry = fields.has("retry") ? readRetry(reader, fields.get("retry")) : undefined;
  const hedging = fields.has("hedging") ? readHedging(reader, fields.get("hedging")) : undefined;
  const hashKey = readHash(reader, fields.get("hashKey"), source.input);
  const criticality = readCriticality(reader, fields.get("criticality"));
  // Empty is proto3's absent.
  const balancing = (fields.get("balancing") || source.balancing) as string | undefined;
  const policy: MethodPolicy = {
    idempotency: source.idempotency,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(retry === undefined ? {} : { retry }),
    ...(hedging === undefined ? {} : { hedging }),
    ...(hashKey === undefined ? {} : { hashKey }),
    ...(criticality === undefined ? {} : { criticality }),
    ...(balancing === undefined ? {} : { balancing }),
  };
  for (const { property, fault } of policyProblems(policy)) reader.refuse(FIELD_NAMES[property] ?? property, fault);
  return { value: policy, problems: reader.problems };
}

function readRetry(reader: OptionReader, option: unknown): RetryPolicy {
  const known = ["maxAttempts", "initialBackoff", "maxBackoff", "backoffMultiplier", "retryableStatusCodes"];
  const fields = reader.fields("retry", option, known);
  const { maxAttempts, initialBackoffMs, maxBackoffMs, backoffMultiplier, retryableStatusCodes } = RETRY_DEFAULTS;
  return {
    maxAttempts: reader.attempts("retry.max_attempts", fields.get("maxAttempts"), maxAttempts),
    initialBackoffMs: reader.duration("retry.initial_backoff", fields.get("initialBackoff"), initialBackoffMs),
    maxBackoffMs: reader.duration("retry.max_backoff", fields.get("maxBackoff"), maxBackoffMs),
    backoffMultiplier: reader.number("retry.backoff_multiplier", fields.get("backoffMultiplier"), backoffMultiplier),
    retryableStatusCodes: reader.codes(
      "retry.retryable_status_codes",
      fields.get("retryableStatusCodes"),
      retryableStatusCodes,
    ),
  };
}

function readHedging(reader: OptionReader, option: unknown): HedgingPolicy {
  const fields = reader.fields("hedging", option, ["maxAttempts", "delay", "nonFatalStatusCodes"]);
  if (!fields.has("delay")) {
    reader.refuse(
      "hedging.delay",
      "is missing: write how long an attempt may go unanswered, such as {nanos: 50000000}",
    );
  }
  const { maxAttempts, nonFatalStatusCodes } = HEDGING_DEFAULTS;
  return {
    maxAttempts: reader.attempts("hedging.max_attempts", fields.get("maxAttempts"), maxAttempts),
    delayMs: reader.duration("hedging.delay", fields.get("delay"), STAND_IN_MS),
    nonFatalStatusCodes: reader.codes(
      "hedging.non_fatal_status_codes",
      fields.get("nonFatalStatusCodes"),
      nonFatalStatusCodes,
    ),
  };
}

function readHash(reader: OptionReader, text: unknown, input: MessageShape): string | undefined {
  if (text === undefined || text === "") return undefined;
  if (typeof text !== "string") return reader.refuse("hash_key", `is ${JSON.stringify(text)}: write a text`);
  const reading = readHashKey(text, input);
  return "key" in reading ? reading.key : reader.refuse("hash_key", reading.fault);
}

function readCriticality(reader: OptionReader, value: unknown): Criticality | undefined {
  if (value === undefined || value === "CRITICALITY_UNSPECIFIED") return undefined;
  const known = CRITICALITIES.find((one) => value === `CRITICALITY_${one}`);
  if (known !== undefined) return known;
  const names = CRITICALITIES.map((one) => `CRITICALITY_${one}`).join(", ");
  return reader.refuse("criticality", `is ${JSON.stringify(value)}: write one of ${names}`);
}

/** Takes the option apart, keeping what is wrong with it. */
class OptionReader {
  readonly problems: ContractProblem[] = [];
  readonly #subject: string;

  constructor(subject: string) {
    this.#subject = subject;
  }

  refuse(field: string, fault: string): undefined {
    this.problems.push({ subject: this.#subject, field, message: `${field} ${fault}` });
  }

  /** The fields of a message by camelCase name. */
  fields(field: string, value: unknown, known: readonly string[]): ReadonlyMap<string, unknown> {
    const found = new Map<string, unknown>();
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.refuse(field, `is ${JSON.stringify(value)}: write a message, {...}`);
      return found;
    }
    for (const [name, one] of Object.entries(value)) {
      const key = camelCase(name);
      if (known.includes(key)) found.set(key, one);
      else this.refuse(field === "" ? name : `${field}.${name}`, "is not a field of the option");
    }
    return found;
  }

  duration<T extends number | undefined>(field: string, value: unknown, absent: T): T | number {
    if (value === undefined) return absent;
    const ms = readDurationMs(value);
    if (ms !== undefined) return ms;
    this.refuse(field, `is ${JSON.stringify(value)}: write a duration, such as {seconds: 1} or {nanos: 50000000}`);
    return absent;
  }

  /** Zero is proto3's absent. */
  number(field: string, value: unknown, absent: number): number {
    if (value === undefined || value === 0) return absent;
    if (typeof value === "number") return value;
    this.refuse(field, `is ${JSON.stringify(value)}: write a number`);
    return absent;
  }

  attempts(field: string, value: unknown, absent: number): number {
    return Math.min(this.number(field, value, absent), MAX_ATTEMPTS);
  }

  codes(field: string, value: unknown, absent: readonly ErrorCode[]): readonly ErrorCode[] {
    const names: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
    const codes = new Set<ErrorCode>();
    for (const name of names) {
      if (typeof name !== "string" || !isStatusCode(name)) {
        const known = Object.keys(STATUS_NUMBERS).slice(1).join(", ");
        this.refuse(field, `names ${JSON.stringify(name)}, which is no status: write one of ${known}`);
      } else if (name === "OK" || name === "CANCELLED") {
        const reason = name === "OK" ? "which is no failure" : "which only the caller brings about";
        this.refuse(field, `names ${name}, ${reason}: leave it out`);
      } else {
        codes.add(name);
      }
    }
    return codes.size === 0 ? absent : [...codes];
  }
}
