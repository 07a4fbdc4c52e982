/** A grpc-js server behind the Transport port: unary methods as they are, every streaming kind as a duplex stream. */
import {
  Server,
  type ServerCredentials,
  type ServerDuplexStream,
  type sendUnaryData,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { type Address, formatAddress, isUnixPath } from "../../call/address.ts";
import { Cancellation } from "../../call/cancellation.ts";
import type { Clock } from "../../call/clock.ts";
import { MeshError } from "../../call/mesh-error.ts";
import type { Metadata } from "../../call/metadata.ts";
import { STATUS_NUMBERS } from "../../call/status.ts";
import { keptBytes } from "../kept-bytes.ts";
import { listenError } from "../listen-error.ts";
import type {
  Dispatch,
  IncomingCall,
  Listener,
  ListenOptions,
  MessageEncoding,
  ServerMethod,
  ServerStatus,
  ServerStream,
  ServerStreamReceiver,
} from "../transport.ts";
import { messageLimits } from "./grpc-js-connection.ts";
import { serverCredentials } from "./grpc-js-credentials.ts";
import { asBuffer, fromGrpc, toGrpc } from "./grpc-js-metadata.ts";

type UnaryCall = ServerUnaryCall<Uint8Array, Uint8Array>;
type DuplexCall = ServerDuplexStream<Uint8Array, Uint8Array>;

/** Messages stay bytes: codecs are the dispatcher's. */
const serialize = (body: Uint8Array): Buffer => asBuffer(body);
const deserialize = (body: Buffer): Uint8Array => body;

export async function listenGrpcJs(options: ListenOptions, dispatch: Dispatch): Promise<Listener> {
  const server = new Server({ "grpc.enable_channelz": 0, ...messageLimits(options.limits) });
  const open = new Set<GrpcJsIncomingCall>();
  for (const [path, method] of dispatch) register(server, path, method, open, options.clock);
  const port = await bind(server, options.address, serverCredentials(options.tls));
  const { host } = options.address;
  const address = { host, port: isUnixPath(host) ? 0 : port };
  return { address, drain: (graceMs) => drain(server, address, open, graceMs, options.clock) };
}

function register(
  server: Server,
  path: string,
  served: ServerMethod,
  open: Set<GrpcJsIncomingCall>,
  clock: Clock,
): void {
  if (served.kind === "unary") {
    const handle = (call: UnaryCall, callback: sendUnaryData<Uint8Array>) => {
      const incoming = new GrpcJsIncomingCall(path, call, open, clock);
      incoming.receivedBytes = call.request.byteLength;
      served.handle(incoming, call.request, (status, body) => {
        incoming.finish();
        incoming.sentBytes = body?.byteLength ?? 0;
        const trailers = status.trailers.size === 0 ? undefined : toGrpc(status.trailers);
        if (status.status === STATUS_NUMBERS.OK) callback(null, body, trailers);
        else callback({ code: status.status, details: status.reason, ...(trailers && { metadata: trailers }) });
      });
    };
    server.register(path, handle, serialize, deserialize, "unary");
  } else {
    const handle = (call: DuplexCall) => {
      const incoming = new GrpcJsIncomingCall(path, call, open, clock);
      const stream = new GrpcJsServerStream(call, incoming);
      stream.attach(served.handle(incoming, stream));
    };
    server.register(path, handle, serialize, deserialize, "bidi");
  }
}

function bind(server: Server, address: Address, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(formatAddress(address), credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(listenError(address, error));
    });
  });
}

/** After their grace calls are told; who does not listen, or whose peer does not read, is cut off this much later. */
const LAST_WORDS_MS = 200;
/** Node's timers fire at once beyond this. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * tryShutdown waits for open calls for ever, and forceShutdown knows no connections while channelz is off. So the calls
 * are ended from here, and what is left is grpc-js's own drain to cut; it must come before the port is given up.
 */
function drain(
  server: Server,
  address: Address,
  open: ReadonlySet<GrpcJsIncomingCall>,
  graceMs: number,
  clock: Clock,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(() => {
      for (const call of open) call.stop();
    }, graceMs);
    server.drain(formatAddress(address), Math.min(graceMs + LAST_WORDS_MS, MAX_TIMEOUT_MS));
    server.tryShutdown(() => {
      timer.cancel();
      resolve();
    });
  });
}

