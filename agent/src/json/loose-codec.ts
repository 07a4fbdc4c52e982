/**
 * Codecs for the JSON that Consul reads loosely: config entries and overrides of a discovery chain. A codec knows both
 * directions, so that what is stored is shown with the same names.
 *
 * The looseness is that of Go's mapstructure with weak types: names without case or in snake_case, "10" for 10, one value
 * for a list of one, a list of one for its value. Copying it keeps a body that works against Consul working here.
 * https://pkg.go.dev/github.com/mitchellh/mapstructure#DecoderConfig
 */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [field: string]: Json;
}

/** Everything wrong with a value, a sentence each. */
export class LooseDecodeError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    const lines = faults.map((fault) => `* ${fault}`).sort();
    super(`${faults.length} error(s) decoding:\n\n${lines.join("\n")}`);
    this.name = "LooseDecodeError";
    this.faults = faults;
  }
}

export interface Codec<T> {
  /** What is left when the field is missing or `null`. */
  readonly zero: T;
  /** Whether a list of one is the value itself and not a wrapping to be taken off. */
  readonly takesLists: boolean;
  /** `unknown` collects the paths of fields that nothing reads. @throws LooseDecodeError */
  decode(value: NonNullJson, path: string, unknown: string[]): T;
  encode(value: T): unknown;
  /** Whether Go leaves it out of JSON under `omitempty`. */
  isEmpty(value: T): boolean;
}

export type NonNullJson = Exclude<Json, null>;

export function fail(fault: string): never {
  throw new LooseDecodeError([fault]);
}

/** Reads any value into a codec's type. @throws LooseDecodeError */
export function decodeLoosely<T>(codec: Codec<T>, value: Json, path: string, unknown: string[]): T {
  if (value === null) return codec.zero;
  if (codec.takesLists || !isList(value) || value.length !== 1) return codec.decode(value, path, unknown);
  const [only = null] = value;
  return only === null ? codec.zero : codec.decode(only, path, unknown);
}

export function list<T>(item: Codec<T>): Codec<readonly T[]> {
  const decode = (value: NonNullJson, path: string, unknown: string[]): readonly T[] => {
    if (isObject(value) && Object.keys(value).length === 0) return [];
    const items = isList(value) ? value : [value];
    const faults: string[] = [];
    const read = items.map((one, position) =>
      attempt(faults, item.zero, () => decodeLoosely(item, one, `${path}[${position}]`, unknown)),
    );
    if (faults.length > 0) throw new LooseDecodeError(faults);
    return read;
  };
  return {
    zero: [],
    takesLists: true,
    decode,
    encode: (value) => value.map((one) => item.encode(one)),
    isEmpty: (value) => value.length === 0,
  };
}

/** An object whose fields are data. */
export function mapOf<T>(item: Codec<T>): Codec<ReadonlyMap<string, T>> {
  const decode = (value: NonNullJson, path: string, unknown: string[]): ReadonlyMap<string, T> => {
    const read = new Map<string, T>();
    const faults: string[] = [];
    if (isList(value)) {
      // Several objects are one, cut into pieces.
      for (const [position, one] of value.entries()) {
        for (const [key, entry] of decodeLoosely(codec, one, `${path}[${position}]`, unknown)) read.set(key, entry);
      }
    } else if (isObject(value)) {
      for (const [key, one] of Object.entries(value)) {
        read.set(
          key,
          attempt(faults, item.zero, () => decodeLoosely(item, one, `${path}[${key}]`, unknown)),
        );
      }
    } else {
      fail(`'${path}' expected a map, got '${kindOf(value)}'`);
    }
    if (faults.length > 0) throw new LooseDecodeError(faults);
    return read;
  };
  const codec: Codec<ReadonlyMap<string, T>> = {
    zero: new Map(),
    takesLists: false,
    decode,
    encode: (value) => {
      const keys = [...value.keys()].sort();
      return Object.fromEntries(keys.map((key) => [key, item.encode(value.get(key) ?? item.zero)])) as object;
    },
    isEmpty: (value) => value.size === 0,
  };
  return codec;
}

