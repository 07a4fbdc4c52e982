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

/** How the messages of a call are written; "gzip" is the one compression that every gRPC implementation reads. */
export type MessageEncoding = "identity" | "gzip";

export { COPIED_MESSAGE_BYTES } from "../contract/message-writer.ts";

/** Keys and certificates, all PEM, for TLS as HTTP/2 wants it (1.2 or later, ALPN h2; RFC 9113, section 9.2). */
export interface TlsOptions {
  /** Whom to trust. Default: the roots that Node trusts. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** This side's certificate chain; a server must have one. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** The name that a server's certificate must have. Default: the host that is connected to. */
  readonly serverName?: string;
  /** Whether callers must show a certificate that ca has signed (mutual TLS). Default: true when ca is given. */
  readonly requireClientCertificate?: boolean;
}

/** Why a connection that was ready ended, in the words of gRFC A94; "GOAWAY <CODE>" beside these. */
export type DisconnectError =
  | `GOAWAY ${string}`
  | "subchannel shutdown"
  | "connection reset"
  | "connection timed out"
  | "connection aborted"
  | "socket error"
  | "unknown";

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
  /** Bytes of messages as they went over the wire, without framing. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** What a client sends ahead of its messages. */
export interface OutgoingCall {
  /** "/package.Service/Method" */
  readonly path: string;
  readonly metadata: Metadata;
  /** When to give up, on the transport's clock; Infinity for never. The transport enforces it and tells the peer. */
  readonly deadline: number;
  /** How its messages are written unless send() says otherwise. Responses may be of either kind. */
  readonly encoding: MessageEncoding;
}

/** Takes the result of a unary call. body is defined when outcome.status is 0. */
export interface UnaryReceiver {
  onHeaders(headers: Metadata): void;
  onDone(outcome: CallOutcome, body: Uint8Array | undefined): void;
}

/** A call under way. */
export interface OpenCall {
  /** Ends it; its receiver still gets onDone, with this status. Nothing happens when it is over. */
  cancel(status: number, reason: string): void;
}

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
export interface ClientStream extends OpenCall {
  /**
   * Sends a message; false asks to wait for onDrain before the next.
   *
   * @param encoding "identity" leaves a message of a compressed call as it is. Default: the call's.
   */
  send(body: Uint8Array, encoding?: MessageEncoding): boolean;
  /** No more messages will be sent. */
  end(): void;
  /** Asks for one more message; nothing arrives unasked, so a slow reader holds its sender back. */
  request(): void;
}

/** "failed" waits to try again by itself; "closed" is final. */
export type ConnectionState = "idle" | "connecting" | "ready" | "failed" | "closed";

/** One endpoint's connection. It reconnects by itself, with backoff, until closed. */
export interface Connection {
  readonly state: ConnectionState;
  /** Starts connecting if it is idle. */
  connect(): void;
  unary(call: OutgoingCall, body: Uint8Array, receiver: UnaryReceiver): OpenCall;
  open(call: OutgoingCall, receiver: StreamReceiver): ClientStream;
  /** Takes no new calls; open ones finish; then the socket closes. */
  close(): void;
}

export interface ConnectOptions {
  readonly limits: TransportLimits;
  readonly clock: Clock;
  /** undefined: plaintext. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Called after every change of state.
   *
   * @param cause why a connection that was ready is no longer.
   */
  onStateChange(state: ConnectionState, cause?: DisconnectError): void;
}

/** A call that has arrived. */
export interface IncomingCall {
  /** "/package.Service/Method" */
  readonly path: string;
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
  /** Bytes of messages that have crossed the wire so far, without framing. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /**
   * How the responses from here on are written: "gzip" only where the caller reads it, and only when it was set before
   * the headers went. Default "identity".
   */
  encoding: MessageEncoding;
  /** Sends headers now; otherwise they go with the first message. At most once. */
  sendHeaders(headers: Metadata): void;
  /**
   * The call is over and its handler still runs: it counts against what its caller may have done at a time, until
   * workEnded(), or a caller could have any amount done by cancelling (CVE-2023-39325).
   */
  workGoesOn(): void;
  /** Follows once for each workGoesOn(). */
  workEnded(): void;
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
  /** undefined: plaintext. */
  readonly tls?: TlsOptions | undefined;
  /** Serves the paths that dispatch lacks. Default: UNIMPLEMENTED, with the path. grpc-js never asks it. */
  readonly unknown?: ServerMethod;
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
