/** A client's stream over a grpc-js call: messages go and come one at a time, as grpc-js wants them. */
import type { ClientStream, StreamReceiver } from "../transport.ts";
import { asBuffer, fromGrpc } from "./grpc-js-metadata.ts";
import { type GrpcCall, type GrpcListener, type GrpcStatus, outcomeOf } from "./grpc-js-outcome.ts";

/** What may wait to be written before a stream's sender is asked to wait too. */
const SEND_HIGH_WATER_BYTES = 64 * 1024;
const SEND_HIGH_WATER_MESSAGES = 16;

export class StreamListener implements GrpcListener {
  readonly #receiver: StreamReceiver;
  readonly #stream: GrpcJsClientStream;
  #answered = false;

  constructor(receiver: StreamReceiver, stream: GrpcJsClientStream) {
    this.#receiver = receiver;
    this.#stream = stream;
  }

  onReceiveMetadata(metadata: Parameters<GrpcListener["onReceiveMetadata"]>[0]): void {
    this.#answered = true;
    this.#receiver.onHeaders(fromGrpc(metadata));
  }

  onReceiveMessage(message: Uint8Array): void {
    this.#receiver.onMessage(message);
    this.#stream.received();
  }

  onReceiveStatus(status: GrpcStatus): void {
    this.#receiver.onDone(outcomeOf(status, this.#answered));
  }
}

/**
 * grpc-js filters messages asynchronously and loses their order against the half-close, so each waits for the one before
 * it to be written.
 */
export class GrpcJsClientStream implements ClientStream {
  readonly #call: GrpcCall;
  readonly #receiver: StreamReceiver;
  readonly #waiting: Uint8Array[] = [];
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

  send(body: Uint8Array): boolean {
    if (!this.#writing) {
      this.#write(body);
      return true;
    }
    this.#waiting.push(body);
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

  #write(body: Uint8Array): void {
    this.#writing = true;
    this.#call.sendMessageWithContext({ callback: () => this.#written() }, asBuffer(body));
  }

  #written(): void {
    this.#writing = false;
    const next = this.#waiting.shift();
    if (next === undefined) {
      if (this.#ending) this.#call.halfClose();
    } else {
      this.#waitingBytes -= next.byteLength;
      this.#write(next);
    }
    if (this.#full && this.#waiting.length === 0) {
      this.#full = false;
      this.#receiver.onDrain();
    }
  }
}
