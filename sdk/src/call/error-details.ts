/**
 * The rich error model of google.rpc (https://google.aip.dev/193): typed messages beside a status, carried in the
 * trailer "grpc-status-details-bin" as a google.rpc.Status.
 */
import type { DeepPartial } from "./deep-partial.ts";
import { Status } from "../gen/google/rpc/status.ts";

/** The trailer that carries them. */
export const STATUS_DETAILS_KEY = "grpc-status-details-bin";

const TYPE_PREFIX = "type.googleapis.com/";

/** A message type that can be a detail: what ts-proto generates with outputTypeAnnotations. */
export interface DetailType<T> {
  readonly $type: string;
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
  /** never: ts-proto's own partial type is narrower than ours where maps are. */
  fromPartial(partial: never): T;
}

/** One detail, still encoded: its reader may not know its type. */
export interface ErrorDetail {
  /** Full name of the message type, such as "google.rpc.BadRequest". */
  readonly typeName: string;
  readonly value: Uint8Array;
}

/** Packs a detail: `errorDetail(BadRequest, { fieldViolations: [...] })`. */
export function errorDetail<T>(type: DetailType<T>, value: DeepPartial<T>): ErrorDetail {
  return { typeName: type.$type, value: type.encode(type.fromPartial(value as never)).finish() };
}

/** The bytes of the trailer for a status with details. */
export function encodeStatusDetails(code: number, message: string, details: readonly ErrorDetail[]): Uint8Array {
  const any = details.map((detail) => ({ typeUrl: TYPE_PREFIX + detail.typeName, value: Buffer.from(detail.value) }));
  return Status.encode(Status.fromPartial({ code, message, details: any })).finish();
}

/** The details in a trailer's bytes; bytes that are no google.rpc.Status are ignored: they come from the peer. */
export function decodeStatusDetails(bytes: Uint8Array | undefined): readonly ErrorDetail[] {
  if (bytes === undefined) return [];
  try {
    return Status.decode(bytes).details.map((any) => ({
      typeName: any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1),
      value: any.value,
    }));
  } catch {
    return [];
  }
}
