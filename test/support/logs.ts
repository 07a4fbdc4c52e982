/** A logger whose lines tests can read and await. */
import { pino } from "pino";

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export function recordedLog() {
  const lines: LogLine[] = [];
  const log = pino(
    { level: "debug", formatters: { level: (label: string) => ({ level: label }) } },
    { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) },
  );
  return { log, lines };
}
