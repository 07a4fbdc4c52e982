/**
 * The Transport port: bytes of calls over connections. It knows gRPC's wire and nothing of contracts, policies or
 * balancing; everything above it is shared by its implementations. Callbacks run once, on a clean stack is not
 * promised, and never throw back into the transport.
 */
import type { Address } from "../call/address.ts";
import type { Cancellation } from "../call/cancellation.ts";
import type { Clock } from "../call/clock.ts";
import type { Metadata } from "../call/metadata.ts";
import type { MethodInfo } from "../call/method-info.ts";

/** Bounds on what peers may send; breaking one fails the call with RESOURCE_EXHAUSTED. */
export interface TransportLimits {
  /** Bytes of one received message. Default 4 MiB, as in every gRPC implementation. */
  readonly maxReceiveMessageBytes: number;
  /** Bytes of one sent message. Default: no bound, the receiver's decides. */
  readonly maxSendMessageBytes: number;
}

export const DEFAULT_LIMITS: TransportLimits = {
  maxReceiveMessageBytes: 4 * 1024 * 1024,
  maxSendMessageBytes: Infinity,
};

/** How a call ended, as the transport saw it. */
export interface CallOutcome {
  /** gRPC status number. */
  readonly status: number;
  /** The peer's message, or the transport's own reason. */
  readonly reason: string;
  readonly trailers: Metadata;
  /**
   * Whether the peer may have seen the call. false only with proof (it never left, REFUSED_STREAM, beyond GOAWAY's last
   * stream): then sending it again is safe whatever the method does.
   */
  readonly processed: boolean;
}

/** What a client sends ahead of its messages. */
export interface OutgoingCall {
  /** "/package.Service/Method" */
  readonly path: string;
  readonly metadata: Metadata;
  /** When to give up, on the transport's clock; Infinity for never. The transport enforces it and tells the peer. */
  readonly deadline: number;
}

/** Takes the result of a unary call. body is defined when outcome.status is 0. */
export interface UnaryReceiver {
  onHeaders(headers: Metadata): void;
  onDone(outcome: CallOutcome, body: Uint8Array | undefined): void;
}

/** Ends an open call; its receiver still gets onDone, with this status. */
export type Cancel = (status: number, reason: string) => void;

/** Takes what arrives on a client's stream. */
export interface StreamReceiver {
  onHeaders(headers: Metadata): void;
  /** One message for one request(). */
  onMessage(body: Uint8Array): void;
  /** The stream takes more after send() returned false. */
  onDrain(): void;
  onDone(outcome: CallOutcome): void;
}

/** A client's end of an open stream. */
export interface ClientStream {
  /** Sends a message; false asks to wait for onDrain before the next. The bytes are the transport's until then. */
  send(body: Uint8Array): boolean;
  /** No more messages will be sent. */
  end(): void;
  /** Asks for one more message; nothing arrives unasked, so a slow reader holds its sender back. */
  request(): void;
  cancel: Cancel;
}

/** "failed" waits to try again by itself; "closed" is final. */
export type ConnectionState = "idle" | "connecting" | "ready" | "failed" | "closed";

/** One endpoint's connection. It reconnects by itself, with backoff, until closed. */
export interface Connection {
  readonly state: ConnectionState;
  /** Starts connecting if it is idle. */
  connect(): void;
  unary(call: OutgoingCall, body: Uint8Array, receiver: UnaryReceiver): Cancel;
  open(call: OutgoingCall, receiver: StreamReceiver): ClientStream;
  /** Takes no new calls; open ones finish; then the socket closes. */
  close(): void;
}

export interface ConnectOptions {
  readonly limits: TransportLimits;
  readonly clock: Clock;
  /** Called after every change of state. */
  onStateChange(state: ConnectionState): void;
}

/** A call that has arrived. */
export interface IncomingCall {
  readonly metadata: Metadata;
  /** On the transport's clock; Infinity when the caller set none. */
  readonly deadline: number;
  /** When its headers were read, on the transport's clock. */
  readonly receivedAt: number;
  /** "host:port" of the caller. */
  readonly peer: string;
  /**
   * Cancelled by the transport when the caller is gone, has cancelled, or the deadline has passed, and by the server when
   * the call ends before its handler does.
   */
  readonly cancellation: Cancellation;
  /** Sends headers now; otherwise they go with the first message. At most once. */
  sendHeaders(headers: Metadata): void;
}

/** How a server ends a call. */
export interface ServerStatus {
  readonly status: number;
  readonly reason: string;
  readonly trailers: Metadata;
}

/** A server's end of a stream of any kind. */
export interface ServerStream {
  /** Sends a message; false asks to wait for onDrain. */
  send(body: Uint8Array): boolean;
  /** Asks for one more message. */
  request(): void;
  /** Ends the call; at most once. */
  finish(status: ServerStatus): void;
}

/** Takes what arrives on a server's stream. Cancellation comes through the call. */
export interface ServerStreamReceiver {
  onMessage(body: Uint8Array): void;
  /** The caller has sent all its messages. */
  onHalfClose(): void;
  onDrain(): void;
}

/** One method as the transport serves it: unary calls take the short way. */
export type ServerMethod =
  | {
      readonly method: MethodInfo;
      readonly kind: "unary";
      /** respond is called exactly once; body is defined when status is 0. */
      handle(call: IncomingCall, body: Uint8Array, respond: UnaryRespond): void;
    }
  | {
      readonly method: MethodInfo;
      readonly kind: "stream";
      handle(call: IncomingCall, stream: ServerStream): ServerStreamReceiver;
    };

export type UnaryRespond = (status: ServerStatus, body: Uint8Array | undefined) => void;

/** Every method a server has, by path. Complete before listen(). */
export type Dispatch = ReadonlyMap<string, ServerMethod>;

export interface ListenOptions {
  /** Port 0 asks for any free one. */
  readonly address: Address;
  readonly limits: TransportLimits;
  readonly clock: Clock;
}

/** A server that listens. */
export interface Listener {
  /** With the port it really has. */
  readonly address: Address;
  /** Takes no new calls and waits for open ones; after graceMs what is left is cancelled. Resolves when all is closed. */
  drain(graceMs: number): Promise<void>;
}

export interface Transport {
  readonly name: string;
  connect(to: Address, options: ConnectOptions): Connection;
  /** Rejects with a MeshError that says what to do when the address is in use or cannot be had. */
  listen(options: ListenOptions, dispatch: Dispatch): Promise<Listener>;
}
