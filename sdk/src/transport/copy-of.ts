/** chunk[start..end) in memory of its own: what comes from a socket is only lent. */
export function copyOf(chunk: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  chunk.copy(copy, 0, start, end);
  return copy;
}
