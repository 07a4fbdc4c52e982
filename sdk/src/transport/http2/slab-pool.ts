/**
 * Memory that frames are put together in, shared by all connections of the process: what one has written another may use.
 * New memory is dear, since the system gives it page by page; memory that was just written is warm.
 */

/** Holds the frames of a few hundred small calls. */
export const SLAB_BYTES = 64 * 1024;
/** Holds some payloads that are as long as one that is copied may be. */
const LARGE_SLAB_BYTES = 256 * 1024;
/** What is kept for connections to come: enough for sixteen that send long messages at once. */
const MAX_KEPT_SLABS = 16;

const small: Buffer[] = [];
const large: Buffer[] = [];

/** A slab for at least so many bytes. */
export function takeSlab(bytes: number): Buffer {
  if (bytes <= SLAB_BYTES) return small.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  if (bytes <= LARGE_SLAB_BYTES) return large.pop() ?? Buffer.allocUnsafeSlow(LARGE_SLAB_BYTES);
  return Buffer.allocUnsafeSlow(bytes);
}

/** Nobody reads or writes the slab any more. */
export function giveSlab(slab: Buffer): void {
  const kept = slab.length === SLAB_BYTES ? small : large;
  if (kept.length < MAX_KEPT_SLABS && slab.length <= LARGE_SLAB_BYTES) kept.push(slab);
}
