/** What a caller may say of one call. */
import { MeshError } from "../call/mesh-error.ts";
import type { Metadata, MetadataInit } from "../call/metadata.ts";
import type { PolicyOverride } from "../contract/policy.ts";

export interface CallOptions {
  /** Milliseconds this call may take; the contract's deadline and the caller's remaining time still cap it. */
  readonly timeoutMs?: number;
  /** Cancels the call; its promise rejects with CANCELLED. */
  readonly signal?: AbortSignal;
  /** Sent beside the messages. */
  readonly metadata?: MetadataInit;
  /** Changes the contract's policy for this call. Pass the same object every time: policies are merged once per object. */
  readonly policy?: PolicyOverride;
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
