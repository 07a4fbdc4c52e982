/**
 * Metadata as header fields and back: flat [name, value, ...] lists of latin1 strings, bytes as base64
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Custom-Metadata").
 */
import { Metadata, type MetadataValue } from "../../call/metadata.ts";

/** Fields of the protocol itself: the transport reads them, calls do not. Others that begin with grpc- are metadata. */
const PROTOCOL_FIELDS: ReadonlySet<string> = new Set([
  "content-type",
  "te",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-message",
  "grpc-status",
  "grpc-timeout",
]);

const COLON = 0x3a;
const LETTER_C = 0x63;
const LETTER_G = 0x67;
const LETTER_T = 0x74;
const SPACE = 0x20;

/** A value as a field has it: text without the spaces around it, bytes as base64 without padding. */
export function wireValue(value: MetadataValue): string {
  if (typeof value !== "string") return toBase64(value);
  // HTTP/2 forbids spaces at either end of a value (RFC 9113, section 8.2.1), and gRPC lets them be stripped.
  const spaced = value.charCodeAt(0) === SPACE || value.charCodeAt(value.length - 1) === SPACE;
  return spaced ? value.trim() : value;
}

/** The metadata among received fields, names in lower case. */
export function readMetadata(fields: readonly string[]): Metadata {
  // Without any it makes no list: most responses have none.
  let pairs: MetadataValue[] | undefined;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? "";
    if (isProtocol(name)) continue;
    pairs ??= [];
    const value = fields[at + 1] ?? "";
    if (name.endsWith("-bin")) readBinary(name, value, pairs);
    else pairs.push(name, value);
  }
  return pairs === undefined ? new Metadata() : Metadata.received(pairs);
}

function isProtocol(name: string): boolean {
  const first = name.charCodeAt(0);
  if (first === COLON) return true;
  // The first letter saves most names the hash.
  return (first === LETTER_G || first === LETTER_C || first === LETTER_T) && PROTOCOL_FIELDS.has(name);
}

function toBase64(bytes: Uint8Array): string {
  const padded = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  const padding = bytes.byteLength % 3;
  return padding === 0 ? padded : padded.slice(0, padding - 3);
}

/** A field may hold several values between commas. What is no base64 gives the bytes up to it, as Buffer reads it. */
function readBinary(name: string, value: string, into: MetadataValue[]): void {
  if (!value.includes(",")) {
    into.push(name, Buffer.from(value, "base64"));
    return;
  }
  for (const one of value.split(",")) into.push(name, Buffer.from(one, "base64"));
}
