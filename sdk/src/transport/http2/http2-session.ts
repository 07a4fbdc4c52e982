/**
 * One HTTP/2 connection over any duplex socket, either side of it (RFC 9113). It knows streams, headers and bytes; what
 * they mean is its user's. The peer can end the connection by what it sends, never throw out of it. Its parts: what comes
 * is FrameReceiver's, what goes Output's and SendScheduler's, what a peer may do PeerGuard's and PeerWatch's, and how it ends
 * SessionLife's.
 */
import type { Duplex } from "node:stream";
import type { Clock } from "../../call/clock.ts";
import { ControlReceiver } from "./control-receiver.ts";
import { FrameParser } from "./frame-parser.ts";
import { FrameReceiver } from "./frame-receiver.ts";
import { Goaway } from "./goaway.ts";
import { HeaderReceiver } from "./header-receiver.ts";
import { HeaderWriter } from "./header-writer.ts";
import { HpackEncoder } from "./hpack/hpack-encoder.ts";
import type { Http2Stream, StreamEvents } from "./http2-stream.ts";
import type { Http2Limits } from "./limits.ts";
import { Output } from "./output.ts";
import { PeerGuard } from "./peer-guard.ts";
import { PeerWatch } from "./peer-watch.ts";
import { ERROR, FRAME, PREFACE } from "./protocol.ts";
import { ReceiveCredit } from "./receive-credit.ts";
import { SendScheduler } from "./send-scheduler.ts";
import type { SessionEvents } from "./session-events.ts";
import { SessionLife } from "./session-life.ts";
import { PeerSettings, settingsPayload } from "./settings.ts";
import { readSocket } from "./socket-reader.ts";
import { Streams } from "./streams.ts";

export type { SessionEnd, SessionEvents } from "./session-events.ts";

/** What is left of a connection's windows, in bytes. Where nothing is under way it is what it was at first. */
export interface Credit {
  /** May be sent. */
  readonly send: number;
  /** The peer may send, as far as it knows. */
  readonly receive: number;
  /** Will be added to receive once it is worth a frame. */
  readonly unreturned: number;
  /** Has arrived and was not consumed. */
  readonly held: number;
}

export interface SessionOptions {
  readonly role: "client" | "server";
  /** Connected; for TLS, secured. What is written to it must not be kept once it has been taken: the memory is used again. */
  readonly socket: Duplex;
  readonly limits: Http2Limits;
  readonly clock: Clock;
  readonly events: SessionEvents;
}

const NO_BYTES = Buffer.alloc(0);

export class Http2Session {
  readonly encoder = new HpackEncoder();
  readonly output: Output;
  readonly peer = new PeerSettings();
  /** Counts reads, so that whoever watches over the connection sees whether anything came without asking the clock. */
  reads = 0;
  readonly #role: "client" | "server";
  readonly #socket: Duplex;
  readonly #limits: Http2Limits;
  readonly #streams: Streams;
  readonly #sender: SendScheduler;
  readonly #credit: ReceiveCredit;
  readonly #control: ControlReceiver;
  readonly #headerWriter: HeaderWriter;
  readonly #parser: FrameParser;
  readonly #watch: PeerWatch;
  readonly #life: SessionLife;

