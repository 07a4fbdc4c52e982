/**
 * Bytes of a stream that wait until somebody asks for them, in memory of their own. Short pieces share it: a DATA frame of
 * one byte must not cost an object.
 */
import { copyOf } from "../copy-of.ts";

/** Pieces shorter than this are copied into memory of this size, longer ones into their own. */
const JOINED_BYTES = 4096;

export class HeldBytes {
  readonly #pieces: Buffer[] = [];
  /** What short pieces are copied to: the last of the pieces, in so far as it is filled. */
  #joined: Buffer | undefined;
  #joinedBytes = 0;

  get empty(): boolean {
    return this.#pieces.length === 0 && this.#joined === undefined;
  }

  /** Adds a copy of chunk[start..end). */
  add(chunk: Buffer, start: number, end: number): void {
    if (end - start >= JOINED_BYTES) {
      this.#close();
      this.#pieces.push(copyOf(chunk, start, end));
      return;
    }
    if (this.#joined !== undefined && this.#joinedBytes + end - start > JOINED_BYTES) this.#close();
    const joined = (this.#joined ??= Buffer.allocUnsafeSlow(JOINED_BYTES));
    this.#joinedBytes += chunk.copy(joined, this.#joinedBytes, start, end);
  }

  /** The first piece, which is held no longer. */
  take(): Buffer | undefined {
    if (this.#pieces.length === 0) this.#close();
    return this.#pieces.shift();
  }

  /** Puts back what is left of a piece that was taken. */
  putBack(piece: Buffer): void {
    this.#pieces.unshift(piece);
  }

  clear(): void {
    this.#pieces.length = 0;
    this.#joined = undefined;
    this.#joinedBytes = 0;
  }

  #close(): void {
    if (this.#joined === undefined) return;
    this.#pieces.push(this.#joined.subarray(0, this.#joinedBytes));
    this.#joined = undefined;
    this.#joinedBytes = 0;
  }
}
