/** Our metadata as grpc-js's and back. */
import { Metadata as GrpcMetadata } from "@grpc/grpc-js";
import { Metadata } from "../../call/metadata.ts";

export function toGrpc(metadata: Metadata): GrpcMetadata {
  const result = new GrpcMetadata();
  if (metadata.size === 0) return result;
  for (const [key, value] of metadata) result.add(key, typeof value === "string" ? value : asBuffer(value));
  return result;
}

export function fromGrpc(metadata: GrpcMetadata): Metadata {
  return Metadata.received(metadata.toJSON());
}

/** The same bytes, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
