/**
 * Strict decoding of request bodies: fields are matched without case as Go does, and a field that Consul 1.8 would not
 * know is refused in its words, so that a client that sends newer fields learns it here and not in production.
 */
import { parseDurationMs } from "./go-duration.ts";
import { RequestError } from "../http/reply.ts";
import { parseExactly } from "./exact-integers.ts";

type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [field: string]: Json };

/** Reads one field's value; `path` names it the way Go does, e.g. `.Port`. */
export type FieldReader = (value: Json, path: string) => void;

/** By field name. Alternative spellings are entries of their own. */
export type Fields = Readonly<Record<string, FieldReader>>;

/** What most endpoints say before what is wrong. */
const decodeFailed = "Request decode failed: ";

function fail(why: string): never {
  throw new RequestError(400, `${decodeFailed}${why}`);
}

/** How a body is read where it is not as usual. */
export interface DecodeOptions {
  /** Some bodies may have fields that nobody knows. Default: refused. */
  readonly unknownFields?: "ignore";
  /** What Go would read the body into. */
  readonly goType?: string;
}

/** Parses a body and hands every field that it has to its reader. A body of `null` has none. Errors name the type. */
export function decodeBody(body: Buffer, fields: Fields, type = "", options: DecodeOptions = {}): void {
  const value = parsed(body, (written) => JSON.parse(written));
  if (value === null) return;
  const known = options.unknownFields === "ignore" ? ignoringOthers(value, fields) : fields;
  decodeObject(value, "", known, type, options.goType);
}

/** Parses a body that is a list, whose integers may have 64 bits, and hands every item to its reader. */
export function decodeList(body: Buffer, read: FieldReader, type: string): void {
  const value = parsed(body, parseExactly);
  if (value === null) return;
  if (!isList(value)) mismatch(value, "", type);
  for (const item of value) read(item, "");
}

function parsed(body: Buffer, parse: (written: string) => unknown): Json {
  const written = body.toString("utf8");
  if (written.trim() === "") fail("EOF");
  try {
    return parse(written) as Json;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

/** Refuses what `decode` refuses in an endpoint's own words. */
export function refusingAs<T>(status: number, prefix: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    throw new RequestError(status, error.message.replace(decodeFailed, prefix), error.headers);
  }
}

function ignoringOthers(value: Json, fields: Fields): Fields {
  if (value === null || !isObject(value)) return fields;
  const known = new Set(Object.keys(fields).map((name) => name.toLowerCase()));
  const others = Object.keys(value).filter((name) => !known.has(name.toLowerCase()));
  return { ...fields, ...Object.fromEntries(others.map((name) => [name, ignoredField])) };
}

/** Decodes a nested object; `null` leaves everything as it is. */
export function objectField(fields: Fields, inner?: string, type = "object"): FieldReader {
  return (value, path) => decodeObject(value, path, fields, inner ?? path, type);
}

export function listOf(read: FieldReader, type: string): FieldReader {
  return (value, path) => {
    if (value === null) return;
    if (!isList(value)) mismatch(value, path, type);
    for (const item of value) read(item, path);
  };
}

export function stringField(set: (value: string) => void, type = "string"): FieldReader {
  return (value, path) => {
    if (typeof value === "string") set(value);
    else if (value !== null) mismatch(value, path, type);
  };
}

export function booleanField(set: (value: boolean) => void): FieldReader {
  return (value, path) => {
    if (typeof value === "boolean") set(value);
    else if (value !== null) mismatch(value, path, "bool");
  };
}

export function integerField(set: (value: number) => void): FieldReader {
  return (value, path) => {
    if (typeof value === "number" && Number.isSafeInteger(value)) set(value);
    else if (typeof value === "number")
      fail(`json: cannot unmarshal number ${value} into Go struct field ${path} of type int`);
    else if (value !== null) mismatch(value, path, "int");
  };
}

/** Reads what {@link decodeList} parsed. */
export function uint64Field(set: (value: bigint) => void): FieldReader {
  return (value, path) => {
    if (value === null) return;
    if (typeof value !== "number" && typeof value !== "bigint") mismatch(value, path, "uint64");
    const exact = typeof value === "bigint" || Number.isInteger(value) ? BigInt(value) : undefined;
    if (exact === undefined || exact < 0n || exact > maxUint64) {
      fail(`json: cannot unmarshal number ${value} into Go struct field ${path} of type uint64`);
    }
    set(exact);
  };
}

const maxUint64 = 2n ** 64n - 1n;

/** Milliseconds. A bare number counts nanoseconds, as in Go; what is neither text nor number is no duration at all. */
export function durationField(set: (ms: number) => void): FieldReader {
  return (value) => {
    if (typeof value === "number") set(value / 1e6);
    if (typeof value !== "string") return;
    const ms = parseDurationMs(value);
    if (ms === undefined) fail(`time: invalid duration ${JSON.stringify(value)}`);
    set(ms);
  };
}

/** An object whose fields are data; each is read under the object's own path. */
export function mapField(read: (name: string, value: Json, path: string) => void, type: string): FieldReader {
  return (value, path) => {
    if (value === null) return;
    if (!isObject(value)) mismatch(value, path, type);
    for (const [name, item] of Object.entries(value)) read(name, item, path);
  };
}

/** An object of which only some fields matter. */
export function looseObjectField(read: (name: string, value: Json) => void): FieldReader {
  return (value, path) => {
    if (value === null) return;
    if (!isObject(value)) mismatch(value, path, "object");
    for (const [name, item] of Object.entries(value)) read(name, item);
  };
}

/** Known to Consul, of no interest to this agent. */
export const ignoredField: FieldReader = () => undefined;

function decodeObject(value: Json, path: string, fields: Fields, inner: string, type = "object"): void {
  if (value === null) return;
  if (!isObject(value)) mismatch(value, path, type);
  const readers = new Map(Object.entries(fields).map(([name, read]) => [name.toLowerCase(), { name, read }]));
  for (const [written, item] of Object.entries(value)) {
    const field = readers.get(written.toLowerCase());
    if (field === undefined) fail(`json: unknown field ${JSON.stringify(written)}`);
    field.read(item, `${inner}.${field.name}`);
  }
}

function mismatch(value: Json, path: string, type: string): never {
  const found = Array.isArray(value) ? "array" : value === null ? "null" : (goWords[typeof value] ?? typeof value);
  const into = path === "" ? "Go value" : `Go struct field ${path}`;
  fail(`json: cannot unmarshal ${found} into ${into} of type ${type}`);
}

const goWords: Readonly<Record<string, string>> = { boolean: "bool", bigint: "number" };

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is { readonly [field: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
