/**
 * The messages of a stream as they are asked for. What nobody has asked for stays as it came, without its credit given
 * back, so that HTTP/2's window holds the sender (RFC 9113, section 5.2).
 */
import { STATUS_NUMBERS } from "../../call/status.ts";
import { inflate } from "../grpc/compression.ts";
import { MessageReader, type MessageSink } from "../grpc/message-reader.ts";
import { HeldBytes } from "../http2/held-bytes.ts";
import type { Http2Session } from "../http2/http2-session.ts";
import type { Http2Stream } from "../http2/http2-stream.ts";

/** Takes what an intake makes of the bytes. */
export interface MessageTaker {
  onIntakeMessage(body: Uint8Array): void;
  /** The peer has ended its half, and every message was taken. */
  onIntakeEnd(): void;
  /** What came is no message that may be received; nothing else comes. */
  onIntakeBroken(status: number, reason: string): void;
}

export class MessageIntake implements MessageSink {
  /** Bytes of messages as they came. */
  receivedBytes = 0;
  /** How the peer says it compresses. */
  encoding = "identity";
  readonly #session: Http2Session;
  readonly #stream: Http2Stream;
  readonly #taker: MessageTaker;
  readonly #maxBytes: number;
  readonly #reader: MessageReader;
  readonly #held = new HeldBytes();
  #wanted = 0;
  #reading = false;
  #inflating = false;
  #ended = false;
  #over = false;

  constructor(session: Http2Session, stream: Http2Stream, taker: MessageTaker, maxBytes: number) {
    this.#session = session;
    this.#stream = stream;
    this.#taker = taker;
    this.#maxBytes = maxBytes;
    this.#reader = new MessageReader(maxBytes);
  }

  data(chunk: Buffer, start: number, end: number): void {
    if (this.#over) return this.#session.consume(this.#stream, end - start);
    const at = this.#held.empty && this.#mayRead() ? this.#read(chunk, start, end) : start;
    if (at < end && !this.#over) this.#held.add(chunk, at, end);
    this.#settle();
  }

  /** Asks for more messages. */
  request(count: number): void {
    this.#wanted += count;
    if (!this.#reading) this.#resume();
  }

  /** The peer's half has ended. */
  end(): void {
    this.#ended = true;
    this.#settle();
  }

  /** Nothing more is given. */
  stop(): void {
    this.#over = true;
    this.#held.clear();
  }

  onMessage(body: Buffer, compressed: boolean, wireBytes: number): boolean {
    this.receivedBytes += wireBytes;
    this.#wanted--;
    if (compressed) this.#inflate(body);
    else this.#taker.onIntakeMessage(body);
    return this.#mayRead();
  }

  #mayRead(): boolean {
    return this.#wanted > 0 && !this.#inflating && !this.#over;
  }

  /** Returns where it stopped. */
  #read(chunk: Buffer, start: number, end: number): number {
    this.#reading = true;
    const at = this.#reader.push(chunk, start, end, this);
    this.#reading = false;
    if (at < 0) {
      this.#break(this.#reader.status, this.#reader.failure);
      return end;
    }
    this.#session.consume(this.#stream, at - start);
    return at;
  }

  #resume(): void {
    while (this.#mayRead()) {
      const piece = this.#held.take();
      if (piece === undefined) break;
      const at = this.#read(piece, 0, piece.length);
      if (at < piece.length && !this.#over) this.#held.putBack(piece.subarray(at));
    }
    this.#settle();
  }

  #inflate(body: Buffer): void {
    if (this.encoding === "identity") {
      // As doc/compression.md of gRPC has it.
      return this.#break(
        STATUS_NUMBERS.INTERNAL,
        "message is compressed, but its call's headers name no grpc-encoding",
      );
    }
    this.#inflating = true;
    inflate(this.encoding, body, this.#maxBytes, (error, message) => {
      this.#inflating = false;
      if (this.#over) return;
      if (message === undefined) return this.#break(error?.status ?? STATUS_NUMBERS.INTERNAL, error?.reason ?? "");
      this.#taker.onIntakeMessage(message);
      if (!this.#reading) this.#resume();
    });
  }

  #settle(): void {
    if (!this.#ended || this.#over || this.#inflating || !this.#held.empty) return;
    if (this.#reader.pendingBytes > 0) {
      return this.#break(
        STATUS_NUMBERS.INTERNAL,
        `stream ended ${this.#reader.pendingBytes} bytes before the end of a message`,
      );
    }
    this.#over = true;
    this.#taker.onIntakeEnd();
  }

  #break(status: number, reason: string): void {
    this.stop();
    this.#taker.onIntakeBroken(status, reason);
  }
}
