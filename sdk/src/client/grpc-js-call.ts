/**
 * A call of a grpc-js client, whatever its kind, on the attempt engine: the Call of grpc-js's public Channel. It is pushed
 * and pulled message by message, so it is a stream of bytes to everything below.
 */
import type { CallCredentials, ChannelInterface, Deadline, Metadata as GrpcMetadata } from "@grpc/grpc-js";
import { propagate } from "@grpc/grpc-js";
import type { Timer } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import { Metadata } from "../call/metadata.ts";
import { type ErrorCode, STATUS_NUMBERS, statusName } from "../call/status.ts";
import { asBuffer, sendableFromGrpc, toGrpc } from "../transport/grpc-js/grpc-js-metadata.ts";
import type { GrpcCall, GrpcListener, GrpcStatus } from "../transport/grpc-js/grpc-js-outcome.ts";
import type { CallOutcome, ClientStream, Connection, OpenCall, OutgoingCall } from "../transport/transport.ts";
import type { Attempt } from "./attempt.ts";
import { type BoundMethod, endpointText } from "./bound-method.ts";
import { type CallHooks, CallRun } from "./call-run.ts";
import { continuingTrace } from "./continued-trace.ts";
import { type CredentialsRule, generateMetadata } from "./grpc-js-credentials.ts";
import { GrpcJsMessages, type MessageContext, type MessagesOwner } from "./grpc-js-messages.ts";
import { StreamAttempt, type StreamAttemptOwner } from "./stream-attempt.ts";

/** grpc-js's own, which its index does not name. */
export type GrpcParentCall = Parameters<ChannelInterface["createCall"]>[3];

export interface GrpcJsCallOptions {
  readonly method: BoundMethod;
  readonly deadline: Deadline;
  /** The call being served that this one is made for, when the user names it. */
  readonly parent: GrpcParentCall;
  /** What of the parent counts for this call: bits of grpc.propagate. */
  readonly propagate: number;
  readonly credentialsRule: CredentialsRule;
  readonly number: number;
}

/** An end that is known before the engine has the call. */
interface EarlyEnd {
  readonly code: ErrorCode;
  readonly reason: string;
}

export class GrpcJsCall implements GrpcCall, CallHooks, StreamAttemptOwner, MessagesOwner {
  readonly #options: GrpcJsCallOptions;
  readonly #messages = new GrpcJsMessages(this);
  #credentials: CallCredentials | undefined;
  #metadata: GrpcMetadata | undefined;
  #listener: GrpcListener | undefined;
  #run: CallRun | undefined;
  /** Cancelled before it was started. */
  #early: EarlyEnd | undefined;
  #attempt: Attempt | undefined;
  #stream: ClientStream | undefined;
  #peer: string | undefined;
  /** How the last attempt ended; undefined while there is another. */
  #outcome: CallOutcome | undefined;
  #reading = false;
  #over = false;
  #guard: Timer | undefined;
  #leaveParent: (() => void) | undefined;

  constructor(options: GrpcJsCallOptions) {
    this.#options = options;
  }

