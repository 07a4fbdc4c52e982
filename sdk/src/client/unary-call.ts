/** A unary call: one message out, one back, as a promise. */
import type { MeshError } from "../call/mesh-error.ts";
import type { Metadata } from "../call/metadata.ts";
import { STATUS_NUMBERS } from "../call/status.ts";
import {
  type CallOutcome,
  type Connection,
  COPIED_MESSAGE_BYTES,
  type OpenCall,
  type OutgoingCall,
  type UnaryReceiver,
} from "../transport/transport.ts";
import type { Attempt } from "./attempt.ts";
import type { BoundMethod } from "./bound-method.ts";
import { type CallOptions, requestEncoding } from "./call-options.ts";
import { type CallHooks, CallRun } from "./call-run.ts";
import { completeRequest, decodeResponse, encodeMessage } from "./message-bytes.ts";

/** Makes the call; the promise rejects with a MeshError, never otherwise. */
export function callUnary(method: BoundMethod, request: unknown, options?: CallOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    new UnaryCall(method, request, options, resolve, reject).start();
  });
}

class UnaryCall implements CallHooks {
  readonly run: CallRun;
  /** Of the attempt that ended last. */
  response: unknown;
  /** What the user gave, completed: their object may change before another attempt is sent. */
  readonly #message: unknown;
  #body: Uint8Array | undefined;
  readonly #resolve: (response: unknown) => void;
  readonly #reject: (error: MeshError) => void;

  constructor(
    method: BoundMethod,
    request: unknown,
    options: CallOptions | undefined,
    resolve: (response: unknown) => void,
    reject: (error: MeshError) => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    // The call's time begins here: writing its request counts (gRFC A66).
    this.run = new CallRun(method, options, this);
    this.run.encoding = requestEncoding(options, request) ?? this.run.encoding;
    this.#message = completeRequest(method, request);
    this.run.hashBy(this.#message);
    this.#body = encodeMessage(method, this.#message);
  }

  start(): void {
    this.run.start();
    // Its memory is another message's from here on; whoever sends the call later writes it again.
    if (this.#body !== undefined && this.#body.byteLength <= COPIED_MESSAGE_BYTES) this.#body = undefined;
  }

  send(connection: Connection, call: OutgoingCall, attempt: Attempt): OpenCall {
    const body = this.#body ?? encodeMessage(this.run.method, this.#message);
    return connection.unary(call, body, new UnaryAttempt(this, attempt));
  }

  succeeded(): void {
    this.#resolve(this.response);
  }

  failed(error: MeshError): void {
    this.#reject(error);
  }
}

class UnaryAttempt implements UnaryReceiver {
  readonly #call: UnaryCall;
  readonly #attempt: Attempt;

  constructor(call: UnaryCall, attempt: Attempt) {
    this.#call = call;
    this.#attempt = attempt;
  }

  onHeaders(headers: Metadata): void {
    this.#call.run.commit(this.#attempt, headers);
  }

  onDone(outcome: CallOutcome, body: Uint8Array | undefined): void {
    if (body === undefined || outcome.status !== STATUS_NUMBERS.OK) return this.#attempt.ended(outcome);
    try {
      this.#call.response = decodeResponse(this.#call.run.method, body);
    } catch (error) {
      const { status, reason } = error as MeshError;
      return this.#attempt.ended({ ...outcome, status, reason });
    }
    this.#attempt.ended(outcome);
  }
}
