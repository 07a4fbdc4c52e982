/**
 * The grpc-timeout header: how long the caller waits, as at most eight digits and a unit
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Requests").
 */

/** From here on whole milliseconds are exact enough: rounding up adds less than a hundredth. */
const WHOLE_FROM_MS = 100;
const MAX_VALUE = 99_999_999;
const MS_PER_SECOND = 1_000;
const MS_PER_MINUTE = 60 * MS_PER_SECOND;
const MS_PER_HOUR = 60 * MS_PER_MINUTE;

/**
 * A time in milliseconds as the header says it. Rounds up, so a server never gives up before its caller; a time that is
 * over is the shortest the header can say, and one beyond the longest (11,415 years) is the longest.
 */
export function formatTimeout(ms: number): string {
  if (ms >= WHOLE_FROM_MS && ms <= MAX_VALUE) return `${Math.ceil(ms)}m`;
  if (!(ms > 0)) return "1n";
  if (ms < WHOLE_FROM_MS) return `${Math.ceil(ms * 1_000)}u`;
  if (ms <= MAX_VALUE * MS_PER_SECOND) return `${Math.ceil(ms / MS_PER_SECOND)}S`;
  if (ms <= MAX_VALUE * MS_PER_MINUTE) return `${Math.ceil(ms / MS_PER_MINUTE)}M`;
  return `${Math.min(Math.ceil(ms / MS_PER_HOUR), MAX_VALUE)}H`;
}

const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const MAX_DIGITS = 8;

/** The milliseconds that a header's text says, with fractions; undefined when it is malformed. */
export function parseTimeout(text: string): number | undefined {
  const digits = text.length - 1;
  if (digits < 1 || digits > MAX_DIGITS) return undefined;
  let value = 0;
  for (let at = 0; at < digits; at++) {
    const code = text.charCodeAt(at);
    if (code < DIGIT_0 || code > DIGIT_9) return undefined;
    value = value * 10 + (code - DIGIT_0);
  }
  switch (text.charAt(digits)) {
    case "m":
      return value;
    case "S":
      return value * MS_PER_SECOND;
    case "u":
      return value / 1_000;
    case "n":
      return value / 1_000_000;
    case "M":
      return value * MS_PER_MINUTE;
    case "H":
      return value * MS_PER_HOUR;
    default:
      return undefined;
  }
}
