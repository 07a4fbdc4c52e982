/** One endpoint's connection over a grpc-js channel: the Connection port on Channel.createCall, which pulls messages. */
import { isIP } from "node:net";
import {
  Channel,
  type ChannelOptions,
  type ChannelInterface,
  compressionAlgorithms,
  connectivityState,
} from "@grpc/grpc-js";
import { type Address, formatAddress, isUnixPath } from "../../call/address.ts";
import { keptBytes } from "../kept-bytes.ts";
import type {
  ClientStream,
  Connection,
  ConnectionState,
  ConnectOptions,
  OpenCall,
  OutgoingCall,
  StreamReceiver,
  TransportLimits,
  UnaryReceiver,
} from "../transport.ts";
import { GrpcJsClientStream, StreamListener } from "./grpc-js-client-stream.ts";
import { channelCredentials, nameOptions } from "./grpc-js-credentials.ts";
import { asBuffer, toGrpc } from "./grpc-js-metadata.ts";
import type { GrpcCall } from "./grpc-js-outcome.ts";
import { UnaryListener } from "./grpc-js-unary-listener.ts";

/** First wait before connecting again; grpc's own default of 1 s leaves a restarted server idle for too long. */
const INITIAL_RECONNECT_BACKOFF_MS = 100;
/** An endpoint that is down for long is tried this often. */
const MAX_RECONNECT_BACKOFF_MS = 5_000;
/** grpc-js's default of 64 KiB stalls at 1 KiB messages and a hundred concurrent calls. */
const FLOW_CONTROL_WINDOW_BYTES = 4 * 1024 * 1024;
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
  readonly #to: Address;
  readonly #options: ConnectOptions;
  readonly #channel: ChannelInterface;
  /** grpc-js compresses by the channel, so calls with gzip have one of their own, with a socket of its own. */
  #compressing: ChannelInterface | undefined;
  #state: ConnectionState = "idle";

  constructor(to: Address, options: ConnectOptions) {
    this.#to = to;
    this.#options = options;
    this.#channel = this.#open({});
    this.#watch();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  connect(): void {
    if (this.#state !== "closed") this.#channel.getConnectivityState(true);
  }

  unary(call: OutgoingCall, body: Uint8Array, receiver: UnaryReceiver): OpenCall {
    const grpcCall = this.#create(call);
    const listener = new UnaryListener(grpcCall, receiver, body.byteLength);
    grpcCall.start(toGrpc(call.metadata), listener);
    grpcCall.sendMessageWithContext({}, asBuffer(keptBytes(body)));
    grpcCall.halfClose();
    grpcCall.startRead();
    return listener;
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
    this.#compressing?.close();
    this.#options.onStateChange("closed");
  }

  #create(call: OutgoingCall): GrpcCall {
    const { clock } = this.#options;
    const left = call.deadline - clock.now();
    const deadline = left > MAX_DEADLINE_MS ? Infinity : clock.wallTime() + left;
    const channel = call.encoding === "gzip" ? this.#gzip() : this.#channel;
    return channel.createCall(call.path, deadline, null, null, null);
  }

  #gzip(): ChannelInterface {
    if (this.#state === "closed") return this.#channel; // It refuses the call in its own words.
    this.#compressing ??= this.#open({ "grpc.default_compression_algorithm": compressionAlgorithms.gzip });
    return this.#compressing;
  }

  #open(more: ChannelOptions): ChannelInterface {
    const { tls, limits } = this.#options;
    const options = { ...channelOptions(limits), ...nameOptions(tls), ...more };
    return new Channel(targetOf(this.#to), channelCredentials(tls), options);
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
  if (isUnixPath(to.host)) return formatAddress(to);
  const family = isIP(to.host);
  if (family === 4) return `ipv4:${formatAddress(to)}`;
  if (family === 6) return `ipv6:${formatAddress(to)}`;
  return `dns:${formatAddress(to)}`;
}

function channelOptions(limits: TransportLimits): ChannelOptions {
  return {
    "grpc.enable_channelz": 0,
    "grpc.enable_retries": 0,
    // It keeps what was sent for retries of its own even when those are off, and calls that written.
    "grpc.per_rpc_retry_buffer_size": 0,
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
