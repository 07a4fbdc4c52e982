/** Codecs of single values; each takes what Go's mapstructure converts with weak types, and fails in its words. */
import { parseBoolean } from "../http/query.ts";
import { shortestFloat32 } from "./float32.ts";
import { formatGoDuration, parseGoDuration } from "./go-duration.ts";
import { type Codec, fail, isList, isObject, type Json, kindOf, type NonNullJson } from "./loose-codec.ts";

export const text: Codec<string> = textOf("string");

/** Text that Go keeps in a type of its own, which its errors name. */
export function textOf(goType: string): Codec<string> {
  return {
    zero: "",
    takesLists: false,
    decode: (value, path) => {
      if (typeof value === "string") return value;
      if (typeof value === "boolean") return value ? "1" : "0";
      return typeof value === "number" ? plainDecimal(value) : unconvertible(value, path, goType);
    },
    encode: (value) => value,
    isEmpty: (value) => value === "",
  };
}

export const flag: Codec<boolean> = {
  zero: false,
  takesLists: false,
  decode: (value, path) => {
    if (typeof value === "boolean") return value;
    if (typeof value === "number") return value !== 0;
    if (typeof value !== "string") return unconvertible(value, path, "bool");
    if (value === "") return false;
    return parseBoolean(value) ?? unparsable(path, "bool", "ParseBool", value, "invalid syntax");
  },
  encode: (value) => value,
  isEmpty: (value) => !value,
};

/** A whole number; fractions are cut off. */
export const integer: Codec<number> = wholeNumber("int", "ParseInt", -(2n ** 63n), 2n ** 63n - 1n);

/** A whole number of 32 bits without sign. */
export const uint32: Codec<number> = wholeNumber("uint32", "ParseUint", 0n, 2n ** 32n - 1n);

function wholeNumber(goType: string, parser: string, min: bigint, max: bigint): Codec<number> {
  const family = parser === "ParseInt" ? "int" : "uint";
  return {
    zero: 0,
    takesLists: false,
    decode: (value, path) => {
      if (typeof value === "boolean") return value ? 1 : 0;
      if (typeof value === "number") {
        const whole = int64(value);
        return Number(min < 0n ? whole : BigInt.asUintN(32, whole));
      }
      if (typeof value !== "string") return unconvertible(value, path, goType);
      const parsed = parseGoInteger(value);
      if (parsed === undefined || (min === 0n && /^[+-]/.test(value))) {
        return unparsable(path, family, parser, value, "invalid syntax");
      }
      return parsed < min || parsed > max
        ? unparsable(path, family, parser, value, "value out of range")
        : Number(parsed);
    },
    encode: (value) => value,
    isEmpty: (value) => value === 0,
  };
}

export const float32: Codec<number> = {
  zero: 0,
  takesLists: false,
  decode: (value, path) => {
    if (typeof value === "boolean") return value ? 1 : 0;
    if (typeof value === "number") return Math.fround(value);
    if (typeof value !== "string") return unconvertible(value, path, "float32");
    if (!goFloat.test(value)) return unparsable(path, "float", "ParseFloat", value, "invalid syntax");
    const parsed = Math.fround(Number(value.replaceAll("_", "")));
    return Number.isFinite(parsed) ? parsed : unparsable(path, "float", "ParseFloat", value, "value out of range");
  },
  encode: shortestFloat32,
  isEmpty: (value) => value === 0,
};

/** Without hexadecimal and infinite ones, which nobody writes into a weight. */
const goFloat = /^[+-]?(?:\d(?:_?\d)*\.?(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*)(?:e[+-]?\d+)?$/i;

/** Nanoseconds; a bare number counts them. */
export const duration: Codec<bigint> = {
  zero: 0n,
  takesLists: false,
  decode: (value, path) => {
    if (typeof value === "boolean") return value ? 1n : 0n;
    if (typeof value === "number") return int64(value);
    if (typeof value !== "string") return unconvertible(value, path, "time.Duration");
    const parsed = parseGoDuration(value);
    return "ns" in parsed ? parsed.ns : fail(`error decoding '${path}': ${parsed.fault}`);
  },
  encode: formatGoDuration,
  isEmpty: (value) => value === 0n,
};

/** Anything at all. Lists of one are taken off wherever they stand below a list of one, as Consul reads HCL's blocks. */
export const anything: Codec<Json> = {
  zero: null,
  takesLists: true,
  decode: (value) => {
    const [only = null] = isList(value) && value.length === 1 ? value : [];
    return only === null ? value : withoutWrapping(only);
  },
  encode: (value) => value,
  isEmpty: (value) => value === null,
};

function withoutWrapping(value: Json): Json {
  if (isList(value)) return value.map(withoutWrapping);
  if (!isObject(value)) return value;
  const unwrapped = Object.entries(value).map(([key, item]): [string, Json] => {
    const [only = null] = isList(item) && item.length === 1 ? item : [];
    return [key, withoutWrapping(only ?? item)];
  });
  return Object.fromEntries(unwrapped);
}

/** What has no place in 64 bits becomes the least of all numbers, as on most processors that run Go. */
function int64(value: number): bigint {
  return Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : -(2n ** 63n);
}

/** Go's integers with their prefixes: 0x1f, 0b1, 0o17, 017; and 1_000. */
const goInteger = /^([+-]?)(\d(?:_?\d)*|0x(?:_?[\da-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+)$/i;

function parseGoInteger(written: string): bigint | undefined {
  const [, sign = "", separated = ""] = goInteger.exec(written) ?? [];
  const digits = separated.replaceAll("_", "");
  if (digits === "" || /^0\d*[89]/.test(digits)) return undefined;
  const value = BigInt(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return sign === "-" ? -value : value;
}

/** Without an exponent, however large or small. */
function plainDecimal(value: number): string {
  const written = String(value);
  const [exponential, sign = "", whole = "", fraction = "", exponent = ""] =
    /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(written) ?? [];
  if (exponential === undefined) return written;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  return point > 0 ? sign + digits.padEnd(point, "0") : `${sign}0.${"0".repeat(-point)}${digits}`;
}

function unconvertible(value: NonNullJson, path: string, goType: string): never {
  const kind = kindOf(value);
  const found = kind === "slice" ? "[]interface {}" : kind === "map" ? "map[string]interface {}" : kind;
  return fail(`'${path}' expected type '${goType}', got unconvertible type '${found}'`);
}

function unparsable(path: string, as: string, parser: string, value: string, why: string): never {
  return fail(`cannot parse '${path}' as ${as}: strconv.${parser}: parsing ${JSON.stringify(value)}: ${why}`);
}
