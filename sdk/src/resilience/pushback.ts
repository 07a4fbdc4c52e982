/**
 * What a server says about retrying: the trailer "grpc-retry-pushback-ms" (gRFC A6, "Pushback"), a signed 32-bit number
 * of milliseconds without leading zeros.
 */
import type { Metadata } from "../call/metadata.ts";

export const PUSHBACK_KEY = "grpc-retry-pushback-ms";

/** Milliseconds to wait, exactly, before a retry; "stop" to make none; undefined when the server says nothing. */
export type Pushback = number | "stop" | undefined;

const MILLISECONDS = /^(0|[1-9][0-9]{0,9})$/;
const MAX_INT32 = 2 ** 31 - 1;

/** Reads the push-back. What is negative, said twice or not such a number means "stop", as A6 asks. */
export function parsePushback(trailers: Metadata): Pushback {
  if (!trailers.has(PUSHBACK_KEY)) return undefined;
  const [value, ...others] = trailers.getAll(PUSHBACK_KEY);
  if (others.length > 0 || typeof value !== "string" || !MILLISECONDS.test(value)) return "stop";
  const ms = Number(value);
  return ms <= MAX_INT32 ? ms : "stop";
}
