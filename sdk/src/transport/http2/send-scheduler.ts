/**
 * Sends DATA as far as windows, frame size and socket allow (RFC 9113, sections 5.2 and 6.9); what does not fit waits with
 * its stream. Streams that wait take turns, a frame each, so that a long message does not hold up short ones.
 */
import type { Http2Stream } from "./http2-stream.ts";
import type { Output } from "./output.ts";
import { DEFAULT_WINDOW_BYTES, FLAG, FRAME, FRAME_HEAD_BYTES, MIN_MAX_FRAME_BYTES } from "./protocol.ts";

/** Payloads up to this are copied at once; a longer one is kept, and must not change until it is written. */
export const COPIED_PAYLOAD_BYTES = 128 * 1024;
/** A shorter frame that only the windows make so costs more to send than it carries. */
const DRIBBLE_BYTES = 64;
/** A peer may allow more; longer frames would save little and hold up others. */
const MAX_SENT_FRAME_BYTES = 256 * 1024;

/** A longer payload takes turns with others, and is handed to the socket in parts that it takes one after another. */
const MAX_AT_ONCE_BYTES = 1024 * 1024;

const NOTHING = new Uint8Array(0);

export class SendScheduler {
  /** What the connection's window allows. */
  window = DEFAULT_WINDOW_BYTES;
  /** DATA frames that were sent. */
  frames = 0;
  /** Bytes that wait, on all streams. */
  queuedBytes = 0;
  /** Frames of a few bytes that the peer's windows cut from more, less the longer ones since. */
  dribbled = 0;
  readonly #output: Output;
  readonly #ended: (stream: Http2Stream) => void;
  readonly #fault: (error: unknown) => void;
  #maxFrameBytes = MIN_MAX_FRAME_BYTES;
  #first: Http2Stream | undefined;
  #last: Http2Stream | undefined;

  /**
   * @param ended told when END_STREAM has gone with queued DATA.
   * @param fault told what a stream's onDrain threw: it is not the fault of whose turn it was.
   */
  constructor(output: Output, ended: (stream: Http2Stream) => void, fault: (error: unknown) => void) {
    this.#output = output;
    this.#ended = ended;
    this.#fault = fault;
  }

  set peerMaxFrameBytes(bytes: number) {
    this.#maxFrameBytes = Math.min(bytes, MAX_SENT_FRAME_BYTES);
  }

  /**
   * Sends a payload of two parts, either of which may be empty, or queues what does not fit.
   *
   * @returns whether it has gone.
   */
  send(stream: Http2Stream, head: Uint8Array, body: Uint8Array, end: boolean): boolean {
    const bytes = head.length + body.length;
    if (
      stream.queuedBytes === 0 &&
      this.#first === undefined &&
      bytes <= MAX_AT_ONCE_BYTES &&
      bytes <= this.window &&
      bytes <= stream.sendWindow &&
      !this.#output.full
    ) {
      this.window -= bytes;
      stream.sendWindow -= bytes;
      const flags = end ? FLAG.END_STREAM : 0;
      if (bytes <= this.#maxFrameBytes) this.#writeFrame(stream.id, head, body, flags);
      else this.#writeFrames(stream.id, head, body, flags);
      return true;
    }
    if (bytes === 0 && stream.queuedBytes === 0) return this.#sendNothing(stream, end);
    this.#queue(stream, head);
    this.#queue(stream, body);
    stream.endQueued = end;
    if (stream.sendWindow > 0) this.#enqueue(stream);
    this.pump();
    return stream.queuedBytes === 0;
  }

  /** The stream may send more, or can be sent more of. */
  wake(stream: Http2Stream): void {
    if (stream.queuedBytes > 0 && stream.sendWindow > 0) this.#enqueue(stream);
  }

  /** Forgets what waits. */
  drop(stream: Http2Stream): void {
    if (stream.inTurn) this.#unlink(stream);
    this.queuedBytes -= stream.queuedBytes;
    stream.queue = undefined;
    stream.queuedBytes = 0;
    stream.endQueued = false;
  }

  /** Sends what can be sent now. */
  pump(): void {
    while (this.#first !== undefined && this.window > 0 && !this.#output.full) {
      const stream = this.#first;
      this.#unlink(stream);
      if (stream.queuedBytes > 0 && stream.sendWindow > 0) this.#sendFrame(stream);
    }
  }

  #writeFrame(id: number, head: Uint8Array, body: Uint8Array, flags: number): void {
    this.frames++;
    const output = this.#output;
    const bytes = head.length + body.length;
    if (body.length > COPIED_PAYLOAD_BYTES) {
      this.#writeHead(id, bytes, flags);
      this.#write(head);
      output.put(body);
      return;
    }
    const at = output.head(output.reserve(FRAME_HEAD_BYTES + bytes), bytes, FRAME.DATA, flags, id);
    output.slab.set(head, at);
    output.slab.set(body, at + head.length);
  }