/** The caller's own deadline, and its cancellation, come a little before ours: it began to count before the call left. */
const DEADLINE_SLACK_MS = 10;

class GrpcJsIncomingCall implements IncomingCall {
  readonly path: string;
  readonly metadata: Metadata;
  readonly deadline: number;
  readonly receivedAt: number;
  readonly peer: string;
  readonly cancellation: Cancellation;
  sentBytes = 0;
  receivedBytes = 0;
  /** A server of grpc-js compresses nothing. */
  encoding: MessageEncoding = "identity";
  readonly #call: UnaryCall | DuplexCall;
  /** The calls of the listener that have not ended, this one among them until it has. */
  readonly #open: Set<GrpcJsIncomingCall>;

  constructor(path: string, call: UnaryCall | DuplexCall, open: Set<GrpcJsIncomingCall>, clock: Clock) {
    this.path = path;
    this.#call = call;
    this.#open = open;
    open.add(this);
    this.metadata = fromGrpc(call.metadata);
    this.receivedAt = clock.now();
    const wallDeadline = call.getDeadline();
    this.deadline = this.receivedAt + (Number(wallDeadline) - clock.wallTime());
    this.peer = call.getPeer();
    this.cancellation = new Cancellation();
    // grpc-js also says so of every call that has ended well.
    call.on("cancelled", () => {
      if (open.delete(this)) this.cancellation.cancel(this.#cancelReason(clock));
    });
  }

  /** What handlers may do at a time grpc-js does not bound. */
  workGoesOn(): void {}

  workEnded(): void {}

  /** Its status is on its way. */
  finish(): void {
    this.#open.delete(this);
  }

  /** Ends it because the server does. */
  stop(): void {
    if (this.#open.delete(this)) {
      this.cancellation.cancel(new MeshError("UNAVAILABLE", "server stopped before the call was done"));
    }
  }

  sendHeaders(headers: Metadata): void {
    this.#call.sendMetadata(toGrpc(headers));
  }

  #cancelReason(clock: Clock): MeshError {
    if (clock.now() >= this.deadline - DEADLINE_SLACK_MS) {
      const allowedMs = Math.round(this.deadline - this.receivedAt);
      return new MeshError("DEADLINE_EXCEEDED", `call took longer than the ${allowedMs} ms its caller had left`);
    }
    return new MeshError("CANCELLED", `caller ${this.peer} cancelled the call or is gone`);
  }
}

class GrpcJsServerStream implements ServerStream {
  readonly #call: DuplexCall;
  readonly #incoming: GrpcJsIncomingCall;
  #receiver: ServerStreamReceiver | undefined;
  #wanted = 0;

  constructor(call: DuplexCall, incoming: GrpcJsIncomingCall) {
    this.#call = call;
    this.#incoming = incoming;
  }

  attach(receiver: ServerStreamReceiver): void {
    this.#receiver = receiver;
    this.#call.on("readable", () => this.#pump());
    this.#call.on("end", () => receiver.onHalfClose());
    this.#call.on("drain", () => receiver.onDrain());
    this.#pump();
  }

  send(body: Uint8Array): boolean {
    this.#incoming.sentBytes += body.byteLength;
    return this.#call.write(keptBytes(body));
  }

  request(): void {
    this.#wanted++;
    this.#pump();
  }

  finish({ status, reason, trailers }: ServerStatus): void {
    this.#incoming.finish();
    if (status === STATUS_NUMBERS.OK) {
      this.#call.end(toGrpc(trailers));
    } else {
      const failure = { code: status, details: reason, metadata: toGrpc(trailers) };
      this.#call.emit("error", Object.assign(new Error(reason), failure));
    }
  }

  /** Reads only what was asked for; the stream's own buffer holds a few messages, then its window holds the sender. */
  #pump(): void {
    if (this.#receiver === undefined) return;
    while (this.#wanted > 0) {
      const body: Uint8Array | null = this.#call.read();
      if (body === null) return;
      this.#wanted--;
      this.#incoming.receivedBytes += body.byteLength;
      this.#receiver.onMessage(body);
    }
    // Reading nothing from an empty stream is what makes it notice its end.
    if (this.#call.readableLength === 0) this.#call.read(0);
  }
}
