/**
 * What the frames of the peer do (RFC 9113, sections 5 and 6). Every rule that a peer breaks is a ConnectionError or the
 * end of its stream; nothing else is thrown but by this side's own code.
 */
import type { ControlReceiver } from "./control-receiver.ts";
import type { FrameSink } from "./frame-parser.ts";
import { dependsOnOther, type HeaderReceiver } from "./header-receiver.ts";
import type { Http2Stream } from "./http2-stream.ts";
import type { PeerGuard } from "./peer-guard.ts";
import { ConnectionError, ERROR, errorName, FLAG, FRAME, MAX_WINDOW_BYTES } from "./protocol.ts";
import type { ReceiveCredit } from "./receive-credit.ts";
import type { SendScheduler } from "./send-scheduler.ts";
import type { SessionParts } from "./session-parts.ts";
import type { Streams } from "./streams.ts";

const PRIORITY_BYTES = 5;

export class FrameReceiver implements FrameSink {
  readonly #server: boolean;
  readonly #headers: HeaderReceiver;
  readonly #control: ControlReceiver;
  readonly #streams: Streams;
  readonly #credit: ReceiveCredit;
  readonly #guard: PeerGuard;
  readonly #sender: SendScheduler;

  constructor(parts: SessionParts, headers: HeaderReceiver, control: ControlReceiver) {
    this.#server = parts.role === "server";
    this.#headers = headers;
    this.#control = control;
    this.#streams = parts.streams;
    this.#credit = parts.credit;
    this.#guard = parts.guard;
    this.#sender = parts.sender;
  }

  onFrame(type: number, flags: number, id: number, payload: Buffer, start: number, end: number): void {
    if (!this.#control.settingsSeen && (type !== FRAME.SETTINGS || (flags & FLAG.ACK) !== 0)) {
      throw new ConnectionError(ERROR.PROTOCOL_ERROR, `peer's first frame is of type ${type}, not SETTINGS`);
    }
    if (this.#headers.block.id !== 0 && type !== FRAME.CONTINUATION) {
      throw new ConnectionError(ERROR.PROTOCOL_ERROR, `frame of type ${type} was sent within a header block`);
    }
    switch (type) {
      case FRAME.HEADERS:
        return this.#headers.headersFrame(flags, id, payload, start, end);
      case FRAME.CONTINUATION:
        return this.#headers.continuationFrame(flags, id, payload, start, end);
      case FRAME.RST_STREAM:
        return this.#reset(id, payload.readUInt32BE(start));
      case FRAME.WINDOW_UPDATE:
        return this.#windowUpdate(id, payload.readUInt32BE(start) & MAX_WINDOW_BYTES);
      case FRAME.SETTINGS:
        return this.#control.settingsFrame(flags, payload, start, end);
      case FRAME.PING:
        return this.#control.pingFrame(flags, payload, start, end);
      case FRAME.GOAWAY:
        return this.#control.goawayFrame(payload, start, end);
      case FRAME.PRIORITY:
        return this.#priority(id, payload, start, end);
      default:
        this.#guard.control(this.#streams.opened, this.#sender.frames);
    }
  }

  onData(id: number, flags: number, flowBytes: number, chunk: Buffer, start: number, end: number, last: boolean): void {
    if (!this.#control.settingsSeen)
      throw new ConnectionError(ERROR.PROTOCOL_ERROR, "peer's first frame is DATA, not SETTINGS");
    if (this.#headers.block.id !== 0)
      throw new ConnectionError(ERROR.PROTOCOL_ERROR, "DATA was sent within a header block");
    this.#credit.take(flowBytes);
    const ends = last && (flags & FLAG.END_STREAM) !== 0;
    if (!ends) this.#guard.payload(end - start);
    const stream = this.#streams.open.get(id);
    if (stream === undefined) this.#streams.needsLeave("DATA", id);
    else this.#data(stream, flowBytes, chunk, start, end, ends);
    this.#credit.returnToConnection(flowBytes);
  }

  #data(stream: Http2Stream, flowBytes: number, chunk: Buffer, start: number, end: number, ends: boolean): void {
    const streams = this.#streams;
    if (stream.remoteDone) return streams.fail(stream, ERROR.STREAM_CLOSED, "DATA was sent after END_STREAM");
    if (!stream.headReceived) return streams.fail(stream, ERROR.PROTOCOL_ERROR, "DATA was sent before headers");
    stream.receiveWindow -= flowBytes;
    if (stream.receiveWindow < 0) {
      return streams.fail(stream, ERROR.FLOW_CONTROL_ERROR, "more DATA was sent than the stream's window allows");
    }
    const bytes = end - start;
    if (stream.contentLeft >= 0) {
      stream.contentLeft -= bytes;
      if (stream.contentLeft < 0 || (ends && stream.contentLeft > 0)) {
        return streams.fail(stream, ERROR.PROTOCOL_ERROR, "content is not as long as content-length says");
      }
    }
    if (flowBytes > bytes) this.#credit.returnToStream(stream, flowBytes - bytes);
    if (bytes > 0) {
      this.#credit.hold(stream, bytes);
      stream.events.onData(chunk, start, end);
    }
    if (ends && streams.open.has(stream.id)) streams.remoteEnded(stream);
  }

  #reset(id: number, code: number): void {
    const streams = this.#streams;
    const stream = streams.open.get(id);
    if (stream === undefined) {
      streams.needsBegun("RST_STREAM", id);
      return this.#guard.lateReset(streams.opened);
    }
    if (this.#server) this.#guard.reset();
    streams.lost(stream, code, `peer reset the stream with ${errorName(code)}`, code !== ERROR.REFUSED_STREAM);
  }

  #windowUpdate(id: number, increment: number): void {
    this.#guard.windowUpdate(this.#streams.opened, this.#sender);
    if (id === 0) this.#openConnection(increment);
    else this.#openStream(id, increment);
    this.#sender.pump();
  }

  #openConnection(increment: number): void {
    if (increment === 0) throw new ConnectionError(ERROR.PROTOCOL_ERROR, "WINDOW_UPDATE of 0 was sent");
    this.#sender.window += increment;
    if (this.#sender.window > MAX_WINDOW_BYTES) {
      throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, "connection's window grew above 2^31-1");
    }
  }

  #openStream(id: number, increment: number): void {
    const streams = this.#streams;
    const stream = streams.open.get(id);
    if (stream === undefined) return streams.needsBegun("WINDOW_UPDATE", id);
    if (increment === 0) return streams.fail(stream, ERROR.PROTOCOL_ERROR, "WINDOW_UPDATE of 0 was sent");
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW_BYTES) {
      return streams.fail(stream, ERROR.FLOW_CONTROL_ERROR, "stream's window grew above 2^31-1");
    }
    this.#sender.wake(stream);
  }

  /** Priorities are ignored (section 5.3.2), but have rules. */
  #priority(id: number, payload: Buffer, start: number, end: number): void {
    this.#guard.control(this.#streams.opened, this.#sender.frames);
    if (end - start === PRIORITY_BYTES) return dependsOnOther(id, payload, start);
    const stream = this.#streams.open.get(id);
    if (stream === undefined) throw new ConnectionError(ERROR.FRAME_SIZE_ERROR, "PRIORITY is not 5 bytes long");
    this.#streams.fail(stream, ERROR.FRAME_SIZE_ERROR, "PRIORITY is not 5 bytes long");
  }
}