  start(metadata: GrpcMetadata, listener: GrpcListener): void {
    this.#metadata = metadata.clone();
    this.#listener = listener;
    this.#followParent();
    if (this.#early !== undefined || this.#credentials === undefined) this.#begin(this.#metadata, this.#early);
    else this.#askCredentials(this.#credentials, this.#metadata);
  }

  sendMessageWithContext(context: MessageContext, message: Buffer): void {
    this.#messages.add(message, context);
  }

  halfClose(): void {
    this.#messages.end();
  }

  /** As in grpc-js, a second request before the first is answered asks for nothing more. */
  startRead(): void {
    if (this.#reading || this.#over) return;
    this.#reading = true;
    this.#stream?.request();
  }

  cancelWithStatus(status: number, details: string): void {
    const name = statusName(status);
    const code = name === "OK" ? "CANCELLED" : name;
    if (this.#run !== undefined) this.#run.fail(code, details);
    else if (this.#metadata !== undefined) this.#begin(this.#metadata, { code, reason: details });
    else this.#early ??= { code, reason: details };
  }

  setCredentials(credentials: CallCredentials): void {
    this.#credentials = credentials;
  }

  /** The endpoint of the last attempt; until there is one, what the channel calls. */
  getPeer(): string {
    return this.#peer ?? this.#options.method.environment.channel.target;
  }

  getCallNumber(): number {
    return this.#options.number;
  }

  /** null: the transport keeps its peers' certificates to itself. */
  getAuthContext(): null {
    return null;
  }

  send(connection: Connection, call: OutgoingCall, attempt: Attempt): OpenCall {
    this.#attempt = attempt;
    this.#outcome = undefined;
    this.#peer = endpointText(attempt.state);
    const stream = connection.open(call, new StreamAttempt(this, attempt));
    // An attempt that ended while it was opened has been followed already.
    if (this.#attempt !== attempt || this.#over) return stream;
    this.#stream = stream;
    if (this.#reading) stream.request();
    this.#messages.attach(stream);
    return stream;
  }

  succeeded(): void {
    const { reason, trailers } = this.#outcome as CallOutcome;
    this.#finish(STATUS_NUMBERS.OK, reason, trailers);
  }

  failed(error: MeshError): void {
    const { status } = error;
    const outcome = this.#outcome?.status === status ? this.#outcome : undefined;
    // A server's words pass as they are: programs compare them.
    const details = error.code === "DEADLINE_EXCEEDED" ? error.reason : (outcome?.reason ?? error.reason);
    this.#finish(status, details, error.metadata ?? new Metadata());
  }

  answered(attempt: Attempt, headers: Metadata): void {
    this.#messages.forget();
    this.#run?.commit(attempt, headers);
    if (attempt !== this.#attempt || this.#over) return;
    this.#tell((listener) => listener.onReceiveMetadata(toGrpc(headers)));
  }

  received(attempt: Attempt, body: Uint8Array): void {
    if (attempt !== this.#attempt || this.#over) return;
    this.#messages.forget();
    this.#reading = false;
    this.#tell((listener) => listener.onReceiveMessage(asBuffer(body)));
  }

  drained(attempt: Attempt): void {
    if (attempt === this.#attempt) this.#messages.drained();
  }

  freeze(): void {
    this.#run?.freeze();
  }

  ended(attempt: Attempt, outcome: CallOutcome): void {
    if (attempt === this.#attempt) {
      this.#attempt = undefined;
      this.#stream = undefined;
      this.#messages.detach();
      this.#outcome = outcome;
    }
    attempt.ended(outcome);
  }

  /** Gives the call to the engine, or, of one that has failed already, the record of it. */
  #begin(metadata: GrpcMetadata, end: EarlyEnd | undefined): void {
    if (this.#run !== undefined || this.#over) return;
    this.#guard?.cancel();
    try {
      const sent = sendableFromGrpc(metadata);
      const options = { metadata: sent, timeoutMs: this.#timeoutMs() };
      this.#run = continuingTrace(sent, () => new CallRun(this.#options.method, options, this));
      // Messages come as bytes here: of what may be hashed, only metadata can be read.
      this.#run.hashBy(undefined);
    } catch (error) {
      return this.failed(error as MeshError);
    }
    if (end === undefined) this.#run.start();
    else this.#run.fail(end.code, end.reason);
  }

  #askCredentials(credentials: CallCredentials, metadata: GrpcMetadata): void {
    const { method, credentialsRule } = this.#options;
    if (credentialsRule === "refuse") {
      const reason = `call credentials of ${method.label} were not sent, since its connections are plaintext: give the mesh or the channel { tls }, or let mesh.channel() send them all the same with { plaintextCredentials: true }`;
      return this.#begin(metadata, { code: "UNAUTHENTICATED", reason });
    }
    const { clock, channel } = method.environment;
    this.#guard = clock.setTimer(() => {
      this.#begin(metadata, {
        code: "DEADLINE_EXCEEDED",
        reason: "call credentials were not there before the deadline",
      });
    }, this.#timeoutMs());
    void generateMetadata(credentials, method.definition, channel.target).then((generated) => {
      if (generated instanceof MeshError) return this.#begin(metadata, generated);
      const whole = metadata.clone();
      whole.merge(generated);
      this.#begin(whole, undefined);
    });
  }

  /** Never 0: the engine has the words for a call that has no time left, once it starts. */
  #timeoutMs(): number {
    const { method, deadline } = this.#options;
    const left = Number(deadline) - method.environment.clock.wallTime();
    return Math.max(Math.min(left, this.#parentLeftMs()), Number.MIN_VALUE);
  }

  #parentLeftMs(): number {
    const { method, parent } = this.#options;
    if (parent === null || (this.#options.propagate & propagate.DEADLINE) === 0) return Infinity;
    return Number(parent.getDeadline()) - method.environment.clock.wallTime();
  }

  #followParent(): void {
    const { parent } = this.#options;
    if (parent === null || (this.#options.propagate & propagate.CANCELLATION) === 0) return;
    const cancel = (): void => this.cancelWithStatus(STATUS_NUMBERS.CANCELLED, "call being served was cancelled");
    if (parent.cancelled) this.#early ??= { code: "CANCELLED", reason: "call being served was cancelled" };
    parent.once("cancelled", cancel);
    this.#leaveParent = () => parent.removeListener("cancelled", cancel);
  }

  #finish(code: number, details: string, trailers: Metadata): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream = undefined;
    this.#messages.drop();
    this.#leaveParent?.();
    const status: GrpcStatus = { code, details, metadata: toGrpc(trailers) };
    // Behind the callbacks of its messages, and where what a listener throws is nobody's but its own.
    process.nextTick(() => this.#listener?.onReceiveStatus(status));
  }

  /** What a listener throws is the user's to hear of, as it is in grpc-js, and never the transport's. */
  #tell(say: (listener: GrpcListener) => void): void {
    if (this.#listener === undefined) return;
    try {
      say(this.#listener);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
}
