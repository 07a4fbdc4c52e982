/**
 * What a connection writes: frames are put together in one slab and leave in one write per turn of the event loop,
 * however many calls they belong to. Long payloads are not copied but written beside the slab. This is where most of the
 * transport's speed comes from: a write costs more than everything else about a small call (test/bench/transport).
 */
import type { Duplex } from "node:stream";
import { FRAME_HEAD_BYTES } from "./protocol.ts";
import { giveSlab, SLAB_BYTES, takeSlab } from "./slab-pool.ts";

/** What waits in the socket above this is enough to keep it busy: DATA then stays where it can still be taken back. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** What a turn may write before who can wait should: enough for the kernel to be given in one piece. */
const CROWDED_BYTES = 128 * 1024;

/** Who is told when there is room again. */
export interface Writer {
  onDrain(): void;
}

function tellAll(writers: readonly Writer[]): void {
  for (const writer of writers) writer.onDrain();
}

export class Output {
  /** Where to write what was reserved. */
  slab = takeSlab(SLAB_BYTES);
  readonly #socket: Duplex;
  readonly #flush = (): void => this.flush();
  /** What the next write begins with, in the slab. */
  #start = 0;
  #end = 0;
  /** Slabs that are full and have not left. */
  #fullSlabs: Buffer[] | undefined;
  /** What leaves before the slab's part. */
  #parts: Uint8Array[] | undefined;
  #partBytes = 0;
  /** Bytes that were handed to the socket, ever. */
  #handedBytes = 0;
  #scheduled = false;
  /** The position when this turn began to write. */
  #turnBegan = 0;
  #closed = false;
  #crowded: Writer[] | undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** Bytes that the socket has not taken. */
  get pendingBytes(): number {
    return this.#partBytes + this.#end - this.#start + this.#socket.writableLength;
  }

  /** Bytes that the socket has taken, ever. */
  get takenBytes(): number {
    return this.#handedBytes - this.#socket.writableLength;
  }

  /** Bytes that were put in, ever. */
  get position(): number {
    return this.#handedBytes + this.#partBytes + this.#end - this.#start;
  }

  /** Whether more DATA would only wait. The socket's "drain" says when it would not. */
  get full(): boolean {
    return this.pendingBytes >= HIGH_WATER_BYTES;
  }

  /**
   * Whether this turn has written so much that who can wait should: a writer that never leaves its turn would otherwise
   * keep all it writes in memory, since nothing leaves before the turn does.
   */
  get crowded(): boolean {
    return this.position - this.#turnBegan >= CROWDED_BYTES;
  }

  /** Tells a writer, once, when what was written in this turn has been handed to the socket. */
  tellWhenFlushed(writer: Writer): void {
    (this.#crowded ??= []).push(writer);
  }

  /** Makes room for so many bytes in one piece of the slab, and has them written in this turn; returns where. */
  reserve(bytes: number): number {
    if (this.#end + bytes > this.slab.length) this.#nextSlab(bytes);
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#turnBegan = this.position;
      process.nextTick(this.#flush);
    }
    const at = this.#end;
    this.#end = at + bytes;
    return at;
  }

  /** Gives back what was reserved last and not used. */
  trim(end: number): void {
    this.#end = end;
  }

  /** Writes a frame's head into room that was reserved. */
  head(at: number, length: number, type: number, flags: number, id: number): number {
    const { slab } = this;
    slab[at] = length >>> 16;
    slab[at + 1] = length >>> 8;
    slab[at + 2] = length;
    slab[at + 3] = type;
    slab[at + 4] = flags;
    slab[at + 5] = id >>> 24;
    slab[at + 6] = id >>> 16;
    slab[at + 7] = id >>> 8;
    slab[at + 8] = id;
    return at + FRAME_HEAD_BYTES;
  }

  /** A whole frame whose payload is copied. */
  frame(type: number, flags: number, id: number, payload: Uint8Array): void {
    const at = this.head(this.reserve(FRAME_HEAD_BYTES + payload.length), payload.length, type, flags, id);
    this.slab.set(payload, at);
  }

  /** A frame with one 32-bit number for its payload: RST_STREAM and WINDOW_UPDATE. */
  word(type: number, id: number, value: number): void {
    const at = this.head(this.reserve(FRAME_HEAD_BYTES + 4), 4, type, 0, id);
    this.slab.writeUInt32BE(value, at);
  }

  /** Bytes that are written as they are, behind all that was put in before. They must not change any more. */
  put(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.reserve(0);
    this.#cut();
    (this.#parts ??= []).push(bytes);
    this.#partBytes += bytes.length;
  }

  /** Hands everything to the socket. */
  flush(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    const parts = this.#parts;
    this.#handedBytes = this.position;
    if (parts === undefined) {
      if (this.#end > this.#start) this.#socket.write(this.slab.subarray(this.#start, this.#end));
    } else {
      this.#cut();
      this.#parts = undefined;
      this.#partBytes = 0;
      this.#socket.cork();
      for (const part of parts) this.#socket.write(part);
      this.#socket.uncork();
    }
    this.#reuse();
    const crowded = this.#crowded;
    if (crowded === undefined) return;
    this.#crowded = undefined;
    // In the next turn: what comes for this process must be read in between.
    setImmediate(tellAll, crowded);
  }

  /** Nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#parts = undefined;
  }

  /** What the kernel took at once may be written over: the same memory again is warm, and no garbage. */
  #reuse(): void {
    const taken = this.#socket.writableLength === 0;
    this.#start = taken ? 0 : this.#end;
    this.#end = this.#start;
    const full = this.#fullSlabs;
    if (full === undefined) return;
    this.#fullSlabs = undefined;
    if (taken) for (const slab of full) giveSlab(slab);
  }

  /**
   * A full slab is written at once: the kernel copies what is still in the processor's cache, and the same memory takes
   * what comes next.
   */
  #nextSlab(bytes: number): void {
    const scheduled = this.#scheduled;
    this.flush();
    this.#scheduled = scheduled;
    if (this.#end + bytes <= this.slab.length) return;
    // A slab that something was cut from is still to be written, or may be in the kernel's hands.
    if (this.#start === 0) giveSlab(this.slab);
    else (this.#fullSlabs ??= []).push(this.slab);
    this.slab = takeSlab(bytes);
    this.#start = 0;
    this.#end = 0;
  }

  #cut(): void {
    if (this.#end === this.#start) return;
    const part = this.slab.subarray(this.#start, this.#end);
    (this.#parts ??= []).push(part);
    this.#partBytes += part.length;
    this.#start = this.#end;
  }
}
