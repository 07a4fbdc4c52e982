/**
 * Strict decoding of request bodies: fields are matched without case as Go does, and a field that Consul 1.8 would not
 * know is refused in its words, so that a client that sends newer fields learns it here and not in production.
 */
import { parseDuration } from "../http/duration.ts";
import { RequestError } from "../http/reply.ts";

type Json = null | boolean | number | string | readonly Json[] | { readonly [field: string]: Json };

/** Reads one field's value; `path` names it the way Go does, e.g. `.Port`. */
export type FieldReader = (value: Json, path: string) => void;

/** By field name. Alternative spellings are entries of their own. */
export type Fields = Readonly<Record<string, FieldReader>>;

function fail(why: string): never {
  throw new RequestError(400, `Request decode failed: ${why}`);
}

/** Parses a body and hands every field that it has to its reader. A body of `null` has none. */
export function decodeBody(body: Buffer, fields: Fields): void {
  const written = body.toString("utf8");
  if (written.trim() === "") fail("EOF");
  let value: Json;
  try {
    value = JSON.parse(written) as Json;
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  if (value !== null) decodeObject(value, "", fields, "");
}

/** Decodes a nested object; `null` leaves everything as it is. */
export function objectField(fields: Fields, inner?: string): FieldReader {
  return (value, path) => decodeObject(value, path, fields, inner ?? path);
}

export function listOf(read: FieldReader, type: string): FieldReader {
  return (value, path) => {
    if (value === null) return;
    if (!isList(value)) mismatch(value, path, type);
    for (const item of value) read(item, path);
  };
}

export function stringField(set: (value: string) => void): FieldReader {
  return (value, path) => {
    if (typeof value === "string") set(value);
    else if (value !== null) mismatch(value, path, "string");
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

/** Milliseconds. A bare number counts nanoseconds, as in Go; what is neither text nor number is no duration at all. */
export function durationField(set: (ms: number) => void): FieldReader {
  return (value) => {
    if (typeof value === "number") set(value / 1e6);
    if (typeof value !== "string") return;
    const ms = parseDuration(value);
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

/** Known to Consul, of no interest to this agent. */
export const ignoredField: FieldReader = () => undefined;

function decodeObject(value: Json, path: string, fields: Fields, inner: string): void {
  if (value === null) return;
  if (!isObject(value)) mismatch(value, path, "object");
  const readers = new Map(Object.entries(fields).map(([name, read]) => [name.toLowerCase(), { name, read }]));
  for (const [written, item] of Object.entries(value)) {
    const field = readers.get(written.toLowerCase());
    if (field === undefined) fail(`json: unknown field ${JSON.stringify(written)}`);
    field.read(item, `${inner}.${field.name}`);
  }
}

function mismatch(value: Json, path: string, type: string): never {
  const found = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  const into = path === "" ? "Go value" : `Go struct field ${path}`;
  fail(`json: cannot unmarshal ${found === "boolean" ? "bool" : found} into ${into} of type ${type}`);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is { readonly [field: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
