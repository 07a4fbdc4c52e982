/**
 * What the peer may send (RFC 9113, sections 5.2 and 6.9). A stream's window opens as its bytes are consumed, so a slow
 * reader holds its sender back; the connection's opens as bytes come, so that one slow reader does not stop all, until
 * more is held than this side wants to keep.
 */
import type { Http2Stream } from "./http2-stream.ts";
import type { Http2Limits } from "./limits.ts";
import type { Output } from "./output.ts";
import { ConnectionError, DEFAULT_WINDOW_BYTES, ERROR, FRAME } from "./protocol.ts";

export class ReceiveCredit {
  /** What the peer may send on all streams together. */
  window = DEFAULT_WINDOW_BYTES;
  /** Bytes that have arrived and were not consumed, on all streams. */
  held = 0;
  /** Bytes of the connection's window that were not yet given back. */
  unreturned = 0;
  readonly #output: Output;
  readonly #limits: Http2Limits;

  constructor(output: Output, limits: Http2Limits) {
    this.#output = output;
    this.#limits = limits;
  }

  /** Opens the connection's window to what the limits say: it has no setting. */
  open(): void {
    this.unreturned = Math.max(0, this.#limits.connectionWindowBytes - DEFAULT_WINDOW_BYTES);
    if (this.unreturned > 0) this.#giveBack();
  }

  /** DATA has come, on whichever stream. Throws ConnectionError. */
  take(flowBytes: number): void {
    this.window -= flowBytes;
    if (this.window < 0) {
      throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, "more DATA was sent than the connection's window allows");
    }
  }

  /** Gives the connection's credit of what came back, once that is worth a frame. */
  returnToConnection(flowBytes: number): void {
    this.unreturned += flowBytes;
    if (this.unreturned < this.#limits.connectionWindowBytes / 2 || this.held > this.#limits.maxHeldBytes) return;
    this.#giveBack();
  }

  /** The stream keeps bytes that came. */
  hold(stream: Http2Stream, bytes: number): void {
    stream.held += bytes;
    this.held += bytes;
  }

  /** Bytes that the stream kept were consumed. */
  consume(stream: Http2Stream, bytes: number): void {
    // Of a stream that is over nothing is held any more.
    if (stream.held < bytes) return;
    stream.held -= bytes;
    const wasFull = this.held > this.#limits.maxHeldBytes;
    this.held -= bytes;
    this.returnToStream(stream, bytes);
    if (wasFull && this.held <= this.#limits.maxHeldBytes) this.returnToConnection(0);
  }

  returnToStream(stream: Http2Stream, bytes: number): void {
    stream.unreturned += bytes;
    if (stream.remoteDone || stream.unreturned < this.#limits.streamWindowBytes / 2) return;
    this.#output.word(FRAME.WINDOW_UPDATE, stream.id, stream.unreturned);
    stream.receiveWindow += stream.unreturned;
    stream.unreturned = 0;
  }

  /** The stream is over: what it kept is nobody's. */
  drop(stream: Http2Stream): void {
    if (stream.held === 0) return;
    this.held -= stream.held;
    stream.held = 0;
    this.returnToConnection(0);
  }

  #giveBack(): void {
    this.#output.word(FRAME.WINDOW_UPDATE, 0, this.unreturned);
    this.window += this.unreturned;
    this.unreturned = 0;
  }
}
