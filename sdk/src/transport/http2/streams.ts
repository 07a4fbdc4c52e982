/**
 * The streams of a connection (RFC 9113, section 5.1): which there are, what may still come for those that are over, and
 * how each ends. Streams that were reset are remembered for a while, since the peer may have sent more before it knew.
 */
import { CONNECTION_LOST, Http2Stream, type StreamEvents } from "./http2-stream.ts";
import type { Http2Limits } from "./limits.ts";
import type { Output } from "./output.ts";
import type { PeerGuard } from "./peer-guard.ts";
import { ConnectionError, ERROR, FRAME, MAX_STREAM_ID } from "./protocol.ts";
import type { ReceiveCredit } from "./receive-credit.ts";
import type { SendScheduler } from "./send-scheduler.ts";
import type { PeerSettings } from "./settings.ts";

export interface StreamsOptions {
  readonly role: "client" | "server";
  readonly limits: Http2Limits;
  readonly output: Output;
  readonly peer: PeerSettings;
  readonly sender: SendScheduler;
  readonly credit: ReceiveCredit;
  readonly guard: PeerGuard;
  /** A stream has ended, either way. */
  readonly onEnded: () => void;
  /** A stream's events threw. */
  readonly onFault: (error: unknown) => void;
}

/** So many resets are remembered at least, twice as many at most: what a peer can have under way in a round trip. */
const REMEMBERED_RESETS = 4096;

export class Streams {
  /** Streams that are not over. */
  readonly open = new Map<number, Http2Stream>();
  /** Streams that ever were, of either side. */
  opened = 0;
  /** The next that this side opens; at clients. */
  nextId = 1;
  /** The peer's next must be above this; at servers. */
  lastPeerId = 0;
  /** Streams of the peer's that are over while this side still works on them. */
  orphans = 0;
  /** A GOAWAY has said that new streams of the peer's are not worked on: they pass without a word. */
  ignoresNew = false;
  readonly #server: boolean;
  readonly #limits: Http2Limits;
  readonly #output: Output;
  readonly #peer: PeerSettings;
  readonly #sender: SendScheduler;
  readonly #credit: ReceiveCredit;
  readonly #guard: PeerGuard;
  readonly #onEnded: () => void;
  readonly #onFault: (error: unknown) => void;
  #resets = new Set<number>();
  #olderResets = new Set<number>();

  constructor({ role, limits, output, peer, sender, credit, guard, onEnded, onFault }: StreamsOptions) {
    this.#server = role === "server";
    this.#limits = limits;
    this.#output = output;
    this.#peer = peer;
    this.#sender = sender;
    this.#credit = credit;
    this.#guard = guard;
    this.#onEnded = onEnded;
    this.#onFault = onFault;
  }

  /** One of this side's. The caller sees that there is an id left. */
  begin(events: StreamEvents): Http2Stream {
    const stream = this.#add(this.nextId, events);
    this.nextId += 2;
    return stream;
  }

  get idsLeft(): boolean {
    return this.nextId <= MAX_STREAM_ID;
  }

  /** One of the peer's. */
  accept(id: number): Http2Stream {
    this.lastPeerId = id;
    return this.#add(id, NOBODY);
  }

  /** Whether the peer has as many as it may; what this side still works on counts (CVE-2023-39325). */
  get full(): boolean {
    const limits = this.#limits;
    return (
      this.open.size + this.orphans >= limits.maxConcurrentStreams || this.#sender.queuedBytes > limits.maxQueuedBytes
    );
  }

  /** The peer's stream is not worked on, and the peer may ask again (section 8.7). */
  refuse(id: number): void {
    this.lastPeerId = id;
    this.opened++;
    this.#guard.answer(this.#output);
    this.#guard.reset();
    this.#sendReset(id, ERROR.REFUSED_STREAM);
  }

  /** Ends a stream early; its events hear nothing more. */
  reset(stream: Http2Stream, code: number): void {
    if (!this.open.has(stream.id)) return;
    this.#sendReset(stream.id, code);
    this.#remove(stream);
    this.#onEnded();
  }

