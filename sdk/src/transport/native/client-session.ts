/** One connection to a server: how requests are written to it, and what its life means to calls. */
import type { Socket } from "node:net";
import type { Clock } from "../../call/clock.ts";
import { formatTimeout } from "../grpc/grpc-timeout.ts";
import { isSecret } from "../grpc/secret-keys.ts";
import { wireValue } from "../grpc/metadata-wire.ts";
import { maxFieldBytes } from "../http2/hpack/hpack-encoder.ts";
import { Http2Session, type SessionEnd, type SessionEvents } from "../http2/http2-session.ts";
import type { Http2Stream, StreamEvents } from "../http2/http2-stream.ts";
import type { Http2Limits } from "../http2/limits.ts";
import type { Writer } from "../http2/output.ts";
import { ERROR } from "../http2/protocol.ts";
import type { OutgoingCall } from "../transport.ts";
import { HeaderTemplate } from "./header-template.ts";
import { Keepalive } from "./keepalive.ts";
import { mustWait } from "./must-wait.ts";
import type { Kept } from "./upkeep.ts";

/** What a session tells whoever keeps it. */
export interface SessionOwner {
  sessionReady(session: ClientSession): void;
  /** A stream has ended: there may be room for a call that waits. */
  sessionRoom(session: ClientSession): void;
  /** It has had nothing to do for long. */
  sessionIdle(session: ClientSession): void;
  /** It takes no more calls. */
  sessionLeaving(session: ClientSession, code: number, reason: string): void;
  /** It was given up, or is done. */
  sessionLost(session: ClientSession, end: SessionEnd): void;
  sessionClosed(session: ClientSession, end: SessionEnd): void;
}

export interface ClientSessionOptions {
  readonly socket: Socket;
  readonly authority: string;
  readonly scheme: "http" | "https";
  readonly limits: Http2Limits;
  readonly clock: Clock;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly keepaliveWithoutCalls: boolean;
}

/** Carried by every call of the mesh under a key of its own: worth a place in the connection's table for its name. */
const RECURRING_NAME = "traceparent";
/** "grpc-timeout" with eight digits and a unit. */
const TIMEOUT_FIELD_BYTES = 32;
/** Paths whose blocks are kept for a connection; beyond, they are begun anew: somebody makes up paths. */
const MAX_PATHS = 1000;
/** How long a connection beside others may have nothing to do. */
const SPARE_IDLE_MS = 30_000;
const FIELD_OVERHEAD_BYTES = 32;
/** A header list counts up to so many times what its block may take. */
const LIST_PER_BLOCK = 3;
/** The list of the fields that every call has, but for its path and authority. */
const OWN_LIST_BYTES = 512;
const USER_AGENT = "meshwork/0.1.0";
const ACCEPTED_ENCODINGS = "identity,deflate,gzip";

export class ClientSession implements SessionEvents, Kept {
  readonly http2: Http2Session;
  readonly #owner: SessionOwner;
  readonly #options: ClientSessionOptions;
  readonly #keepalive: Keepalive;
  readonly #paths = new Map<string, HeaderTemplate>();
  readonly #rest: HeaderTemplate;
  readonly #compressed: HeaderTemplate;
  #traceNameSent = false;
  /** Since when it has had no stream. */
  #idleSince: number;

  constructor(owner: SessionOwner, options: ClientSessionOptions) {
    const { socket, limits, clock } = options;
    this.#owner = owner;
    this.#options = options;
    this.#idleSince = clock.now();
    this.#keepalive = new Keepalive(options.keepaliveMs, options.keepaliveTimeoutMs, this.#idleSince);
    this.http2 = new Http2Session({ role: "client", socket, limits, clock, events: this });
    const rest = ["te", "trailers", "content-type", "application/grpc", "user-agent", USER_AGENT];
    rest.push("grpc-accept-encoding", ACCEPTED_ENCODINGS);
    this.#rest = new HeaderTemplate(this.http2, rest);
    this.#compressed = new HeaderTemplate(this.http2, ["grpc-encoding", "gzip"]);
  }

  /** Whether a call may be sent now. */
  get hasRoom(): boolean {
    return this.http2.ready && this.http2.room > 0;
  }

