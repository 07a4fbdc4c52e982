/** Where the JSON of requests comes from: the argument itself, a file ("@requests.json") or standard input ("-"). */
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { UsageError } from "../failures.ts";

export type RequestInput =
  /** Known as a whole before the call, so that mistakes are found before anything is sent. */
  | { readonly kind: "text"; readonly text: string }
  /** Arrives while the call runs. */
  | { readonly kind: "stream"; readonly pieces: AsyncIterable<string>; close(): void };

/** @param argument undefined: no request was given. */
export function requestInput(argument: string | undefined, stdin: Readable): RequestInput {
  if (argument === "-") return { kind: "stream", pieces: textOf(stdin), close: () => void stdin.destroy() };
  if (argument?.startsWith("@") !== true) return { kind: "text", text: argument ?? "" };
  const path = argument.slice(1);
  try {
    return { kind: "text", text: readFileSync(path, "utf8") };
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new UsageError(
      `request file ${JSON.stringify(path)} cannot be read (${why}): write @ and the path of a file`,
      {
        cause,
      },
    );
  }
}

async function* textOf(stream: Readable): AsyncGenerator<string> {
  stream.setEncoding("utf8");
  for await (const piece of stream) yield piece as string;
}

/** All of it. */
export async function wholeText(input: RequestInput): Promise<string> {
  if (input.kind === "text") return input.text;
  let text = "";
  for await (const piece of input.pieces) text += piece;
  return text;
}
