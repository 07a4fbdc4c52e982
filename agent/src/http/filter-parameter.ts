/** `?filter=` and `?node-meta=`, refused with Consul's words. */
import { parseExpression } from "../filter/grammar.ts";
import type { Fields } from "../filter/fields.ts";
import { compileFilter, FilterFault } from "../filter/filter.ts";
import { SyntaxFault } from "../filter/peg.ts";
import { RequestError } from "./reply.ts";

/** Keeps of a list what the caller wants to see. */
export type Filter = <T extends object>(records: readonly T[]) => readonly T[];

export const keepAll: Filter = (records) => records;
export const keepNone: Filter = () => [];

type Headers = Readonly<Record<string, string>>;

/** @throws RequestError when the filter is none, or not one of records with these fields. */
export function filterParameter(query: URLSearchParams, fields: Fields, headers: Headers = {}): Filter {
  const written = query.get("filter") ?? "";
  if (written === "") return keepAll;
  const keep = whole(() => compileFilter(parseExpression(written), fields), headers);
  return (records) => records.filter(keep);
}

/** Like {@link filterParameter}, but a filter that does not fit is refused only when there is a record to look at. */
export function lateFilterParameter(query: URLSearchParams, fields: Fields): Filter {
  const written = query.get("filter") ?? "";
  if (written === "") return keepAll;
  const expression = whole(() => parseExpression(written), {});
  return (records) => {
    if (records.length === 0) return records;
    return records.filter(refusing(() => compileFilter(expression, fields), "", {}));
  };
}

function whole<T>(read: () => T, headers: Headers): T {
  return refusing(read, "Failed to create boolean expression evaluator: ", headers);
}

/** Consul calls the caller's mistake its own. */
function refusing<T>(read: () => T, prefix: string, headers: Headers): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SyntaxFault) && !(error instanceof FilterFault)) throw error;
    throw new RequestError(500, `${prefix}${error.message}`, headers);
  }
}

/** Whether a node carries all that the caller wants, as `key:value`; without a colon, the value is empty. */
export function nodeMetaParameter(query: URLSearchParams): (meta: Readonly<Record<string, string>> | null) => boolean {
  const wanted = query.getAll("node-meta").map((pair): [string, string] => {
    const colon = pair.indexOf(":");
    return colon < 0 ? [pair, ""] : [pair.slice(0, colon), pair.slice(colon + 1)];
  });
  const last = new Map(wanted);
  return (meta) => [...last].every(([key, value]) => meta !== null && Object.hasOwn(meta, key) && meta[key] === value);
}
