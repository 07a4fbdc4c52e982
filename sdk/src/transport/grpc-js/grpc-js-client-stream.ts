/** A client's stream over a grpc-js call: messages go and come one at a time, as grpc-js wants them. */
import { keptBytes } from "../kept-bytes.ts";
import type { ClientStream, MessageEncoding, StreamReceiver } from "../transport.ts";
import { asBuffer, fromGrpc } from "./grpc-js-metadata.ts";
import { type GrpcCall, type GrpcListener, type GrpcStatus, outcomeOf } from "./grpc-js-outcome.ts";

/** What may wait to be written before a stream's sender is asked to wait too. */
const SEND_HIGH_WATER_BYTES = 64 * 1024;
const SEND_HIGH_WATER_MESSAGES = 16;

/** gRPC core's GRPC_WRITE_NO_COMPRESS, which the index of grpc-js does not name. */
const NO_COMPRESS = 2;

export class StreamListener implements GrpcListener {
  readonly #receiver: StreamReceiver;
  readonly #stream: GrpcJsClientStream;
  #answered = false;
  #receivedBytes = 0;

  constructor(receiver: StreamReceiver, stream: GrpcJsClientStream) {
    this.#receiver = receiver;
    this.#stream = stream;
  }

  onReceiveMetadata(metadata: Parameters<GrpcListener["onReceiveMetadata"]>[0]): void {
    this.#answered = true;
    this.#receiver.onHeaders(fromGrpc(metadata));
  }

  onReceiveMessage(message: Uint8Array): void {
    this.#receivedBytes += message.byteLength;
    this.#receiver.onMessage(message);
    this.#stream.received();
  }

  onReceiveStatus(status: GrpcStatus): void {
    const { sentBytes } = this.#stream;
    this.#receiver.onDone(outcomeOf(status, this.#answered, sentBytes, this.#receivedBytes));
  }
}

/**
 * grpc-js filters messages asynchronously and loses their order against the half-close, so each waits for the one before
 * it to be written.
 */
export class GrpcJsClientStream implements ClientStream {
  readonly #call: GrpcCall;
  readonly #receiver: StreamReceiver;
  readonly #waiting: { readonly body: Uint8Array; readonly flags: number }[] = [];
  sentBytes = 0;
  #waitingBytes = 0;
  #writing = false;
  #ending = false;
  #full = false;
  #wanted = 0;
  #reading = false;

  constructor(call: GrpcCall, receiver: StreamReceiver) {
    this.#call = call;
    this.#receiver = receiver;
  }

  send(body: Uint8Array, encoding?: MessageEncoding): boolean {
    const flags = encoding === "identity" ? NO_COMPRESS : 0;
    const kept = keptBytes(body);
    if (!this.#writing) {
      this.#write(kept, flags);
      return true;
    }
    this.#waiting.push({ body: kept, flags });
    this.#waitingBytes += body.byteLength;
    this.#full = this.#waiting.length >= SEND_HIGH_WATER_MESSAGES || this.#waitingBytes > SEND_HIGH_WATER_BYTES;
    return !this.#full;
  }

  end(): void {
    this.#ending = true;
    if (!this.#writing) this.#call.halfClose();
  }

  request(): void {
    this.#wanted++;
    this.#read();
  }

  /** A message has come for the request that grpc-js was told of. */
  received(): void {
    this.#wanted--;
    this.#reading = false;
    this.#read();
  }

  cancel(status: number, reason: string): void {
    this.#call.cancelWithStatus(status, reason);
  }

  /** grpc-js forgets all but one of several requests, so it is told of one at a time. */
  #read(): void {
    if (this.#reading || this.#wanted === 0) return;
    this.#reading = true;
    this.#call.startRead();
  }

  #write(body: Uint8Array, flags: number): void {
    this.#writing = true;
    this.sentBytes += body.byteLength;
    this.#call.sendMessageWithContext({ callback: () => this.#written(), flags }, asBuffer(body));
  }

  #written(): void {
    this.#writing = false;
    const next = this.#waiting.shift();
    if (next === undefined) {
      if (this.#ending) this.#call.halfClose();
    } else {
      this.#waitingBytes -= next.body.byteLength;
      this.#write(next.body, next.flags);
    }
    if (this.#full && this.#waiting.length === 0) {
      this.#full = false;
      this.#receiver.onDrain();
    }
  }
}
