/** What a caller may say of one call. */
import { MeshError } from "../call/mesh-error.ts";
import type { Metadata, MetadataInit } from "../call/metadata.ts";
import type { PolicyOverride } from "../contract/policy.ts";
import type { MessageEncoding } from "../transport/transport.ts";

export interface CallOptions {
  /** Milliseconds this call may take; the contract's deadline and the caller's remaining time still cap it. */
  readonly timeoutMs?: number;
  /** Cancels the call; its promise rejects with CANCELLED. */
  readonly signal?: AbortSignal;
  /** Sent beside the messages. */
  readonly metadata?: MetadataInit;
  /** Changes the contract's policy for this call. Pass the same object every time: policies are merged once per object. */
  readonly policy?: PolicyOverride;
  /**
   * How requests are written. Default "identity": as they are. A function decides for each request and is given it as you
   * gave it. Responses are the server's to compress.
   *
   * @example
   * documents.save(document, { compression: ({ text }: Document) => (text.length > 1_000 ? "gzip" : "identity") });
   */
  readonly compression?: MessageEncoding | ((request: never) => MessageEncoding);
  /** Takes the server's headers when they arrive. */
  readonly onHeaders?: (headers: Metadata) => void;
  /** Takes the server's trailers at the end, whatever the status. */
  readonly onTrailers?: (trailers: Metadata) => void;
}

const KNOWN_OPTIONS: ReadonlySet<string> = new Set<keyof CallOptions>([
  "timeoutMs",
  "signal",
  "metadata",
  "policy",
  "compression",
  "onHeaders",
  "onTrailers",
]);

/** The call's own timeout. Throws INVALID_ARGUMENT for options that would go unread, and for a timeout that is none. */
export function checkedTimeout(options: CallOptions | undefined): number {
  if (options === undefined) return Infinity;
  for (const option in options) {
    if (KNOWN_OPTIONS.has(option)) continue;
    const known = [...KNOWN_OPTIONS].join(", ");
    throw new MeshError("INVALID_ARGUMENT", `call option ${option} is not known: write one of ${known}`);
  }
  const { timeoutMs } = options;
  if (timeoutMs === undefined) return Infinity;
  if (typeof timeoutMs === "number" && timeoutMs > 0) return timeoutMs;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `timeoutMs is ${String(timeoutMs)}: give a positive number of milliseconds, or leave it out`,
  );
}

/** What the call announces: "gzip" when each request decides. Throws INVALID_ARGUMENT for what is no compression. */
export function checkedEncoding(options: CallOptions | undefined): MessageEncoding {
  const compression = options?.compression;
  if (compression === undefined) return "identity";
  if (compression === "gzip" || compression === "identity") return compression;
  if (typeof compression === "function") return "gzip";
  throw notAnEncoding("compression is", compression);
}

/** What the call's own function says of a request; undefined: what the call announced. */
export function requestEncoding(options: CallOptions | undefined, request: unknown): MessageEncoding | undefined {
  const compression = options?.compression;
  if (typeof compression !== "function") return undefined;
  let encoding: MessageEncoding;
  try {
    encoding = compression(request as never);
  } catch (error) {
    throw new MeshError("INTERNAL", "the call's own compression function threw", { cause: error });
  }
  if (encoding === "gzip" || encoding === "identity") return encoding;
  throw notAnEncoding("the call's own compression function returned", encoding);
}

function notAnEncoding(what: string, value: unknown): MeshError {
  const known = 'give "gzip", "identity", or a function of a request that returns one of them';
  return new MeshError("INVALID_ARGUMENT", `${what} ${String(value)}: ${known}`);
}
