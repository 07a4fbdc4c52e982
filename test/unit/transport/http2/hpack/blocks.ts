/** Header blocks by hand, and blocks with an encoder and a decoder around them. */
import type { HpackEncoder } from "../../../../../sdk/src/transport/http2/hpack/hpack-encoder.ts";
import { MAX_BEGIN_BYTES, maxFieldBytes } from "../../../../../sdk/src/transport/http2/hpack/hpack-encoder.ts";

export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(" ", ""), "hex");
}

/** How a field is to be written. */
export type Way = "recurring" | "literal" | "secret";
export type Field = readonly [name: string, value: string, way: Way];

/** Checks the bounds that writers rely on as well. */
export function encode(encoder: HpackEncoder, fields: readonly Field[]): Buffer {
  const bound = fields.reduce((sum, [name, value]) => sum + maxFieldBytes(name, value), MAX_BEGIN_BYTES);
  const out = Buffer.alloc(bound);
  let at = encoder.begin(out, 0);
  if (at > MAX_BEGIN_BYTES) throw new Error(`size updates took ${at} bytes`);
  for (const [name, value, way] of fields) {
    const next = encoder[way](out, at, name, value);
    if (next - at > maxFieldBytes(name, value)) throw new Error(`field ${name} took ${next - at} bytes`);
    at = next;
  }
  return out.subarray(0, at);
}

export function flat(fields: readonly Field[]): string[] {
  return fields.flatMap(([name, value]) => [name, value]);
}

/** An integer of RFC 7541 section 5.1 under the bits `kind`. */
export function integer(kind: number, prefix: number, value: number): number[] {
  if (value < prefix) return [kind | value];
  const bytes = [kind | prefix];
  let rest = value - prefix;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

function string(text: string): number[] {
  return [...integer(0, 0x7f, text.length), ...Buffer.from(text, "latin1")];
}

/** A literal with a new name that is inserted into the table. */
export function inserted(name: string, value: string): number[] {
  return [0x40, ...string(name), ...string(value)];
}

/** A literal with a new name that is not. */
export function literal(name: string, value: string): number[] {
  return [0x00, ...string(name), ...string(value)];
}

export function indexed(index: number): number[] {
  return integer(0x80, 0x7f, index);
}

export function sizeUpdate(bytes: number): number[] {
  return integer(0x20, 0x1f, bytes);
}
