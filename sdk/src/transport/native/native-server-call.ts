/** One call at its server, of any kind, from its headers to its status. */
import { Cancellation } from "../../call/cancellation.ts";
import { MeshError } from "../../call/mesh-error.ts";
import { Metadata } from "../../call/metadata.ts";
import { STATUS_NUMBERS } from "../../call/status.ts";
import { gzip } from "../grpc/compression.ts";
import { parseTimeout } from "../grpc/grpc-timeout.ts";
import { readMetadata, wireValue } from "../grpc/metadata-wire.ts";
import { encodeStatusMessage } from "../grpc/status-message.ts";
import { maxFieldBytes } from "../http2/hpack/hpack-encoder.ts";
import type { Http2Stream, StreamEvents } from "../http2/http2-stream.ts";
import { ERROR } from "../http2/protocol.ts";
import type {
  IncomingCall,
  MessageEncoding,
  ServerMethod,
  ServerStatus,
  ServerStream,
  ServerStreamReceiver,
} from "../transport.ts";
import { type Expiring, NO_SLOT } from "./deadline-wheel.ts";
import { MessageIntake, type MessageTaker } from "./message-intake.ts";
import { mustWait } from "./must-wait.ts";
import { messagePrefix, wholeMessage } from "./message-prefix.ts";
import { tooLong } from "./native-client-call.ts";
import type { ServerSession } from "./server-session.ts";

/** The caller's own deadline began to count before the call left, so its cancellation comes a little before ours. */
const DEADLINE_SLACK_MS = 10;
/** "grpc-status" with two digits. */
const STATUS_FIELD_BYTES = 32;
/** A longer grpc-message is cut: it must fit into what peers take of headers. */
const MAX_STATUS_MESSAGE_BYTES = 4096;
const UNSUPPORTED_MEDIA_TYPE = "415";

export class NativeServerCall implements IncomingCall, ServerStream, StreamEvents, MessageTaker, Expiring {
  path = "";
  metadata: Metadata = NO_METADATA;
  deadline = Infinity;
  readonly receivedAt: number;
  readonly cancellation = new Cancellation();
  sentBytes = 0;
  wheelSlot = NO_SLOT;
  wheelBefore: Expiring | undefined = undefined;
  wheelAfter: Expiring | undefined = undefined;
  readonly #session: ServerSession;
  readonly #stream: Http2Stream;
  #method: ServerMethod | undefined;
  #receiver: ServerStreamReceiver | undefined;
  #intake: MessageIntake | undefined;
  #requestEncoding = "identity";
  #acceptsGzip = false;
  #encoding: MessageEncoding = "identity";
  #announced = false;
  /** Of a unary call: its one message. */
  #body: Uint8Array | undefined;
  #receivedBytes = 0;
  #wanted = 0;
  #full = false;
  #headersSent = false;
  /** Somebody will finish it: a unary call's handler hears of it when the message is there. */
  #handled = false;
  /** Its handler has finished it. */
  #finished = false;
  /** Its stream is no more. */
  #gone = false;
  /** Sent once what is queued has gone. */
  #status: ServerStatus | undefined;

  constructor(session: ServerSession, stream: Http2Stream) {
    this.#session = session;
    this.#stream = stream;
    this.receivedAt = session.options.clock.now();
  }

  get peer(): string {
    return this.#session.peer;
  }

  get receivedBytes(): number {
    return this.#intake?.receivedBytes ?? this.#receivedBytes;
  }

  get encoding(): MessageEncoding {
    return this.#encoding;
  }

