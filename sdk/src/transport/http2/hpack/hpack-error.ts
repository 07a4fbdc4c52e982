/**
 * The peer's block cannot be decoded. Its effects on the dynamic table are unknown from here on, so the whole connection
 * ends with COMPRESSION_ERROR (RFC 7541 section 2.2, RFC 9113 section 4.3).
 */
export class HpackError extends Error {
  override readonly name = "HpackError";
}
