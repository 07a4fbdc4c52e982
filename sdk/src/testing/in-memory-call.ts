/** One call in memory, both its ends: two lanes of messages between a client's stream and a server's method. */
import { Cancellation } from "../call/cancellation.ts";
import type { Clock, Timer } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import { Metadata } from "../call/metadata.ts";
import { type ErrorCode, STATUS_NUMBERS } from "../call/status.ts";
import type {
  CallOutcome,
  ClientStream,
  IncomingCall,
  MessageEncoding,
  OutgoingCall,
  ServerMethod,
  ServerStatus,
  ServerStream,
  ServerStreamReceiver,
  StreamReceiver,
  TransportLimits,
} from "../transport/transport.ts";
import { InMemoryLane, InMemoryPipe } from "./in-memory-lane.ts";

export interface InMemoryCallOptions {
  readonly clock: Clock;
  readonly call: OutgoingCall;
  readonly receiver: StreamReceiver;
  readonly peer: string;
  /** The client's; what the server may receive is the server's. */
  readonly limits: TransportLimits;
  delayMs(): number;
  /** The server's side when the call arrives; undefined when nobody listens any more. */
  arrive(): { readonly method: ServerMethod | undefined; readonly limits: TransportLimits } | undefined;
  /** Both ends are done. */
  over(call: InMemoryCall): void;
}

export class InMemoryCall implements ServerStream, IncomingCall {
  readonly path: string;
  readonly metadata: Metadata;
  readonly deadline: number;
  readonly peer: string;
  readonly cancellation = new Cancellation();
  receivedAt = 0;
  /** The server's; the caller's are told in its outcome. */
  sentBytes = 0;
  receivedBytes = 0;
  /** Memory is not compressed. */
  encoding: MessageEncoding = "identity";
  readonly #options: InMemoryCallOptions;
  readonly #up: InMemoryPipe;
  readonly #down: InMemoryPipe;
  readonly #requests: InMemoryLane;
  readonly #responses: InMemoryLane;
  #server: ServerStreamReceiver | undefined;
  #serverLimits: TransportLimits | undefined;
  #timer: Timer | undefined;
  #requestBytes = 0;
  #responseBytes = 0;
  #headersSent = false;
  #clientDone = false;
  #serverDone = false;