  set encoding(encoding: MessageEncoding) {
    this.#encoding = encoding;
    if (encoding === "gzip" && this.#acceptsGzip && !this.#headersSent) this.#announced = true;
  }

  /** Reads the request's headers and finds who serves it. */
  begin(fields: string[]): void {
    const { dispatch, unknown, environment } = this.#session.options;
    const fault = this.#head(fields);
    if (fault !== "") return this.#refuse(fault);
    this.metadata = readMetadata(fields);
    environment.wheel.add(this);
    const method = dispatch.get(this.path) ?? unknown;
    this.#method = method;
    if (method === undefined) {
      const reason = `server does not implement the method ${this.path}`;
      this.finish({ status: STATUS_NUMBERS.UNIMPLEMENTED, reason, trailers: NO_METADATA });
    } else if (method.kind === "stream") {
      this.#handled = true;
      this.#receiver = method.handle(this, this);
    }
  }

  sendHeaders(headers: Metadata): void {
    if (this.#headersSent || this.#finished || this.#gone) return;
    this.#writeHead(headers);
  }

  send(message: Uint8Array): boolean {
    if (this.#finished || this.#gone) return true;
    const { maxSendMessageBytes } = this.#session.options.limits;
    if (message.length > maxSendMessageBytes) {
      const reason = tooLong(message.length, maxSendMessageBytes);
      this.#cancel(new MeshError("RESOURCE_EXHAUSTED", reason));
      this.finish({ status: STATUS_NUMBERS.RESOURCE_EXHAUSTED, reason, trailers: NO_METADATA });
      return true;
    }
    if (!this.#headersSent) this.#writeHead(NO_METADATA);
    this.#put(message);
    this.#full = mustWait(this.#session.http2.output, this.#stream, this);
    return !this.#full;
  }

  request(): void {
    if (this.#intake === undefined) this.#wanted++;
    else this.#intake.request(1);
  }

  /** Ends a unary call. */
  respond(status: ServerStatus, body: Uint8Array | undefined): void {
    if (body !== undefined && status.status === STATUS_NUMBERS.OK) this.send(body);
    this.finish(status);
  }

  finish(status: ServerStatus): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#intake?.stop();
    this.#session.callEnded(this);
    if (this.#gone) return this.#session.http2.workEnded();
    if (this.#stream.queuedBytes > 0) this.#status = status;
    else this.#writeStatus(status);
  }

  expire(): void {
    const allowedMs = Math.round(this.deadline - this.receivedAt);
    this.#cancel(new MeshError("DEADLINE_EXCEEDED", `call took longer than the ${allowedMs} ms its caller had left`));
  }

  workGoesOn(): void {
    this.#session.http2.workGoesOn();
  }

  workEnded(): void {
    this.#session.http2.workEnded();
  }

  /** Ends it because the server does. */
  stop(reason: MeshError): void {
    this.#cancel(reason);
  }

  onHeaders(): void {
    // A client has no trailers in gRPC; what HTTP/2 allows is passed over.
  }

  onData(chunk: Buffer, start: number, end: number): void {
    const { http2, options } = this.#session;
    if (this.#finished) return http2.consume(this.#stream, end - start);
    if (this.#method?.kind === "unary" && this.#intake === undefined && this.#body === undefined) {
      this.#body = wholeMessage(chunk, start, end, options.limits.maxReceiveMessageBytes);
      if (this.#body !== undefined) {
        this.#receivedBytes = this.#body.length;
        http2.consume(this.#stream, end - start);
        return;
      }
    }
    this.#openIntake().data(chunk, start, end);
  }

  onEnd(): void {
    if (this.#finished) return;
    if (this.#method?.kind === "unary" && this.#intake === undefined) this.onIntakeEnd();
    else this.#openIntake().end();
  }

  onDrain(): void {
    const status = this.#status;
    if (status !== undefined && this.#stream.queuedBytes === 0 && !this.#gone) {
      this.#status = undefined;
      return this.#writeStatus(status);
    }
    if (!this.#full) return;
    this.#full = false;
    this.#receiver?.onDrain();
  }

  onReset(): void {
    this.#gone = true;
    if (this.#finished) return;
    // What its handler still does counts, or a client could have any amount of it done (CVE-2023-39325).
    this.#session.http2.workGoesOn();
    this.#cancel(this.#cancelReason());
  }

  onIntakeMessage(body: Uint8Array): void {
    if (this.#method?.kind === "stream") this.#receiver?.onMessage(body);
    else if (this.#body === undefined) this.#body = body;
    else this.onIntakeBroken(STATUS_NUMBERS.INTERNAL, "caller sent more than one request message");
  }

  onIntakeEnd(): void {
    const method = this.#method;
    if (this.#finished || method === undefined) return;
    if (method.kind === "stream") {
      this.#receiver?.onHalfClose();
      return;
    }
    const body = this.#body;
    if (body === undefined) return this.onIntakeBroken(STATUS_NUMBERS.INTERNAL, "caller sent no request");
    this.#handled = true;
    method.handle(this, body, (status, response) => this.respond(status, response));
  }

  onIntakeBroken(status: number, reason: string): void {
    this.finish({ status, reason, trailers: NO_METADATA });
    this.#cancel(new MeshError("CANCELLED", reason));
  }

  /** Why the request is none of gRPC's, as an HTTP status; or "". */
  #head(fields: readonly string[]): string {
    let grpc = false;
    for (let at = 0; at < fields.length; at += 2) {
      const value = fields[at + 1] ?? "";
      switch (fields[at] ?? "") {
        case ":path":
          this.path = value;
          break;
        case ":method":
          if (value !== "POST") return "405";
          break;
        case "content-type":
          grpc = value.startsWith("application/grpc");
          break;
        case "grpc-timeout":
          this.#setTimeout(value);
          break;
        case "grpc-encoding":
          this.#requestEncoding = value;
          break;
        case "grpc-accept-encoding":
          this.#acceptsGzip = value.includes("gzip");
          break;
        default:
      }
    }
    return grpc ? "" : UNSUPPORTED_MEDIA_TYPE;
  }

  #setTimeout(text: string): void {
    const timeoutMs = parseTimeout(text);
    // What cannot be read says nothing; the caller still has its own deadline.
    if (timeoutMs !== undefined) this.deadline = this.receivedAt + timeoutMs;
  }

  #openIntake(): MessageIntake {
    if (this.#intake === undefined) {
      const { http2, options } = this.#session;
      this.#intake = new MessageIntake(http2, this.#stream, this, options.limits.maxReceiveMessageBytes);
      this.#intake.encoding = this.#requestEncoding;
      this.#intake.request(this.#method?.kind === "stream" ? this.#wanted : Infinity);
    }
    return this.#intake;
  }

  #put(message: Uint8Array): void {
    const compressed = this.#announced && this.#encoding === "gzip";
    const body = compressed ? gzip(message) : message;
    this.sentBytes += body.length;
    this.#session.http2.send(this.#stream, messagePrefix(compressed ? 1 : 0, body.length), body, false);
    this.#session.sent();
  }

  #writeHead(headers: Metadata): void {
    this.#headersSent = true;
    const { http2, responseHead, compressedHead } = this.#session;
    let at = responseHead.write(http2.startHeaders(responseHead.maxBytes + compressedHead.maxBytes + bytesOf(headers)));
    if (this.#announced) at = compressedHead.write(at);
    http2.finishHeaders(this.#stream, this.#writeMetadata(at, headers), false);
  }

  #writeStatus({ status, reason, trailers }: ServerStatus): void {
    const { http2, responseHead, okTrailers } = this.#session;
    const message = reason === "" ? "" : encodeStatusMessage(reason, MAX_STATUS_MESSAGE_BYTES);
    const most =
      responseHead.maxBytes + STATUS_FIELD_BYTES + maxFieldBytes("grpc-message", message) + bytesOf(trailers);
    let at = http2.startHeaders(most);
    if (!this.#headersSent) at = responseHead.write(at);
    if (status === STATUS_NUMBERS.OK) at = okTrailers.write(at);
    else at = http2.encoder.literal(http2.output.slab, at, "grpc-status", String(status));
    if (message !== "") at = http2.encoder.literal(http2.output.slab, at, "grpc-message", message);
    http2.finishHeaders(this.#stream, this.#writeMetadata(at, trailers), true);
    this.#session.sent();
    // The caller need not send the rest (RFC 9113, section 8.1).
    if (!this.#stream.remoteDone) http2.reset(this.#stream, ERROR.NO_ERROR);
  }

  #writeMetadata(from: number, metadata: Metadata): number {
    const { encoder, output } = this.#session.http2;
    let at = from;
    for (let pair = 0; pair < metadata.length; pair++) {
      at = encoder.literal(output.slab, at, metadata.keyAt(pair), wireValue(metadata.valueAt(pair)));
    }
    return at;
  }

  /** Answers in HTTP what is not gRPC. */
  #refuse(httpStatus: string): void {
    this.#finished = true;
    this.#session.callEnded(this);
    const { http2 } = this.#session;
    const at = http2.startHeaders(maxFieldBytes(":status", httpStatus));
    http2.finishHeaders(this.#stream, http2.encoder.literal(http2.output.slab, at, ":status", httpStatus), true);
    if (!this.#stream.remoteDone) http2.reset(this.#stream, ERROR.NO_ERROR);
  }

  #cancel(reason: MeshError): void {
    this.cancellation.cancel(reason);
    if (!this.#handled) this.finish({ status: reason.status, reason: reason.reason, trailers: NO_METADATA });
  }

  #cancelReason(): MeshError {
    if (this.#session.options.clock.now() >= this.deadline - DEADLINE_SLACK_MS) {
      const allowedMs = Math.round(this.deadline - this.receivedAt);
      return new MeshError("DEADLINE_EXCEEDED", `call took longer than the ${allowedMs} ms its caller had left`);
    }
    return new MeshError("CANCELLED", `caller ${this.peer} cancelled the call or is gone`);
  }
}

function bytesOf(metadata: Metadata): number {
  let bytes = 0;
  for (let pair = 0; pair < metadata.length; pair++) {
    bytes += maxFieldBytes(metadata.keyAt(pair), wireValue(metadata.valueAt(pair)));
  }
  return bytes;
}

const NO_METADATA = new Metadata();
