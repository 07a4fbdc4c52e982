/** The hash key of a policy: which part of a call consistent-hash balancing hashes. */
import type { MessageShape } from "./message-shape.ts";

/** What follows is a metadata key, not a field's path. */
export const METADATA_HASH_PREFIX = "metadata:";

/** gRPC's Custom-Metadata names (PROTOCOL-HTTP2.md); binary values are no stable text to hash, so "-bin" is out. */
const METADATA_KEY = /^(?!.*-bin$)[0-9a-z_.-]+$/;

export type HashKeyReading = { readonly key: string } | { readonly fault: string };

/** Checks a hash key against the request type; the key that comes back is spelled with the JavaScript names. */
export function readHashKey(text: string, input: MessageShape): HashKeyReading {
  if (text.startsWith(METADATA_HASH_PREFIX)) {
    if (METADATA_KEY.test(text.slice(METADATA_HASH_PREFIX.length))) return { key: text };
    return { fault: `"${text}" names no metadata key: write a-z, 0-9, "_", "." and "-" after "metadata:", not "-bin"` };
  }
  const keys: string[] = [];
  let message: MessageShape | undefined = input;
  for (const segment of text.split(".")) {
    if (message === undefined) return { fault: `"${text}" goes on after "${keys.join(".")}", which is no message` };
    const field = message.fields.get(segment);
    if (field === undefined) {
      return { fault: `"${text}": ${message.typeName} has no field "${segment}"; ${offer(message)}` };
    }
    if (field.kind === "oneof") return { fault: `"${text}": "${segment}" is in a oneof, which may hold another field` };
    if (field.kind === "repeated") return { fault: `"${text}": "${segment}" is repeated; name a field with one value` };
    keys.push(field.key);
    message = field.message?.();
  }
  if (message !== undefined) {
    return { fault: `"${text}" is a message (${message.typeName}): name one of its fields; ${offer(message)}` };
  }
  return { key: keys.join(".") };
}

function offer(message: MessageShape): string {
  const names = [...message.fields].filter(([, { kind }]) => kind !== "oneof" && kind !== "repeated");
  return names.length === 0 ? "it has none to hash" : `it has ${names.map(([name]) => `"${name}"`).join(", ")}`;
}
