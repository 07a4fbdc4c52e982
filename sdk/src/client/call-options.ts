/** What a caller may say of one call. */
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