/** A value that may be absent, and then is `undefined` and left out. */
export function optional<T>(inner: Codec<T>): Codec<T | undefined> {
  return {
    ...inner,
    zero: undefined,
    // Go comes by twice, for the pointer and for what it points to, and takes off a list each time.
    decode: (value, path, unknown) => decodeLoosely(inner, value, path, unknown),
    encode: (value) => (value === undefined ? undefined : inner.encode(value)),
    isEmpty: (value) => value === undefined,
  };
}

/** A list or map that is shown as `null` when nobody set it. */
export function nullable<T>(inner: Codec<T>): Codec<T | null> {
  return {
    ...inner,
    zero: null,
    encode: (value) => (value === null ? null : inner.encode(value)),
    isEmpty: (value) => value === null,
  };
}

export interface Field<T> {
  /** As Consul writes it, in CamelCase. */
  readonly name: string;
  readonly codec: Codec<T>;
  /** Another name that is read, in lower case. */
  readonly alias?: string;
  /** When JSON has it. Default: unless it is empty. */
  readonly shown?: "always";
}

type Fields<T> = { readonly [Key in keyof T]-?: Field<T[Key]> };

/** An object with known fields. `ignored` names fields that are read past. */
export function struct<T extends object>(fields: Fields<T>, ignored: readonly string[] = []): Codec<T> {
  const known = Object.entries<Field<unknown>>(fields);
  const aliases = new Map(known.flatMap(([, { alias, name }]) => (alias ? [[alias, name.toLowerCase()]] : [])));
  const zero = Object.fromEntries(known.map(([key, { codec }]) => [key, codec.zero])) as T;

  const decode = (value: NonNullJson, path: string, unknown: string[]): T => {
    if (!isObject(value)) fail(`'${path}' expected a map, got '${kindOf(value)}'`);
    const given = canonical(value, aliases);
    const faults: string[] = [];
    const take = (name: string): Json | undefined => {
      const lower = name.toLowerCase();
      const key = given.has(name) ? name : [...given.keys()].find((written) => written.toLowerCase() === lower);
      if (key === undefined) return undefined;
      const found = given.get(key);
      given.delete(key);
      return found;
    };
    const read = known.map(([key, { name, codec }]): [string, unknown] => {
      const found = take(name) ?? null;
      const where = path === "" ? name : `${path}.${name}`;
      return [key, attempt(faults, codec.zero, () => decodeLoosely(codec, found, where, unknown))];
    });
    for (const name of ignored) take(name);
    if (faults.length > 0) throw new LooseDecodeError(faults);
    for (const name of given.keys()) unknown.push(path === "" ? name : `${path}.${name}`);
    return Object.fromEntries(read) as T;
  };

  const encode = (value: T): object => {
    const values = value as Readonly<Record<string, unknown>>;
    const shown = known.filter(([key, { codec, shown }]) => shown === "always" || !codec.isEmpty(values[key]));
    return Object.fromEntries(shown.map(([key, { name, codec }]) => [name, codec.encode(values[key])])) as object;
  };
  return { zero, takesLists: false, decode, encode, isEmpty: () => false };
}

/** Renames aliases; a field that is also there under its own name in lower case keeps that value. */
function canonical(value: JsonObject, aliases: ReadonlyMap<string, string>): Map<string, Json> {
  const given = new Map<string, Json>();
  for (const [written, item] of Object.entries(value)) {
    const own = aliases.get(written.toLowerCase());
    if (own === undefined) given.set(written, item);
    else given.set(own, Object.hasOwn(value, own) ? (value[own] ?? null) : item);
  }
  return given;
}

/** Collects what is wrong, so that the caller learns of everything at once. */
function attempt<T, D>(faults: string[], instead: D, read: () => T): T | D {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof LooseDecodeError)) throw error;
    faults.push(...error.faults);
    return instead;
  }
}

/** Go's word for what JSON became. */
export function kindOf(value: NonNullJson): string {
  if (isList(value)) return "slice";
  if (isObject(value)) return "map";
  return typeof value === "number" ? "float64" : typeof value === "boolean" ? "bool" : "string";
}

export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