  constructor({ role, socket, limits, clock, events }: SessionOptions) {
    const { peer, encoder } = this;
    const fault = (error: unknown): void => this.#life.fault(error);
    const output = new Output(socket);
    const guard = new PeerGuard(limits, clock);
    const credit = new ReceiveCredit(output, limits);
    const sender = new SendScheduler(output, (stream) => this.#streams.localEnded(stream), fault);
    const onEnded = (): void => {
      events.onStreamEnded();
      this.#life.leaveIfDone();
    };
    const streams = new Streams({ role, limits, output, peer, sender, credit, guard, onEnded, onFault: fault });
    const goaway = new Goaway(output);
    const parts = { role, limits, events, output, encoder, peer, sender, credit, guard, goaway, streams };
    const headers = new HeaderReceiver(parts, clock);
    const control = new ControlReceiver(parts, () => this.#life.secondStep());
    const receiver = new FrameReceiver(parts, headers, control);
    const parser = new FrameParser(receiver, limits.maxFrameBytes, limits.maxHeaderBlockBytes, role === "server");
    this.output = output;
    this.#role = role;
    this.#socket = socket;
    this.#limits = limits;
    this.#streams = streams;
    this.#sender = sender;
    this.#credit = credit;
    this.#control = control;
    this.#headerWriter = new HeaderWriter(output, encoder, peer);
    this.#parser = parser;
    this.#watch = new PeerWatch({ limits, control, block: headers.block, parser, output, sender }, clock.now());
    this.#life = new SessionLife({ role, socket, clock, events, output, parser, streams, goaway, control });
    if (role === "client") output.put(PREFACE);
    output.frame(FRAME.SETTINGS, 0, 0, settingsPayload(limits, role));
    credit.open();
    readSocket(socket, (chunk) => this.#read(chunk));
    socket.on("drain", () => this.#drained());
  }

  /** Whether the peer's SETTINGS have come. */
  get ready(): boolean {
    return this.#control.settingsSeen;
  }

  /** Whether streams may be opened: not after a GOAWAY of either side. */
  get open(): boolean {
    return this.#life.state === "open" && !this.#life.draining && this.#streams.idsLeft;
  }

  /** Whether streams could be opened were there ids left. */
  get idsUsedUp(): boolean {
    return this.#role === "client" && !this.#streams.idsLeft;
  }

  /** Streams that are not over. */
  get streams(): number {
    return this.#streams.open.size;
  }

  /** Streams of the peer's that are over while this side still works on them. */
  get orphans(): number {
    return this.#streams.orphans;
  }

  get credit(): Credit {
    const { window: receive, unreturned, held } = this.#credit;
    return { send: this.#sender.window, receive, unreturned, held };
  }

  /** How many more streams the peer allows now. */
  get room(): number {
    return this.open ? this.peer.maxConcurrentStreams - this.#streams.open.size : 0;
  }

  /** Opens a stream; the caller sends its headers in the same step. The caller sees to open and room. */
  openStream(events: StreamEvents): Http2Stream {
    return this.#streams.begin(events);
  }

  /**
   * Makes room for a header block of at most so many bytes: write it to output.slab from the offset that is returned, then
   * call finishHeaders(). Nothing else may be sent in between.
   */
  startHeaders(maxBytes: number): number {
    return this.#headerWriter.start(maxBytes);
  }

  /**
   * Sends the block that was written. It goes ahead of DATA that waits on its stream: trailers are not sent before onDrain.
   *
   * @param end behind its last byte.
   */
  finishHeaders(stream: Http2Stream, end: number, last: boolean): void {
    this.#headerWriter.finish(stream.id, end, last);
    if (last) this.#streams.localEnded(stream);
  }

  /**
   * Sends a payload of two parts, either of which may be empty. Parts up to COPIED_PAYLOAD_BYTES are their owner's again
   * when it returns; longer ones must not change until onDrain, or until the stream is over.
   *
   * @returns whether it has gone; otherwise onDrain follows.
   */
  send(stream: Http2Stream, head: Uint8Array, body: Uint8Array, last: boolean): boolean {
    if (stream.localDone || stream.endQueued) return true;
    const gone = this.#sender.send(stream, head, body, last);
    if (gone && last && !stream.localDone) this.#streams.localEnded(stream);
    return gone;
  }

  /** Ends this side's half without another byte. */
  end(stream: Http2Stream): void {
    this.send(stream, NO_BYTES, NO_BYTES, true);
  }

  /** Gives the credit of bytes back that were taken from onData. */
  consume(stream: Http2Stream, bytes: number): void {
    this.#credit.consume(stream, bytes);
  }

  /** Ends a stream early; its events hear nothing more. */
  reset(stream: Http2Stream, code: number): void {
    this.#streams.reset(stream, code);
  }

  /** Work goes on for a stream of the peer's that is over: it counts against the peer's streams until workEnded(). */
  workGoesOn(): void {
    this.#streams.orphans++;
  }

  workEnded(): void {
    this.#streams.orphans--;
  }

  ping(): void {
    this.#control.ping();
  }

  /**
   * Takes no more streams; those that are open go on, then the connection closes. A server says so in two steps, so that
   * what was on its way is still served (section 6.8).
   */
  shutdown(code: number = ERROR.NO_ERROR, reason = ""): void {
    this.#life.shutdown(code, reason);
  }

  /** Ends the connection and all of its streams at once. */
  abort(code: number, reason: string, socketCode = ""): void {
    this.#life.leave({ by: "local", code, socketCode, reason });
  }

  /** Called from time to time, for what only time tells. */
  check(now: number): void {
    const life = this.#life;
    try {
      if (life.state === "open") this.#watch.check(now);
      life.check(now);
    } catch (error) {
      life.failBy(error);
    }
  }

  #read(chunk: Buffer): void {
    this.reads++;
    if (this.#life.state !== "open") return;
    try {
      this.#parser.push(chunk);
      // What was heard may be the last that was waited for.
      this.#life.leaveIfDone();
    } catch (error) {
      this.#life.failBy(error);
    }
    // Answers that nobody reads must not pile up. A client goes on reading, lest both sides wait for each other.
    if (this.#role === "server" && this.output.pendingBytes > this.#limits.maxUnreadBytes) {
      this.#watch.reading = false;
      this.#socket.pause();
    }
  }

  #drained(): void {
    this.#sender.pump();
    if (this.#watch.reading) return;
    this.#watch.reading = true;
    this.#socket.resume();
  }
}
