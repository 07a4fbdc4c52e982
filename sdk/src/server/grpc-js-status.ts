/** Failures as handlers of grpc-js report them, as the mesh's handlers throw them. */
import type { Metadata as GrpcMetadata } from "@grpc/grpc-js";
import { MeshError } from "../call/mesh-error.ts";
import type { Metadata } from "../call/metadata.ts";
import { type ErrorCode, statusName } from "../call/status.ts";
import { sendableFromGrpc } from "../transport/grpc-js/grpc-js-metadata.ts";

interface Failure {
  readonly code?: unknown;
  readonly details?: unknown;
  readonly message?: unknown;
  readonly metadata?: Partial<GrpcMetadata> | null | undefined;
}

/**
 * What was given to a callback or emitted as "error". As in grpc-js its text is meant for the caller, and UNKNOWN is the
 * code of what has none.
 */
export function reportedError(failure: unknown, trailers?: GrpcMetadata | null): MeshError {
  if (failure instanceof MeshError) return failure;
  const { code, details, message, metadata } = asFailure(failure);
  const known = codeOf(code);
  const text = known !== undefined && typeof details === "string" ? details : message;
  return new MeshError(known ?? "UNKNOWN", typeof text === "string" ? text : "unknown error", {
    cause: failure,
    metadata: metadataOf(trailers ?? metadata),
  });
}

/**
 * What a handler threw, or rejected with: a status only when it says so itself. Anything else is a bug, whose text is for
 * the log alone.
 */
export function thrownError(thrown: unknown): Error {
  if (codeOf(asFailure(thrown).code) !== undefined) return reportedError(thrown);
  return thrown instanceof Error ? thrown : new Error(`handler threw ${String(thrown)}`, { cause: thrown });
}

function asFailure(value: unknown): Failure {
  return typeof value === "object" && value !== null ? value : { message: String(value) };
}

/** The name of a number that is a failure; errors of Node have texts in its place. */
function codeOf(code: unknown): ErrorCode | undefined {
  if (typeof code !== "number" || !Number.isInteger(code)) return undefined;
  const name = statusName(code);
  return name === "OK" ? undefined : name;
}

function metadataOf(metadata: Failure["metadata"]): Metadata | undefined {
  return typeof metadata?.toJSON === "function" ? sendableFromGrpc(metadata as GrpcMetadata) : undefined;
}
