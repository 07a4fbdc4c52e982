/** One endpoint's connection over a grpc-js channel: the Connection port on Channel.createCall, which pulls messages. */
import { isIP } from "node:net";
import { Channel, type ChannelOptions, type ChannelInterface, connectivityState, credentials } from "@grpc/grpc-js";
import { type Address, formatAddress } from "../../call/address.ts";
import { STATUS_NUMBERS } from "../../call/status.ts";
import type {
  CallOutcome,
  Cancel,
  ClientStream,
  Connection,
  ConnectionState,
  ConnectOptions,
  OutgoingCall,
  StreamReceiver,
  TransportLimits,
  UnaryReceiver,
} from "../transport.ts";
import { asBuffer, fromGrpc, toGrpc } from "./grpc-js-metadata.ts";

type GrpcCall = ReturnType<ChannelInterface["createCall"]>;
type GrpcListener = Parameters<GrpcCall["start"]>[1];
type GrpcStatus = Parameters<GrpcListener["onReceiveStatus"]>[0];

/** First wait before connecting again; grpc's own default of 1 s leaves a restarted server idle for too long. */
const INITIAL_RECONNECT_BACKOFF_MS = 100;
/** An endpoint that is down for long is tried this often. */
const MAX_RECONNECT_BACKOFF_MS = 5_000;
/** grpc-js's default of 64 KiB stalls at 1 KiB messages and a hundred concurrent calls. */
const FLOW_CONTROL_WINDOW_BYTES = 4 * 1024 * 1024;
/** What may wait to be written before a stream's sender is asked to wait too. */
const SEND_HIGH_WATER_BYTES = 64 * 1024;
const SEND_HIGH_WATER_MESSAGES = 16;
/** grpc-js fires deadlines beyond 2^31-1 ms at once, so such a deadline is none (24.8 days). */
const MAX_DEADLINE_MS = 2 ** 31 - 1;

const STATES: Record<connectivityState, ConnectionState> = {
  [connectivityState.IDLE]: "idle",
  [connectivityState.CONNECTING]: "connecting",
  [connectivityState.READY]: "ready",
  [connectivityState.TRANSIENT_FAILURE]: "failed",
  [connectivityState.SHUTDOWN]: "closed",
};

export class GrpcJsConnection implements Connection {
  readonly #channel: ChannelInterface;
  readonly #options: ConnectOptions;
  #state: ConnectionState = "idle";

  constructor(to: Address, options: ConnectOptions) {
    this.#options = options;
    this.#channel = new Channel(targetOf(to), credentials.createInsecure(), channelOptions(options.limits));
    this.#watch();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  connect(): void {
    if (this.#state !== "closed") this.#channel.getConnectivityState(true);
  }

  unary(call: OutgoingCall, body: Uint8Array, receiver: UnaryReceiver): Cancel {
    const grpcCall = this.#create(call);
    grpcCall.start(toGrpc(call.metadata), new UnaryListener(receiver));
    grpcCall.sendMessageWithContext({}, asBuffer(body));
    grpcCall.halfClose();
    grpcCall.startRead();
    return (status, reason) => grpcCall.cancelWithStatus(status, reason);
  }

  open(call: OutgoingCall, receiver: StreamReceiver): ClientStream {
    const grpcCall = this.#create(call);
    const stream = new GrpcJsClientStream(grpcCall, receiver);
    grpcCall.start(toGrpc(call.metadata), new StreamListener(receiver, stream));
    return stream;
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#channel.close();
    this.#options.onStateChange("closed");
  }

  #create(call: OutgoingCall): GrpcCall {
    const { clock } = this.#options;
    const left = call.deadline - clock.now();
    const deadline = left > MAX_DEADLINE_MS ? Infinity : clock.wallTime() + left;
    return this.#channel.createCall(call.path, deadline, null, null, null);
  }

