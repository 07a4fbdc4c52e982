/**
 * Descriptor sets as generated code carries them: brotli (RFC 7932) in base64, a third of their size, unpacked when
 * reflection first asks. Generated code must be the same wherever it is made; brotli's encoder does not depend on the
 * processor, as that of Node's deflate does.
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
