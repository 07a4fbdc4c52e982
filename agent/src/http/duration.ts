/** Go's notation for durations, which Consul's API speaks: `1m30s`, `250ms`, `1.5h`. */

const unitMs: Readonly<Record<string, number>> = {
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
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy;

/** Milliseconds, possibly negative or fractional; `undefined` when it is no duration. A unit is required, except on 0. */
export function parseDuration(written: string): number | undefined {
  const negative = written.startsWith("-");
  const unsigned = written.replace(/^[+-]/, "");
  if (unsigned === "0") return 0;
  let ms = 0;
  let read = 0;
  for (const [whole, amount = "", unit = ""] of unsigned.matchAll(part)) {
    ms += Number(amount) * (unitMs[unit] ?? 0);
    read += whole.length;
  }
  if (read === 0 || read !== unsigned.length) return undefined;
  return negative ? -ms : ms;
}

const minuteMs = 60_000;
const secondMs = 1_000;
const microsecondMs = 1e-3;

/** As Go writes it: `1m30s`, `250ms`, `1.5µs`, and `0s` for nothing. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms === 0) return "0s";
  if (ms < microsecondMs) return `${Math.round(ms * 1e6)}ns`;
  if (ms < 1) return `${decimal(ms / microsecondMs)}µs`;
  if (ms < secondMs) return `${decimal(ms)}ms`;
  const minutes = Math.floor(ms / minuteMs);
  const seconds = `${decimal((ms % minuteMs) / secondMs)}s`;
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`;
}

/** Down to a nanosecond of a second, without what floating point adds. */
function decimal(value: number): string {
  return String(Number(value.toFixed(9)));
}
