/** The mesh's log at a command line: nothing, or with --verbose its lines among the notes. */
import type { Logger } from "@meshwork/sdk";

type Write = (line: string) => void;

/** @param write takes lines; undefined: nobody wants them. */
export function noteLog(write: Write | undefined): Logger {
  const line = (first: unknown, message?: unknown): void => write?.(describe(first, message));
  const log = {
    trace: line,
    debug: line,
    info: line,
    warn: line,
    error: line,
    fatal: line,
    child: () => log,
    isLevelEnabled: () => write !== undefined,
  };
  // pino's methods have many forms; the mesh uses two: a sentence, or fields and a sentence.
  return log as unknown as Logger;
}

function describe(first: unknown, message: unknown): string {
  if (typeof first === "string") return first;
  const fields = Object.entries(first as object)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`);
  return [String(message), ...fields].join(" ");
}