  constructor(options: InMemoryCallOptions) {
    const { call, clock, receiver } = options;
    this.#options = options;
    this.path = call.path;
    this.metadata = new Metadata().addAll(call.metadata);
    this.deadline = call.deadline;
    this.peer = options.peer;
    this.#up = new InMemoryPipe(clock, () => options.delayMs());
    this.#down = new InMemoryPipe(clock, () => options.delayMs());
    this.#requests = new InMemoryLane(this.#up, {
      message: (body) => this.#requestArrived(body),
      drained: () => receiver.onDrain(),
    });
    this.#responses = new InMemoryLane(this.#down, {
      message: (body) => this.#responseArrived(body),
      drained: () => this.#server?.onDrain(),
    });
  }

  /** Sends the call on its way. */
  start(): this {
    const { clock } = this.#options;
    const leftMs = this.deadline - clock.now();
    if (leftMs <= 0) this.#deadlinePassed(0);
    else if (leftMs < Infinity) this.#timer = clock.setTimer(() => this.#deadlinePassed(leftMs), leftMs);
    this.#up.put(() => this.#arrived());
    return this;
  }

  /** Whether the server's handler has its part still to do. */
  get served(): boolean {
    return this.#server !== undefined && !this.#serverDone;
  }

  workGoesOn(): void {}

  workEnded(): void {}

  /** Ends both sides from outside. */
  cut(code: ErrorCode, reason: string, processed: boolean): void {
    this.#endClient(STATUS_NUMBERS[code], reason, new Metadata(), processed);
    this.#endServer(new MeshError("CANCELLED", reason));
  }

  /** Ends it as a server does that stops: whoever serves it is told and tells the caller. */
  stop(reason: string): void {
    this.#endServer(new MeshError("UNAVAILABLE", reason));
  }

  /** Ends it whether or not whoever serves it has heard. */
  abandon(reason: string): void {
    this.cut("UNAVAILABLE", reason, true);
    if (this.#serverDone) return;
    this.#serverDone = true;
    this.#requests.stop();
    this.#overIfBothDone();
  }

  /** The caller's end; the server's is the call itself. */
  get client(): ClientStream {
    return {
      send: (body) => this.#sendRequest(body),
      end: () => this.#requests.end(() => this.#server?.onHalfClose()),
      request: () => this.#responses.request(),
      cancel: (status, reason) => this.#cancel(status, reason),
    };
  }

  send(body: Uint8Array): boolean {
    if (this.#serverDone) return true;
    if (!this.#headersSent) this.sendHeaders(new Metadata());
    this.sentBytes += body.byteLength;
    return this.#responses.send(body);
  }

  request(): void {
    this.#requests.request();
  }

  sendHeaders(headers: Metadata): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    const sent = new Metadata().addAll(headers);
    this.#down.put(() => {
      if (!this.#clientDone) this.#options.receiver.onHeaders(sent);
    });
  }

  finish({ status, reason, trailers }: ServerStatus): void {
    if (this.#serverDone) return;
    if (status === STATUS_NUMBERS.OK && !this.#headersSent) this.sendHeaders(new Metadata());
    this.#serverDone = true;
    this.#requests.stop();
    const sent = new Metadata().addAll(trailers);
    this.#responses.end(() => this.#endClient(status, reason, sent, true));
    this.#overIfBothDone();
  }

  #cancel(status: number, reason: string): void {
    if (this.#clientDone) return;
    this.#endClient(status, reason, new Metadata(), true);
    this.#up.put(() =>
      this.#endServer(new MeshError("CANCELLED", `caller ${this.peer} cancelled the call: ${reason}`)),
    );
  }

  #arrived(): void {
    const { clock } = this.#options;
    if (this.#clientDone) return this.#endServer(undefined);
    const arrival = this.#options.arrive();
    if (arrival === undefined) return this.cut("UNAVAILABLE", "server takes no new calls", false);
    const { method, limits } = arrival;
    this.#serverLimits = limits;
    this.receivedAt = clock.now();
    if (method === undefined) {
      const reason = `server does not implement the method ${this.#options.call.path}`;
      this.finish({ status: STATUS_NUMBERS.UNIMPLEMENTED, reason, trailers: new Metadata() });
    } else {
      this.#server = method.kind === "unary" ? this.#serveUnary(method) : method.handle(this, this);
    }
  }

  #serveUnary(method: Extract<ServerMethod, { kind: "unary" }>): ServerStreamReceiver {
    let request: Uint8Array | undefined;
    this.request();
    return {
      onMessage: (body) => (request = body),
      onHalfClose: () => {
        if (request === undefined) {
          const reason = "caller sent no request";
          return this.finish({ status: STATUS_NUMBERS.INTERNAL, reason, trailers: new Metadata() });
        }
        method.handle(this, request, (status, body) => {
          if (body !== undefined && status.status === STATUS_NUMBERS.OK) this.send(body);
          this.finish(status);
        });
      },
      onDrain: () => {},
    };
  }

  #sendRequest(body: Uint8Array): boolean {
    const { maxSendMessageBytes } = this.#options.limits;
    if (body.byteLength > maxSendMessageBytes) {
      this.cut("RESOURCE_EXHAUSTED", tooLong("sent", body, maxSendMessageBytes), false);
    }
    if (this.#clientDone) return true;
    this.#requestBytes += body.byteLength;
    return this.#requests.send(body);
  }

  #requestArrived(body: Uint8Array): void {
    const most = this.#serverLimits?.maxReceiveMessageBytes ?? Infinity;
    this.receivedBytes += body.byteLength;
    if (body.byteLength > most) this.cut("RESOURCE_EXHAUSTED", tooLong("received", body, most), true);
    else this.#server?.onMessage(body);
  }

  #responseArrived(body: Uint8Array): void {
    const most = this.#options.limits.maxReceiveMessageBytes;
    this.#responseBytes += body.byteLength;
    if (body.byteLength > most) this.cut("RESOURCE_EXHAUSTED", tooLong("received", body, most), true);
    else this.#options.receiver.onMessage(body);
  }

  #deadlinePassed(afterMs: number): void {
    const reason = `deadline passed after ${afterMs} ms`;
    this.#endClient(STATUS_NUMBERS.DEADLINE_EXCEEDED, reason, new Metadata(), true);
    this.#endServer(new MeshError("DEADLINE_EXCEEDED", reason));
  }

  #endClient(status: number, reason: string, trailers: Metadata, processed: boolean): void {
    if (this.#clientDone) return;
    this.#clientDone = true;
    const bytes = { sentBytes: this.#requestBytes, receivedBytes: this.#responseBytes };
    const outcome: CallOutcome = { status, reason, trailers, processed, ...bytes };
    this.#timer?.cancel();
    this.#responses.stop();
    queueMicrotask(() => this.#options.receiver.onDone(outcome));
    this.#overIfBothDone();
  }

  /** Who serves the call hears of its cancellation and finishes it; nobody does when it has not arrived. */
  #endServer(reason: MeshError | undefined): void {
    if (this.#serverDone) return;
    if (reason !== undefined) this.cancellation.cancel(reason);
    if (this.#server !== undefined) return;
    this.#serverDone = true;
    this.#requests.stop();
    this.#overIfBothDone();
  }

  #overIfBothDone(): void {
    if (this.#clientDone && this.#serverDone) this.#options.over(this);
  }
}

function tooLong(what: string, body: Uint8Array, most: number): string {
  return `message of ${body.byteLength} bytes is longer than the ${most} bytes that may be ${what}`;
}
