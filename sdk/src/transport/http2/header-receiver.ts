/**
 * Header lists as they come (RFC 9113, sections 4.3, 6.2, 6.10 and 8): blocks are put together and decoded, whatever
 * becomes of their stream, since the table depends on them; then they are requests, responses or trailers.
 */
import type { Clock } from "../../call/clock.ts";
import { paddingOf } from "./frame-parser.ts";
import { HeaderBlock } from "./header-block.ts";
import { contentLength, regularFault, requestFault, responseFault } from "./header-fields.ts";
import { HpackDecoder } from "./hpack/hpack-decoder.ts";
import type { Http2Stream } from "./http2-stream.ts";
import type { Http2Limits } from "./limits.ts";
import type { PeerGuard } from "./peer-guard.ts";
import { ConnectionError, ERROR, FLAG, MAX_STREAM_ID } from "./protocol.ts";
import type { SendScheduler } from "./send-scheduler.ts";
import type { SessionEvents } from "./session-events.ts";
import type { SessionParts } from "./session-parts.ts";
import type { Streams } from "./streams.ts";

/** The first digit of an interim response's :status (RFC 9110, section 15.2). */
const INTERIM = "1".charCodeAt(0);
/** Of priorities, which say nothing any more (section 5.3.2) but have rules. */
const PRIORITY_BYTES = 5;

export class HeaderReceiver {
  readonly block: HeaderBlock;
  readonly #decoder: HpackDecoder;
  readonly #clock: Clock;
  readonly #client: boolean;
  readonly #limits: Http2Limits;
  readonly #events: SessionEvents;
  readonly #guard: PeerGuard;
  readonly #sender: SendScheduler;
  readonly #streams: Streams;

  constructor(parts: SessionParts, clock: Clock) {
    const { role, limits, events, guard, sender, streams } = parts;
    this.#clock = clock;
    this.#client = role === "client";
    this.#limits = limits;
    this.#events = events;
    this.#guard = guard;
    this.#sender = sender;
    this.#streams = streams;
    this.block = new HeaderBlock(limits);
    this.#decoder = new HpackDecoder(limits.headerTableBytes, {
      maxListBytes: limits.maxHeaderListBytes,
      maxFields: limits.maxHeaderFields,
    });
  }

  headersFrame(flags: number, id: number, payload: Buffer, start: number, end: number): void {
    let from = start;
    let to = end;
    if ((flags & FLAG.PADDED) !== 0) {
      to -= paddingOf(payload, from, to);
      from++;
    }
    if ((flags & FLAG.PRIORITY) !== 0) {
      if (to - from < PRIORITY_BYTES)
        throw new ConnectionError(ERROR.PROTOCOL_ERROR, "HEADERS is too short for its priority");
      dependsOnOther(id, payload, from);
      from += PRIORITY_BYTES;
    }
    if ((flags & FLAG.END_HEADERS) === 0) {
      this.#guard.payload(to - from);
      this.block.begin(id, flags, payload.subarray(from, to), this.#clock.now());
    } else {
      this.#headers(id, flags, payload, from, to);
    }
  }

  continuationFrame(flags: number, id: number, payload: Buffer, start: number, end: number): void {
    this.block.add(id, payload.subarray(start, end));
    if ((flags & FLAG.END_HEADERS) === 0) return this.#guard.payload(end - start);
    const first = this.block.flags;
    const block = this.block.complete();
    this.#headers(id, first, block, 0, block.length);
  }

  #headers(id: number, flags: number, block: Buffer, start: number, end: number): void {
    const fields = this.#decoder.decode(block, start, end);
    const last = (flags & FLAG.END_STREAM) !== 0;
    const streams = this.#streams;
    const stream = streams.open.get(id);
    if (stream !== undefined) this.#more(stream, fields, last);
    else if (this.#client || id % 2 === 0 || id <= streams.lastPeerId) streams.needsLeave("HEADERS", id);
    else if (!streams.ignoresNew) this.#request(id, fields, last);
  }

  #request(id: number, fields: string[], last: boolean): void {
    const streams = this.#streams;
    if (streams.full) return streams.refuse(id);
    const fault = this.#decoder.malformed || requestFault(fields);
    const stream = streams.accept(id);
    if (this.#decoder.overflowed) return this.#tooMany(stream);
    if (fault !== "") return streams.fail(stream, ERROR.PROTOCOL_ERROR, fault);
    stream.contentLeft = contentLength(fields);
    if (stream.contentLeft < -1 || (last && stream.contentLeft > 0)) return this.#wrongLength(stream);
    stream.headReceived = true;
    stream.events = this.#events.onRequest(stream, fields, last);
    if (last && streams.open.has(id)) streams.remoteEnded(stream);
  }

  /** Of a response, or trailers. */
  #more(stream: Http2Stream, fields: string[], last: boolean): void {
    const streams = this.#streams;
    if (stream.remoteDone) return streams.fail(stream, ERROR.STREAM_CLOSED, "HEADERS was sent after END_STREAM");
    if (this.#decoder.overflowed) return this.#tooMany(stream);
    const fault = this.#decoder.malformed || (stream.headReceived ? regularFault(fields, 0) : responseFault(fields));
    if (fault !== "") return streams.fail(stream, ERROR.PROTOCOL_ERROR, fault);
    if (stream.headReceived) {
      if (!last) return streams.fail(stream, ERROR.PROTOCOL_ERROR, "HEADERS of trailers lack END_STREAM");
    } else {
      if (fields[1]?.charCodeAt(0) === INTERIM) return this.#interim(stream, last);
      stream.headReceived = true;
      stream.contentLeft = contentLength(fields);
      if (stream.contentLeft < -1) return this.#wrongLength(stream);
    }
    if (last && stream.contentLeft > 0) return this.#wrongLength(stream);
    stream.events.onHeaders(fields, last);
    if (last && streams.open.has(stream.id)) streams.remoteEnded(stream);
  }

  /** An interim response ends nothing (section 8.1), and says nothing that is used here. */
  #interim(stream: Http2Stream, last: boolean): void {
    if (last) return this.#streams.fail(stream, ERROR.PROTOCOL_ERROR, "interim response has END_STREAM");
    this.#guard.control(this.#streams.opened, this.#sender.frames);
  }

  #wrongLength(stream: Http2Stream): void {
    this.#streams.fail(stream, ERROR.PROTOCOL_ERROR, "content is not as long as content-length says");
  }

  #tooMany(stream: Http2Stream): void {
    const { maxHeaderListBytes, maxHeaderFields } = this.#limits;
    const reason = `headers are longer than ${maxHeaderListBytes} bytes or more than ${maxHeaderFields} fields`;
    this.#streams.fail(stream, ERROR.ENHANCE_YOUR_CALM, reason);
  }
}

/** RFC 7540 has it in section 5.3.1; who breaks it today does so on purpose. Throws ConnectionError. */
export function dependsOnOther(id: number, payload: Buffer, at: number): void {
  if ((payload.readUInt32BE(at) & MAX_STREAM_ID) === id) {
    throw new ConnectionError(ERROR.PROTOCOL_ERROR, `stream ${id} depends on itself`);
  }
}
