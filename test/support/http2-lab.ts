/** One HTTP/2 session on a virtual clock, and a scripted peer at the other end of it. */
import type { Duplex } from "node:stream";
import { VirtualClock } from "../../sdk/src/testing/virtual-clock.ts";
import { maxFieldBytes } from "../../sdk/src/transport/http2/hpack/hpack-encoder.ts";
import { Http2Session, type SessionEnd, type SessionEvents } from "../../sdk/src/transport/http2/http2-session.ts";
import type { Http2Stream, StreamEvents } from "../../sdk/src/transport/http2/http2-stream.ts";
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from "../../sdk/src/transport/http2/limits.ts";
import { errorName, PREFACE } from "../../sdk/src/transport/http2/protocol.ts";
import { duplexPair } from "./duplex-pair.ts";
import { settings, SETTINGS_ACK } from "./h2-frames.ts";
import { RawH2Peer } from "./raw-h2-peer.ts";

const NO_BYTES = Buffer.alloc(0);

/** A stream at the session, as it happens: "headers /", "data hi", "end", "drain", "reset CANCEL: …". */
export class LabStream implements StreamEvents {
  readonly events: string[] = [];
  readonly stream: Http2Stream;
  /** Whether bytes are consumed as they come. */
  reads = true;
  readonly #lab: Http2Lab;

  constructor(lab: Http2Lab, stream: Http2Stream) {
    this.#lab = lab;
    this.stream = stream;
  }

  onHeaders(fields: string[], last: boolean): void {
    this.events.push(`headers ${fields.join(" ")}${last ? " (last)" : ""}`);
  }

  onData(chunk: Buffer, start: number, end: number): void {
    this.events.push(`data ${chunk.toString("latin1", start, end)}`);
    if (this.reads) this.#lab.session.consume(this.stream, end - start);
  }

  onEnd(): void {
    this.events.push("end");
    this.#lab.onEnd(this);
  }

  onDrain(): void {
    this.events.push("drain");
  }

  onReset(code: number, reason: string, processed: boolean): void {
    const name = code < 0 ? "LOST" : errorName(code);
    this.events.push(`${name}${processed ? "" : " (unseen)"}: ${reason}`);
  }

  respond(body: Uint8Array = NO_BYTES, last = true): void {
    const { session } = this.#lab;
    const at = session.startHeaders(maxFieldBytes(":status", "200"));
    const end = session.encoder.literal(session.output.slab, at, ":status", "200");
    session.finishHeaders(this.stream, end, last && body.length === 0);
    if (body.length > 0) session.send(this.stream, NO_BYTES, body, last);
  }
}

export class Http2Lab implements SessionEvents {
  readonly clock = new VirtualClock();
  readonly session: Http2Session;
  readonly peer: RawH2Peer;
  /** The session's end of the connection. */
  readonly socket: Duplex;
  readonly streams: LabStream[] = [];
  /** "settings", "goaway …", "ping". */
  readonly events: string[] = [];
  /** Resolves when the session has ended. */
  readonly ended: Promise<SessionEnd>;
  /** What a stream does when its request has come; default nothing. */
  onEnd: (stream: LabStream) => void = () => {};
  /** What is done with a request besides. */
  onNew: (stream: LabStream) => void = () => {};
  #closed: (end: SessionEnd) => void = () => {};

  constructor(role: "client" | "server" = "server", limits: Partial<Http2Limits> = {}) {
    const [near, far] = duplexPair();
    this.ended = new Promise((resolve) => (this.#closed = resolve));
    this.socket = near;
    this.peer = new RawH2Peer(far);
    this.session = new Http2Session({
      role,
      socket: near,
      limits: { ...DEFAULT_HTTP2_LIMITS, ...limits },
      clock: this.clock,
      events: this,
    });
  }

  /** With a handshake behind it, whose frames are passed over. */
  static async server(limits: Partial<Http2Limits> = {}, ...entries: (readonly [number, number])[]): Promise<Http2Lab> {
    const lab = new Http2Lab("server", limits);
    lab.peer.write(PREFACE, settings(...entries), SETTINGS_ACK);
    await lab.peer.settled();
    return lab;
  }

  static async client(limits: Partial<Http2Limits> = {}, ...entries: (readonly [number, number])[]): Promise<Http2Lab> {
    const lab = new Http2Lab("client", limits);
    lab.peer.skip(PREFACE.length);
    lab.peer.write(settings(...entries), SETTINGS_ACK);
    await lab.peer.settled();
    return lab;
  }

  /** At a client: opens a stream with a request. */
  open(last = false): LabStream {
    const { session } = this;
    const events = new Relay();
    const stream = new LabStream(this, session.openStream(events));
    events.to = stream;
    this.streams.push(stream);
    let at = session.startHeaders(200);
    const fields = [":method", "POST", ":scheme", "http", ":path", "/"];
    for (let field = 0; field < fields.length; field += 2) {
      at = session.encoder.literal(session.output.slab, at, fields[field]!, fields[field + 1]!);
    }
    session.finishHeaders(stream.stream, at, last);
    return stream;
  }

  /** Lets time pass as its keeper sees it. */
  pass(ms: number): void {
    const STEP_MS = 500;
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.clock.advance(Math.min(STEP_MS, left));
      this.session.check(this.clock.now());
    }
  }

  /** Waits until the session is closed, letting time pass; returns what the peer was told. */
  async over(): Promise<string> {
    for (;;) {
      const end = await Promise.race([
        this.ended,
        new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
      ]);
      if (end !== undefined) break;
      this.pass(100);
    }
    return this.peer.closed;
  }

  onRequest(stream: Http2Stream, fields: string[], last: boolean): StreamEvents {
    const entry = new LabStream(this, stream);
    entry.onHeaders(fields, last);
    this.streams.push(entry);
    this.onNew(entry);
    return entry;
  }

  onSettings(): void {
    this.events.push("settings");
  }

  onStreamEnded(): void {}

  onLeaving(): void {}

  onGoaway(code: number, reason: string): void {
    this.events.push(`goaway ${errorName(code)}: ${reason}`);
  }

  onPing(): void {
    this.events.push("ping");
  }

  onClosed(end: SessionEnd): void {
    this.#closed(end);
  }
}

/** Stands for a stream's events until the stream is known. */
class Relay implements StreamEvents {
  to: StreamEvents | undefined;

  onHeaders(fields: string[], last: boolean): void {
    this.to?.onHeaders(fields, last);
  }

  onData(chunk: Buffer, start: number, end: number): void {
    this.to?.onData(chunk, start, end);
  }

  onEnd(): void {
    this.to?.onEnd();
  }

  onDrain(): void {
    this.to?.onDrain();
  }

  onReset(code: number, reason: string, processed: boolean): void {
    this.to?.onReset(code, reason, processed);
  }
}
