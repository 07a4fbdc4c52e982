/**
 * One call at its client, of any kind, from its headers to its one outcome. It may have to wait for a session; what is
 * sent meanwhile waits with it.
 */
import { Metadata } from "../../call/metadata.ts";
import { STATUS_NUMBERS } from "../../call/status.ts";
import { gzip } from "../grpc/compression.ts";
import { statusOfHttp, statusOfReset } from "../grpc/http-status.ts";
import { readMetadata } from "../grpc/metadata-wire.ts";
import { decodeStatusMessage } from "../grpc/status-message.ts";
import { CONNECTION_LOST, type Http2Stream, type StreamEvents } from "../http2/http2-stream.ts";
import { ERROR } from "../http2/protocol.ts";
import {
  COPIED_MESSAGE_BYTES,
  type CallOutcome,
  type ClientStream,
  type MessageEncoding,
  type OutgoingCall,
  type StreamReceiver,
  type UnaryReceiver,
} from "../transport.ts";
import type { ClientSession } from "./client-session.ts";
import { type Expiring, NO_SLOT } from "./deadline-wheel.ts";
import { MessageIntake, type MessageTaker } from "./message-intake.ts";
import { SEND_HIGH_WATER_BYTES } from "./must-wait.ts";
import { messagePrefix, wholeMessage } from "./message-prefix.ts";

/** The connection that a call belongs to. */
export interface CallOwner {
  readonly maxReceiveMessageBytes: number;
  readonly maxSendMessageBytes: number;
  now(): number;
  /** The call is over: called once, before its receiver hears of it. */
  callEnded(call: NativeClientCall): void;
}

/** What waits for a session: the message with its prefix's flag. */
interface Waiting {
  readonly compressed: number;
  readonly body: Uint8Array;
}

export class NativeClientCall implements ClientStream, StreamEvents, MessageTaker, Expiring {
  readonly call: OutgoingCall;
  readonly deadline: number;
  wheelSlot = NO_SLOT;
  wheelBefore: Expiring | undefined = undefined;
  wheelAfter: Expiring | undefined = undefined;
  /** Where it is in the line of those that wait for a session. */
  waits = false;
  readonly #owner: CallOwner;
  readonly #unary: UnaryReceiver | undefined;
  readonly #receiver: StreamReceiver | undefined;
  #session: ClientSession | undefined;
  #stream: Http2Stream | undefined;
  #intake: MessageIntake | undefined;
  /** How the server says it compresses. */
  #encoding = "identity";
  #answered = false;
  #over = false;
  /** What was sent before there was a session. */
  #waiting: Waiting[] | undefined;
  #halfClosed = false;
  #full = false;
  #wanted = 0;
  /** Of a unary call: its one message. */
  #body: Uint8Array | undefined;
  #sentBytes = 0;
  #receivedBytes = 0;
  /** How it ended, while messages are still to be taken. */
  #outcome: CallOutcome | undefined;

  constructor(
    owner: CallOwner,
    call: OutgoingCall,
    unary: UnaryReceiver | undefined,
    receiver: StreamReceiver | undefined,
  ) {
    this.#owner = owner;
    this.call = call;
    this.deadline = call.deadline;
    this.#unary = unary;
    this.#receiver = receiver;
  }

  /** Whether it has had its outcome. */
  get over(): boolean {
    return this.#over;
  }