  /** Opens a stream and sends a call's headers. undefined: they are longer than the server takes, and were not sent. */
  sendRequest(events: StreamEvents, call: OutgoingCall, now: number): Http2Stream | undefined {
    const { http2 } = this;
    const { encoder, output } = http2;
    const { metadata } = call;
    const path = this.#path(call.path);
    let most = path.maxBytes + TIMEOUT_FIELD_BYTES + this.#rest.maxBytes + this.#compressed.maxBytes;
    for (let pair = 0; pair < metadata.length; pair++) {
      most += maxFieldBytes(metadata.keyAt(pair), wireValue(metadata.valueAt(pair)));
    }
    // Most are far from it: they are only counted when they may be near.
    if (most * LIST_PER_BLOCK > http2.peer.maxHeaderListBytes && this.#tooLong(call)) return undefined;
    // The process must not end while a call is open, and may while none is.
    if (http2.streams === 0) this.#options.socket.ref();
    const stream = http2.openStream(events);
    let at = path.write(http2.startHeaders(most));
    // The timeout first of all that is not HTTP/2's, as PROTOCOL-HTTP2.md asks.
    if (call.deadline !== Infinity) {
      at = encoder.literal(output.slab, at, "grpc-timeout", formatTimeout(call.deadline - now));
    }
    at = this.#rest.write(at);
    if (call.encoding === "gzip") at = this.#compressed.write(at);
    for (let pair = 0; pair < metadata.length; pair++) {
      at = this.#field(at, metadata.keyAt(pair), wireValue(metadata.valueAt(pair)));
    }
    http2.finishHeaders(stream, at, false);
    return stream;
  }

  /** The most that the server takes of a call's headers, as HTTP/2 counts them. */
  get maxHeaderListBytes(): number {
    return this.http2.peer.maxHeaderListBytes;
  }

  /** Counts as SETTINGS_MAX_HEADER_LIST_SIZE does (RFC 9113, section 6.5.2). */
  #tooLong({ path, metadata }: OutgoingCall): boolean {
    let bytes = OWN_LIST_BYTES + path.length + this.#options.authority.length;
    for (let pair = 0; pair < metadata.length; pair++) {
      bytes += metadata.keyAt(pair).length + wireValue(metadata.valueAt(pair)).length + FIELD_OVERHEAD_BYTES;
    }
    return bytes > this.maxHeaderListBytes;
  }

  /** Whether who sends on the stream must wait for onDrain. */
  mustWait(stream: Http2Stream, writer: Writer): boolean {
    return mustWait(this.http2.output, stream, writer);
  }

  /** The call has its outcome; what is left of its stream goes, as its server has ended it or against its will. */
  endRequest(stream: Http2Stream, byServer: boolean): void {
    this.http2.reset(stream, byServer ? ERROR.NO_ERROR : ERROR.CANCEL);
  }

  check(now: number): void {
    const { http2 } = this;
    http2.check(now);
    if (!http2.ready) return;
    if (http2.idsUsedUp) {
      // After 2^30 calls only a new connection has more (RFC 9113, section 5.1.1).
      this.#owner.sessionLeaving(this, ERROR.NO_ERROR, "its stream ids are used up");
      http2.shutdown();
    }
    if (http2.streams > 0) this.#idleSince = now;
    else if (http2.open && now - this.#idleSince > SPARE_IDLE_MS) this.#owner.sessionIdle(this);
    if (http2.streams === 0 && !http2.open) return;
    const wanted = http2.streams > 0 || this.#options.keepaliveWithoutCalls;
    const next = this.#keepalive.next(now, http2.reads, wanted);
    if (next === "ping") http2.ping();
    else if (next === "dead") {
      http2.abort(
        ERROR.NO_ERROR,
        `peer did not answer a PING within ${this.#options.keepaliveTimeoutMs} ms`,
        "ETIMEDOUT",
      );
    }
  }

  onRequest(): StreamEvents {
    throw new Error("servers open no streams: push is off");
  }

  onSettings(): void {
    this.#owner.sessionReady(this);
  }

  onStreamEnded(): void {
    if (this.http2.streams === 0) this.#options.socket.unref();
    this.#owner.sessionRoom(this);
  }

  onGoaway(code: number, reason: string): void {
    this.#owner.sessionLeaving(this, code, reason);
  }

  onPing(): void {}

  onLeaving(end: SessionEnd): void {
    this.#owner.sessionLost(this, end);
  }

  onClosed(end: SessionEnd): void {
    this.#owner.sessionClosed(this, end);
  }

  #path(path: string): HeaderTemplate {
    let template = this.#paths.get(path);
    if (template === undefined) {
      if (this.#paths.size >= MAX_PATHS) this.#paths.clear();
      const { scheme, authority } = this.#options;
      const fields = [":method", "POST", ":scheme", scheme, ":path", path, ":authority", authority];
      template = new HeaderTemplate(this.http2, fields);
      this.#paths.set(path, template);
    }
    return template;
  }

  #field(at: number, key: string, value: string): number {
    const { encoder, output } = this.http2;
    if (isSecret(key)) return encoder.secret(output.slab, at, key, value);
    if (!this.#traceNameSent && key === RECURRING_NAME) {
      this.#traceNameSent = true;
      return encoder.recurring(output.slab, at, key, value);
    }
    return encoder.literal(output.slab, at, key, value);
  }
}
