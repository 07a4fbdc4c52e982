/** Reads the JSON of requests; mistakes come back with their place and the line they are in. */
import type { JsonValue } from "@bufbuild/protobuf";
import { UsageError } from "../failures.ts";
import { findJsonFault } from "./json-fault.ts";
import type { JsonText } from "./value-splitter.ts";

/** What is shown of a long line, before and behind the mistake. */
const SHOWN_BEFORE = 50;
const SHOWN_BEHIND = 30;

/** Throws UsageError: what is wrong, where, and the line with a mark under the place. */
export function readJson({ text, line, column }: JsonText): JsonValue {
  const found = findJsonFault(text);
  if (found === undefined) return JSON.parse(text) as JsonValue;
  const before = text.slice(0, found.offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  const faultLine = line + before.split("\n").length - 1;
  const faultColumn = found.offset - lineStart + (faultLine === line ? column : 1);
  const from = Math.max(lineStart, found.offset - SHOWN_BEFORE);
  const shown = text.slice(from, found.offset + SHOWN_BEHIND).split(/[\r\n]/)[0] ?? "";
  const mark = `${" ".repeat(found.offset - from)}^`;
  throw new UsageError(
    `request is not JSON: ${found.fault} (line ${faultLine}, column ${faultColumn})\n  ${shown}\n  ${mark}`,
  );
}