  #writeFrames(id: number, head: Uint8Array, body: Uint8Array, flags: number): void {
    let before = head;
    let at = 0;
    while (at < body.length) {
      const end = Math.min(body.length, at + this.#maxFrameBytes - before.length);
      this.#writeFrame(id, before, body.subarray(at, end), end === body.length ? flags : 0);
      before = NOTHING;
      at = end;
    }
  }

  #sendFrame(stream: Http2Stream): void {
    const bytes = Math.min(stream.queuedBytes, this.window, stream.sendWindow, this.#maxFrameBytes);
    const last = bytes === stream.queuedBytes;
    const end = last && stream.endQueued;
    this.window -= bytes;
    stream.sendWindow -= bytes;
    stream.queuedBytes -= bytes;
    this.queuedBytes -= bytes;
    this.frames++;
    if (bytes >= DRIBBLE_BYTES) this.dribbled = Math.max(0, this.dribbled - 1);
    else if (!last) this.dribbled++;
    this.#writeHead(stream.id, bytes, end ? FLAG.END_STREAM : 0);
    this.#writeQueued(stream, bytes);
    if (!last) return this.wake(stream);
    stream.queue = undefined;
    if (end) this.#ended(stream);
    try {
      stream.events.onDrain();
    } catch (error) {
      this.#fault(error);
    }
  }

  /** An empty frame takes nothing of any window (section 6.9), and says something only as the last. */
  #sendNothing(stream: Http2Stream, end: boolean): boolean {
    if (end) this.#writeHead(stream.id, 0, FLAG.END_STREAM);
    return true;
  }

  #writeQueued(stream: Http2Stream, bytes: number): void {
    const queue = stream.queue ?? [];
    let left = bytes;
    let done = 0;
    while (left > 0) {
      const part = queue[done];
      if (part === undefined) break;
      const available = part.length - stream.queueAt;
      const taken = Math.min(left, available);
      this.#write(taken === part.length ? part : part.subarray(stream.queueAt, stream.queueAt + taken));
      left -= taken;
      if (taken === available) {
        done++;
        stream.queueAt = 0;
      } else {
        stream.queueAt += taken;
      }
    }
    queue.splice(0, done);
  }

  #queue(stream: Http2Stream, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    // Short payloads are their owner's again when send() returns.
    const kept = bytes.length <= COPIED_PAYLOAD_BYTES ? Uint8Array.prototype.slice.call(bytes) : bytes;
    (stream.queue ??= []).push(kept);
    stream.queuedBytes += bytes.length;
    this.queuedBytes += bytes.length;
  }

  #enqueue(stream: Http2Stream): void {
    if (stream.inTurn) return;
    stream.inTurn = true;
    stream.before = this.#last;
    if (this.#last === undefined) this.#first = stream;
    else this.#last.next = stream;
    this.#last = stream;
  }

  #unlink(stream: Http2Stream): void {
    if (stream.before === undefined) this.#first = stream.next;
    else stream.before.next = stream.next;
    if (stream.next === undefined) this.#last = stream.before;
    else stream.next.before = stream.before;
    stream.next = undefined;
    stream.before = undefined;
    stream.inTurn = false;
  }

  #writeHead(id: number, bytes: number, flags: number): void {
    this.#output.head(this.#output.reserve(FRAME_HEAD_BYTES), bytes, FRAME.DATA, flags, id);
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length > COPIED_PAYLOAD_BYTES) return this.#output.put(bytes);
    const at = this.#output.reserve(bytes.length);
    this.#output.slab.set(bytes, at);
  }
}
