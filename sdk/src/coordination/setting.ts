/** One setting: its default, and how what is stored becomes its value. */
import { inspect } from "node:util";
import { MeshError } from "../call/mesh-error.ts";

export interface Setting<T> {
  /** Used while nothing is stored, and as long as nothing good was. What JSON can say. */
  readonly default: T;
  /**
   * What says what is good: its parse makes the value of what JSON.parse read, or throws what is wrong. Any of zod will do.
   * Default: what is of the same kind as the default (a string, a number, a boolean, null, an array, an object) is taken as it is.
   */
  readonly schema?: { parse(json: unknown): T };
}

export type SettingShape<T> = { readonly [K in keyof T]: Setting<T[K]> };

/**
 * What stored bytes mean. A setting whose default is a string takes text that is no JSON as it stands, so that people can write
 * it without quotes. Throws an Error that says what is wrong.
 */
export function decodeSetting<T>(setting: Setting<T>, bytes: Uint8Array): T {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const json = typeof setting.default === "string" ? stringOf(text) : (JSON.parse(text) as unknown);
  if (setting.schema !== undefined) return setting.schema.parse(json);
  if (kindOf(json) === kindOf(setting.default)) return json as T;
  throw new Error(`expected ${kindOf(setting.default)}, got ${kindOf(json)}`);
}

/** Throws INVALID_ARGUMENT for a value that would not be read back. */
export function encodeSetting<T>(setting: Setting<T>, name: string, value: T): Uint8Array {
  try {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new Error(`JSON has no ${typeof value}`);
    const bytes = Buffer.from(text);
    decodeSetting(setting, bytes);
    return bytes;
  } catch (cause) {
    throw new MeshError("INVALID_ARGUMENT", `setting ${name} cannot be ${shown(value)}: ${reasonOf(cause)}`, { cause });
  }
}

/** In one line, of a schema's many. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { issues } = error as { readonly issues?: readonly { readonly message?: string }[] };
  return issues?.map(({ message }) => message).join("; ") ?? error.message;
}

/** Nobody can change what others read. */
export function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}

function stringOf(text: string): string {
  if (!text.startsWith('"')) return text;
  const json: unknown = JSON.parse(text);
  return typeof json === "string" ? json : text;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `${/^[aeiou]/.test(typeof value) ? "an" : "a"} ${typeof value}`;
}

const MAX_SHOWN_CHARS = 80;

function shown(value: unknown): string {
  return inspect(value, { breakLength: Infinity }).slice(0, MAX_SHOWN_CHARS);
}
