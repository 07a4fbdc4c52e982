/**
 * google.protobuf.Duration in both forms it is met in: proto3 JSON ("1.5s", from descriptors) and the message itself
 * ({seconds: 1, nanos: 500000000}, from options parsed at run time).
 */

const JSON_FORM = /^-?(?:\d+)(?:\.\d{1,9})?s$/;
const MS_PER_S = 1_000;
const NANOS_PER_MS = 1_000_000;

/** Milliseconds, with a fraction when the duration has one; undefined when the value is no duration. */
export function readDurationMs(value: unknown): number | undefined {
  if (typeof value === "string") {
    return JSON_FORM.test(value) ? toMs(Number.parseFloat(value), 0) : undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { seconds = 0, nanos = 0, ...rest } = value as Record<string, unknown>;
  if (Object.keys(rest).length > 0) return undefined;
  const [wholeSeconds, wholeNanos] = [integer(seconds), integer(nanos)];
  return wholeSeconds === undefined || wholeNanos === undefined ? undefined : toMs(wholeSeconds, wholeNanos);
}

/** Rounded to nanoseconds: 0.0003 s must not become 0.30000000000000004 ms. */
function toMs(seconds: number, nanos: number): number {
  return Math.round(seconds * MS_PER_S * NANOS_PER_MS + nanos) / NANOS_PER_MS;
}

/** Parsed options hold 64-bit numbers as numbers or as digits. */
function integer(value: unknown): number | undefined {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) ? number : undefined;
}
