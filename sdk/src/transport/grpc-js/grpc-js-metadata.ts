/** Our metadata as grpc-js's and back. */
import { Metadata as GrpcMetadata } from "@grpc/grpc-js";
import { Metadata, type MetadataValue } from "../../call/metadata.ts";

export function toGrpc(metadata: Metadata): GrpcMetadata {
  const result = new GrpcMetadata();
  if (metadata.size === 0) return result;
  for (const [key, value] of metadata) result.add(key, typeof value === "string" ? value : asBuffer(value));
  return result;
}

export function fromGrpc(metadata: GrpcMetadata): Metadata {
  const pairs: MetadataValue[] = [];
  for (const [key, values] of Object.entries(metadata.toJSON())) for (const value of values) pairs.push(key, value);
  return Metadata.received(pairs);
}

/**
 * The user's metadata as it can be sent. What HTTP/2 and gRPC write themselves is left out: programs pass on the whole
 * metadata of the calls they serve.
 */
export function sendableFromGrpc(metadata: GrpcMetadata): Metadata {
  const result = new Metadata();
  for (const [key, values] of Object.entries(metadata.toJSON())) {
    for (const value of values) if (Metadata.carries(key, value)) result.append(key, value);
  }
  return result;
}

/** The same bytes, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
