/** What consistent-hash balancing hashes of a call: the request field or the metadata that its policy's hashKey names. */
import type { Metadata } from "../call/metadata.ts";
import { hashText } from "../balancing/hash-text.ts";
import { METADATA_HASH_PREFIX } from "../contract/hash-key.ts";

/**
 * The hash, 0 to 2^32-1; undefined when the call has nothing under that key, or an empty text: such calls have nothing in
 * common, and one endpoint must not get them all. Several values of a metadata key count as one, joined by commas (gRFC A42).
 *
 * @param message the request, or undefined where there is none yet: a field of it is then not there.
 */
export function callHash(hashKey: string, metadata: Metadata, message: unknown): number | undefined {
  const text = hashKey.startsWith(METADATA_HASH_PREFIX)
    ? metadata.getAll(hashKey.slice(METADATA_HASH_PREFIX.length)).join(",")
    : textOf(fieldAt(hashKey, message));
  return text === "" ? undefined : hashText(text);
}

function fieldAt(path: string, message: unknown): unknown {
  let value = message;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}

/** 64-bit integers have the same text as bigint, string or the object of a library. */
function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString("hex");
  return value === undefined || value === null ? "" : (value as { toString(): string }).toString();
}
