/** Where a command writes: results to standard output, everything about them to standard error. */
import { once } from "node:events";
import picocolors from "picocolors";

export type Colors = ReturnType<typeof picocolors.createColors>;

export interface Terminal {
  /** Whether a person reads the results. */
  readonly interactive: boolean;
  /** For results. */
  readonly colors: Colors;
  /** For notes. */
  readonly noteColors: Colors;
  /** Writes results and a line end; resolves when there is room for more. */
  print(text: string): Promise<void>;
  /** Writes about the results. */
  note(text: string): void;
}

/** The process's own. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  return {
    interactive: stdout.isTTY,
    colors: picocolors.createColors(wantsColors(stdout)),
    noteColors: picocolors.createColors(wantsColors(stderr)),
    async print(text) {
      if (!stdout.write(`${text}\n`)) await once(stdout, "drain");
    },
    note: (text) => void stderr.write(`${text}\n`),
  };
}

/**
 * NO_COLOR (https://no-color.org) and a dumb terminal turn them off; what is piped never has any. Of a pipe, `isTTY` is
 * not `false` but absent, and without an answer the library would make up its own from FORCE_COLOR and CI.
 */
function wantsColors(stream: Partial<NodeJS.WriteStream>): boolean {
  return stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
}
