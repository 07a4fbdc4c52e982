/**
 * Descriptor sets as generated code carries them: brotli (RFC 7932) in base64, a fifth of their size, unpacked when
 * reflection first asks. Brotli rather than deflate because Node's deflate gives other bytes on other processors, and
 * generated code must not.
 */
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";

/** Packs the bytes of a google.protobuf.FileDescriptorSet into text. */
export function packDescriptorSet(bytes: Uint8Array): string {
  return brotliCompressSync(bytes).toString("base64");
}

/** The inverse, done once, on the first call. */
export function unpackDescriptorSet(packed: string): () => Uint8Array {
  let bytes: Uint8Array | undefined;
  return () => (bytes ??= brotliDecompressSync(Buffer.from(packed, "base64")));
}
