/**
 * What a process allocates meanwhile: nothing is collected between begin and end, so that what memory has grown by is what
 * was allocated. Needs --expose-gc, and a new generation with room for all of it.
 */
import { GCProfiler } from "node:v8";

/** Flags of Node.js for a process that watches: MB of the new generation, which is collected when it is full. */
export const WATCH_FLAGS: readonly string[] = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"];

export interface Allocated {
  readonly heapBytes: number;
  /** Memory of buffers, outside of the heap. */
  readonly bufferBytes: number;
  /** Garbage collections meanwhile: with any, the numbers above are wrong. */
  readonly collections: number;
}

export class AllocationWatch {
  readonly #profiler = new GCProfiler();
  readonly #before: NodeJS.MemoryUsage;

  constructor() {
    if (globalThis.gc === undefined) throw new Error("watching allocation needs node --expose-gc");
    globalThis.gc();
    this.#profiler.start();
    this.#before = process.memoryUsage();
  }

  end(): Allocated {
    const after = process.memoryUsage();
    return {
      heapBytes: after.heapUsed - this.#before.heapUsed,
      bufferBytes: after.arrayBuffers - this.#before.arrayBuffers,
      collections: this.#profiler.stop().statistics.length,
    };
  }
}
