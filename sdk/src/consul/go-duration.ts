/** Durations as Go writes them (https://pkg.go.dev/time#ParseDuration) and, where Consul marshals the number, nanoseconds. */
import { z } from "zod";

const MS_OF: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
/** An amount is written so that digits can be matched in one way only: a long run of them must not take forever. */
const WHOLE = /^([-+]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/;
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const NANOS_PER_MS = 1_000_000;

/** Milliseconds of "1m30s", "500ms" or "0s"; undefined for what is no duration. */
export function goDurationMs(text: string): number | undefined {
  const match = WHOLE.exec(text);
  if (match === null) return undefined;
  let ms = 0;
  for (const [, amount = "", unit = ""] of text.matchAll(PART)) ms += Number(amount) * (MS_OF[unit] ?? 0);
  // Consul knows nothing finer than a nanosecond, and sums of fractions would show more.
  const rounded = Math.round(ms * NANOS_PER_MS) / NANOS_PER_MS;
  return match[1] === "-" ? -rounded : rounded;
}

/** A duration in an answer, as milliseconds. */
export const GoDuration = z.union([
  z.number().transform((nanos) => nanos / NANOS_PER_MS),
  z.string().transform((text, context) => {
    const ms = goDurationMs(text);
    if (ms !== undefined) return ms;
    context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is no duration` });
    return z.NEVER;
  }),
]);
