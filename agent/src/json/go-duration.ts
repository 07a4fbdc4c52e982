/**
 * Go's durations to the nanosecond, read and written as its `time.Duration` does: what Consul stores it shows again, so
 * milliseconds in a double would not do. https://pkg.go.dev/time#ParseDuration
 */

const unitNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
};

const amount = /(\d+)(?:\.(\d*))?|\.(\d+)/y;
const unit = /[^.\d]+/y;

/** A Go duration has 64 bits, one of them the sign: 292 years. */
const maxNs = 2n ** 63n - 1n;
/** More digits of a fraction make no difference. */
const maxFractionDigits = 18;

/** Nanoseconds, or what Go says is wrong. */
export type ParsedDuration = { readonly ns: bigint } | { readonly fault: string };

/** A unit is required, except on 0. */
export function parseGoDuration(written: string): ParsedDuration {
  const negative = written.startsWith("-");
  const unsigned = written.replace(/^[+-]/, "");
  const quoted = `"${written}"`;
  const invalid = { fault: `time: invalid duration ${quoted}` };
  if (unsigned === "0") return { ns: 0n };
  if (unsigned === "") return invalid;
  let ns = 0n;
  let read = 0;
  while (read < unsigned.length) {
    amount.lastIndex = read;
    const [number, whole = "0", after = "", alone = ""] = amount.exec(unsigned) ?? [];
    if (number === undefined || BigInt(whole) > maxNs) return invalid;
    read += number.length;
    unit.lastIndex = read;
    const [name] = unit.exec(unsigned) ?? [];
    if (name === undefined) return { fault: `time: missing unit in duration ${quoted}` };
    read += name.length;
    const scale = unitNs[name];
    if (scale === undefined) return { fault: `time: unknown unit "${name}" in duration ${quoted}` };
    const fraction = (after + alone).slice(0, maxFractionDigits);
    ns += BigInt(whole) * BigInt(scale) + BigInt(Math.trunc(Number(fraction) * (scale / 10 ** fraction.length)));
    if (ns > maxNs) return invalid;
  }
  return { ns: negative ? -ns : ns };
}

const nsPerMs = 1e6;

/** Milliseconds, possibly negative or fractional; `undefined` when it is no duration. */
export function parseDurationMs(written: string): number | undefined {
  const parsed = parseGoDuration(written);
  return "ns" in parsed ? Number(parsed.ns) / nsPerMs : undefined;
}

/** Milliseconds as Go prints them. */
export function formatDurationMs(ms: number): string {
  return formatGoDuration(BigInt(Math.round(ms * nsPerMs)));
}

const second = 1_000_000_000n;

/** As Go prints it: `1h0m0.5s`, `1.5ms`, `0s`. */
export function formatGoDuration(ns: bigint): string {
  const sign = ns < 0n ? "-" : "";
  const size = ns < 0n ? -ns : ns;
  if (size === 0n) return "0s";
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 3)}µs`;
  if (size < second) return `${sign}${decimal(size, 6)}ms`;
  const minutes = size / (60n * second);
  const seconds = `${decimal(size % (60n * second), 9)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** With so many digits behind the point, less the zeros at the end. */
function decimal(amount: bigint, digits: number): string {
  const scale = 10n ** BigInt(digits);
  const fraction = String(amount % scale)
    .padStart(digits, "0")
    .replace(/0+$/, "");
  return fraction === "" ? String(amount / scale) : `${amount / scale}.${fraction}`;
}
