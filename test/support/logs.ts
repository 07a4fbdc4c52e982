/** A logger whose lines tests can read and await. */
import { EventEmitter, on } from "node:events";
import { pino } from "pino";

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export function recordedLog() {
  const lines: LogLine[] = [];
  const added = new EventEmitter();
  const log = pino(
    { level: "debug", formatters: { level: (label: string) => ({ level: label }) } },
    {
      write(text: string) {
        const line = JSON.parse(text) as LogLine;
        lines.push(line);
        added.emit("line", line);
      },
    },
  );
  /** The next line that says so. */
  const says = async (pattern: RegExp): Promise<LogLine> => {
    for await (const [line] of on(added, "line") as AsyncIterable<[LogLine]>) if (pattern.test(line.msg)) return line;
    throw new Error("log has ended");
  };
  return { log, lines, says };
}