  /** Sends it on a session: a unary call with its message, a stream with what has waited. */
  start(session: ClientSession, message: Uint8Array | undefined): void {
    this.#session = session;
    this.#stream = session.sendRequest(this, this.call, this.#owner.now());
    if (this.#stream === undefined) {
      const reason = `headers of the call are longer than the ${session.maxHeaderListBytes} bytes that the server takes`;
      return this.#finish(STATUS_NUMBERS.RESOURCE_EXHAUSTED, reason, false);
    }
    if (message !== undefined) {
      this.#halfClosed = true;
      this.#write(this.call.encoding, message);
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) {
      waiting.forEach(({ compressed, body }, at) =>
        this.#put(compressed, body, this.#halfClosed && at === waiting.length - 1),
      );
      if (this.#full) this.#receiver?.onDrain();
    }
    if (this.#halfClosed && (waiting?.length ?? 0) === 0) session.http2.end(this.#stream);
  }

  /** Keeps a message until there is a session; its memory stays its owner's. */
  keep(encoding: MessageEncoding, message: Uint8Array): void {
    const gzipped = encoding === "gzip";
    const body = gzipped ? gzip(message) : message;
    (this.#waiting ??= []).push({
      compressed: gzipped ? 1 : 0,
      body: body === message && body.length <= COPIED_MESSAGE_BYTES ? Uint8Array.prototype.slice.call(body) : body,
    });
  }

  send(message: Uint8Array, encoding: MessageEncoding = this.call.encoding): boolean {
    if (this.#over || this.#halfClosed) return true;
    const { maxSendMessageBytes } = this.#owner;
    if (message.length > maxSendMessageBytes) {
      this.#finish(
        STATUS_NUMBERS.RESOURCE_EXHAUSTED,
        tooLong(message.length, maxSendMessageBytes),
        this.#stream !== undefined,
      );
      return true;
    }
    if (this.#stream === undefined) {
      this.keep(encoding, message);
      this.#full = (this.#waiting ?? []).reduce((sum, { body }) => sum + body.length, 0) > SEND_HIGH_WATER_BYTES;
      return !this.#full;
    }
    this.#write(encoding, message);
    this.#full = this.#session?.mustWait(this.#stream, this) === true;
    return !this.#full;
  }

  end(): void {
    if (this.#over || this.#halfClosed) return;
    this.#halfClosed = true;
    if (this.#stream !== undefined) this.#session?.http2.end(this.#stream);
  }

  request(): void {
    if (this.#intake === undefined) this.#wanted++;
    else this.#intake.request(1);
  }

  cancel(status: number, reason: string): void {
    this.#finish(status, reason, this.#stream !== undefined);
  }

  expire(): void {
    this.#finish(STATUS_NUMBERS.DEADLINE_EXCEEDED, "deadline passed", this.#stream !== undefined);
  }

  /** It never left: no session could be had. */
  failUnsent(reason: string): void {
    this.#finish(STATUS_NUMBERS.UNAVAILABLE, reason, false);
  }

  onHeaders(fields: string[], last: boolean): void {
    if (this.#over) return;
    if (last) return this.#trailers(fields);
    const fault = this.#head(fields);
    if (fault !== undefined) return this.#finish(fault.status, fault.reason, true);
    this.#answered = true;
    const headers = readMetadata(fields);
    if (this.#unary !== undefined) this.#unary.onHeaders(headers);
    else this.#receiver?.onHeaders(headers);
  }

  onData(chunk: Buffer, start: number, end: number): void {
    const session = this.#session;
    const stream = this.#stream;
    if (session === undefined || stream === undefined) return;
    if (this.#unary !== undefined && this.#intake === undefined && this.#body === undefined) {
      this.#body = wholeMessage(chunk, start, end, this.#owner.maxReceiveMessageBytes);
      if (this.#body !== undefined) {
        this.#receivedBytes = this.#body.length;
        session.http2.consume(stream, end - start);
        return;
      }
    }
    this.#openIntake(session, stream).data(chunk, start, end);
  }

  onEnd(): void {
    // DATA with END_STREAM: no trailers came.
    if (this.#outcome === undefined && !this.#over) {
      this.#outcome = this.#outcomeOf(
        STATUS_NUMBERS.INTERNAL,
        "server ended the call without a status",
        new Metadata(),
        true,
      );
    }
    if (this.#intake === undefined) this.onIntakeEnd();
    else this.#intake.end();
  }

  onDrain(): void {
    if (!this.#full || this.#over) return;
    this.#full = false;
    this.#receiver?.onDrain();
  }

  onReset(code: number, reason: string, processed: boolean): void {
    if (this.#over) return;
    // A server that has answered in full may say that it needs no more (RFC 9113, section 8.1).
    if (this.#outcome !== undefined && code === ERROR.NO_ERROR) return;
    const status = code === CONNECTION_LOST ? STATUS_NUMBERS.UNAVAILABLE : statusOfReset(code);
    const late = status === STATUS_NUMBERS.CANCELLED && this.#owner.now() >= this.deadline;
    // The server's own timer may be a little ahead of ours.
    if (late) this.#finish(STATUS_NUMBERS.DEADLINE_EXCEEDED, "deadline passed", true);
    else this.#finish(status, reason, processed || this.#answered);
  }

  onIntakeMessage(body: Uint8Array): void {
    if (this.#unary === undefined) this.#receiver?.onMessage(body);
    else if (this.#body === undefined) this.#body = body;
    else this.onIntakeBroken(STATUS_NUMBERS.INTERNAL, "server sent more than one response message");
  }

  onIntakeEnd(): void {
    const outcome = this.#outcome;
    if (outcome !== undefined) this.#done(outcome);
  }

  onIntakeBroken(status: number, reason: string): void {
    this.#finish(status, reason, true);
  }

  #openIntake(session: ClientSession, stream: Http2Stream): MessageIntake {
    if (this.#intake === undefined) {
      this.#intake = new MessageIntake(session.http2, stream, this, this.#owner.maxReceiveMessageBytes);
      this.#intake.encoding = this.#encoding;
      this.#intake.request(this.#unary === undefined ? this.#wanted : Infinity);
    }
    return this.#intake;
  }

  #write(encoding: MessageEncoding, message: Uint8Array): void {
    if (encoding === "gzip") this.#put(1, gzip(message), this.#unary !== undefined);
    else this.#put(0, message, this.#unary !== undefined);
  }

  #put(compressed: number, body: Uint8Array, last: boolean): void {
    if (this.#stream === undefined || this.#session === undefined) return;
    this.#sentBytes += body.length;
    this.#session.http2.send(this.#stream, messagePrefix(compressed, body.length), body, last);
  }

  /** Reads the response's own headers: undefined when they are gRPC's. */
  #head(fields: readonly string[]): { status: number; reason: string } | undefined {
    let http = 0;
    let grpc = false;
    for (let at = 0; at < fields.length; at += 2) {
      const value = fields[at + 1] ?? "";
      switch (fields[at] ?? "") {
        case ":status":
          http = value === "200" ? 200 : Number(value);
          break;
        case "content-type":
          grpc = value.startsWith("application/grpc");
          break;
        case "grpc-encoding":
          this.#encoding = value;
          break;
        default:
      }
    }
    if (http === 200 && grpc) return undefined;
    const status = http === 200 ? STATUS_NUMBERS.UNKNOWN : statusOfHttp(http);
    return {
      status,
      reason: `peer answered with HTTP status ${http}${grpc ? "" : " and not with gRPC's content-type"}: it is no gRPC server, or a proxy stands before it`,
    };
  }

  #trailers(fields: string[]): void {
    let status = -1;
    let reason = "";
    for (let at = 0; at < fields.length; at += 2) {
      if (fields[at] === "grpc-status") status = statusNumber(fields[at + 1] ?? "");
      else if (fields[at] === "grpc-message") reason = decodeStatusMessage(fields[at + 1] ?? "");
    }
    const trailers = readMetadata(fields);
    if (status < 0) {
      const fault = this.#answered ? undefined : this.#head(fields);
      status = fault?.status ?? STATUS_NUMBERS.UNKNOWN;
      reason = fault?.reason ?? "server ended the call without a grpc-status";
    }
    this.#outcome = this.#outcomeOf(status, reason, trailers, true);
  }

  #outcomeOf(status: number, reason: string, trailers: Metadata, processed: boolean): CallOutcome {
    return { status, reason, trailers, processed, sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes };
  }

  /** Ends it from this side, or because the peer or its connection did in the middle. */
  #finish(status: number, reason: string, processed: boolean): void {
    if (this.#over) return;
    this.#done(this.#outcomeOf(status, reason, new Metadata(), processed));
  }

  #done(ended: CallOutcome): void {
    if (this.#over) return;
    this.#over = true;
    const intake = this.#intake;
    if (intake !== undefined) {
      intake.stop();
      this.#receivedBytes = intake.receivedBytes;
    }
    if (this.#session !== undefined && this.#stream !== undefined)
      this.#session.endRequest(this.#stream, this.#outcome !== undefined);
    this.#owner.callEnded(this);
    const outcome = intake === undefined ? ended : { ...ended, receivedBytes: this.#receivedBytes };
    if (this.#unary === undefined) {
      this.#receiver?.onDone(outcome);
    } else if (outcome.status === STATUS_NUMBERS.OK && this.#body === undefined) {
      const reason = "server sent status OK without a response message";
      this.#unary.onDone({ ...outcome, status: STATUS_NUMBERS.INTERNAL, reason }, undefined);
    } else {
      this.#unary.onDone(outcome, outcome.status === STATUS_NUMBERS.OK ? this.#body : undefined);
    }
  }
}

export function tooLong(bytes: number, most: number): string {
  return `message of ${bytes} bytes is longer than the ${most} bytes that may be sent`;
}

/** A status of gRPC's; anything else is none. */
function statusNumber(text: string): number {
  return /^(?:\d|1[0-6])$/.test(text) ? Number(text) : STATUS_NUMBERS.UNKNOWN;
}