  #watch(): void {
    const seen = this.#channel.getConnectivityState(false);
    this.#channel.watchConnectivityState(seen, Infinity, () => {
      if (this.#state === "closed") return;
      const now = this.#channel.getConnectivityState(false);
      this.#watch();
      this.#enter(STATES[now]);
    });
  }

  #enter(state: ConnectionState): void {
    if (state === this.#state) return;
    const lost = this.#state === "ready" && state === "idle";
    this.#state = state;
    this.#options.onStateChange(state);
    // grpc-js rests after a lost connection until the next call; a call should find it connected again.
    if (lost) this.connect();
  }
}

/** The scheme keeps grpc-js from guessing: addresses are taken as they are, names go to DNS. */
function targetOf(to: Address): string {
  const family = isIP(to.host);
  if (family === 4) return `ipv4:${formatAddress(to)}`;
  if (family === 6) return `ipv6:${formatAddress(to)}`;
  return `dns:${formatAddress(to)}`;
}

function channelOptions(limits: TransportLimits): ChannelOptions {
  return {
    "grpc.enable_channelz": 0,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": INITIAL_RECONNECT_BACKOFF_MS,
    "grpc.max_reconnect_backoff_ms": MAX_RECONNECT_BACKOFF_MS,
    "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
    ...messageLimits(limits),
  };
}

/** grpc-js writes "no bound" as -1. */
export function messageLimits(limits: TransportLimits): ChannelOptions {
  return {
    "grpc.max_receive_message_length": bound(limits.maxReceiveMessageBytes),
    "grpc.max_send_message_length": bound(limits.maxSendMessageBytes),
  };
}

function bound(bytes: number): number {
  return Number.isFinite(bytes) ? bytes : -1;
}

/**
 * grpc-js says in words alone that a call never left or was refused unseen; grpc-js-connection.spec.ts fails when these
 * change.
 */
const UNSEEN_REASONS = [
  "No connection established",
  "Name resolution failed",
  "Channel closed before call started",
  "Failed to start HTTP/2 stream with error",
  "Stream refused by server",
];

/** @param answered whether headers have come: then the server has seen the call whatever the words. */
function outcomeOf({ code, details, metadata }: GrpcStatus, answered: boolean): CallOutcome {
  const trailers = fromGrpc(metadata);
  // A server may pass on the same words of its own calls, but never without a header beside them.
  const local = !answered && trailers.size === 0;
  if (local && UNSEEN_REASONS.some((reason) => details.startsWith(reason))) {
    // For a connection that went as the stream was opened grpc-js says INTERNAL.
    return { status: STATUS_NUMBERS.UNAVAILABLE, reason: plainly(details), trailers, processed: false };
  }
  return { status: code, reason: details, trailers, processed: true };
}

const LAST_ERROR = /^No connection established\. Last error: (?:Error: )?(.*?)\.? Resolution note: /s;

/** grpc-js wraps the one thing that matters in words about its own parts. */
function plainly(details: string): string {
  const cause = LAST_ERROR.exec(details)?.[1];
  return cause === undefined ? details : `no connection: ${cause}`;
}

class UnaryListener implements GrpcListener {
  readonly #receiver: UnaryReceiver;
  #answered = false;
  #body: Uint8Array | undefined;

  constructor(receiver: UnaryReceiver) {
    this.#receiver = receiver;
  }

  onReceiveMetadata(metadata: Parameters<GrpcListener["onReceiveMetadata"]>[0]): void {
    this.#answered = true;
    this.#receiver.onHeaders(fromGrpc(metadata));
  }

  onReceiveMessage(message: Uint8Array): void {
    this.#body = message;
  }

  onReceiveStatus(status: GrpcStatus): void {
    const outcome = outcomeOf(status, this.#answered);
    if (outcome.status === STATUS_NUMBERS.OK && this.#body === undefined) {
      this.#receiver.onDone(noMessage(outcome), undefined);
    } else {
      this.#receiver.onDone(outcome, this.#body);
    }
  }
}

/** An OK without its message breaks the protocol: INTERNAL, as in every gRPC client. */
function noMessage(outcome: CallOutcome): CallOutcome {
  return { ...outcome, status: STATUS_NUMBERS.INTERNAL, reason: "server sent status OK without a response message" };
}

class StreamListener implements GrpcListener {
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
class GrpcJsClientStream implements ClientStream {
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