  /** The peer broke a rule of one stream (section 5.4.2). */
  fail(stream: Http2Stream, code: number, reason: string): void {
    this.#guard.answer(this.#output);
    if (this.#server) this.#guard.reset();
    this.#sendReset(stream.id, code);
    this.lost(stream, code, `stream was reset: ${reason}`, true);
  }

  /** The stream went without a RST_STREAM of ours. */
  lost(stream: Http2Stream, code: number, reason: string, processed: boolean): void {
    this.#remove(stream);
    try {
      stream.events.onReset(code, reason, processed);
    } finally {
      this.#onEnded();
    }
  }

  localEnded(stream: Http2Stream): void {
    stream.localDone = true;
    if (!stream.remoteDone) return;
    this.#finished(stream);
    this.#onEnded();
  }

  remoteEnded(stream: Http2Stream): void {
    stream.remoteDone = true;
    const over = stream.localDone;
    if (over) this.#finished(stream);
    try {
      stream.events.onEnd();
    } finally {
      if (over) this.#onEnded();
    }
  }

  /** The peer never worked on streams above this one. */
  loseAbove(id: number, reason: string): void {
    for (const stream of this.open.values()) {
      if (stream.id > id) this.lost(stream, ERROR.REFUSED_STREAM, reason, false);
    }
  }

  /** The connection is no more. */
  loseAll(reason: string, lastWorkedOn: number): void {
    for (const stream of this.open.values()) {
      try {
        this.lost(stream, CONNECTION_LOST, reason, stream.id <= lastWorkedOn);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }

  /** For frames that may come late, but not before their stream. Throws ConnectionError. */
  needsBegun(frame: string, id: number): void {
    const ours = (id % 2 === 0) === this.#server;
    const idle = ours ? this.#server || id >= this.nextId : !this.#server || (id > this.lastPeerId && !this.ignoresNew);
    if (idle) throw new ConnectionError(ERROR.PROTOCOL_ERROR, `${frame} was sent on stream ${id}, which is idle`);
  }

  /** For frames that may only come late where the peer may not know that the stream is over. Throws ConnectionError. */
  needsLeave(frame: string, id: number): void {
    this.needsBegun(frame, id);
    if (this.ignoresNew || this.#resets.has(id) || this.#olderResets.has(id)) return;
    // Where no id was passed over, the stream was once; else it may never have been (section 5.1.1).
    const skipped = this.#server && this.opened * 2 - 1 !== this.lastPeerId;
    throw new ConnectionError(
      skipped ? ERROR.PROTOCOL_ERROR : ERROR.STREAM_CLOSED,
      `${frame} was sent on stream ${id}, which is closed`,
    );
  }

  #add(id: number, events: StreamEvents): Http2Stream {
    const stream = new Http2Stream(id, events, this.#peer.initialWindowBytes, this.#limits.streamWindowBytes);
    this.opened++;
    this.open.set(id, stream);
    return stream;
  }

  #sendReset(id: number, code: number): void {
    if (this.#resets.size === REMEMBERED_RESETS) {
      this.#olderResets = this.#resets;
      this.#resets = new Set();
    }
    this.#resets.add(id);
    this.#output.word(FRAME.RST_STREAM, id, code);
  }

  /** Both halves have ended as they should. */
  #finished(stream: Http2Stream): void {
    if (this.#server) this.#guard.served();
    this.#remove(stream);
  }

  #remove(stream: Http2Stream): void {
    this.open.delete(stream.id);
    stream.localDone = true;
    stream.remoteDone = true;
    this.#sender.drop(stream);
    this.#credit.drop(stream);
  }
}

/** Takes the events of a stream that nobody has heard of yet. */
const NOBODY: StreamEvents = {
  onHeaders() {},
  onData() {},
  onEnd() {},
  onDrain() {},
  onReset() {},
};
