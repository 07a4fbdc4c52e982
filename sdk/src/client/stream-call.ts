/**
 * A streaming call of any kind at its client. Requests are pulled from the user's iterable as fast as the transport takes
 * them; responses are pulled from the transport as fast as the user reads them, a few ahead. Leaving the loop, cancelling
 * or failing ends both directions.
 */
import { MeshError } from "../call/mesh-error.ts";
import type { Metadata } from "../call/metadata.ts";
import { MessageQueue } from "../transport/message-queue.ts";
import type { CallOutcome, ClientStream, Connection, OpenCall, OutgoingCall } from "../transport/transport.ts";
import type { Attempt } from "./attempt.ts";
import type { BoundMethod } from "./bound-method.ts";
import { type CallOptions, requestEncoding } from "./call-options.ts";
import { type CallHooks, CallRun } from "./call-run.ts";
import { completeRequest, decodeResponse, encodeRequest } from "./message-bytes.ts";
import { SentRequests } from "./sent-requests.ts";
import { StreamAttempt, type StreamAttemptOwner } from "./stream-attempt.ts";

/** Requests a user may give: one by one as they come, or all at hand. */
export type Requests = AsyncIterable<unknown> | Iterable<unknown>;

/** Messages asked for ahead of the reader: hides the way through the event loop, bounds what a slow reader holds. */
const READ_AHEAD = 8;

export class StreamCall implements CallHooks, StreamAttemptOwner {
  readonly run: CallRun;
  readonly responses: MessageQueue;
  readonly #requests: AsyncIterator<unknown> | Iterator<unknown>;
  #stream: ClientStream | undefined;
  #attempt: Attempt | undefined;
  readonly #sent = new SentRequests();
  #halfClosed = false;
  #pumping = false;
  #pulling = false;
  #requestsDone = false;
  #over = false;
  #wake: (() => void) | undefined;

  /** @param only the one request of a method that takes no more. */
  constructor(method: BoundMethod, requests: Requests, options: CallOptions | undefined, only?: unknown) {
    this.run = new CallRun(method, options, this);
    if (this.run.hashes) this.run.hashBy(only === undefined ? undefined : completeRequest(method, only));
    this.responses = new MessageQueue({
      wanted: () => this.#stream?.request(),
      abandoned: () => this.run.fail("CANCELLED", "the reader left the stream before its end"),
    });
    // Last, since whoever opens an iterator must close it.
    this.#requests = iteratorOf(requests);
  }

  /** Starts the call; results and failures come through responses. */
  start(): this {
    this.run.start();
    return this;
  }

  send(connection: Connection, call: OutgoingCall, attempt: Attempt): OpenCall {
    this.#attempt = attempt;
    const stream = connection.open(call, new StreamAttempt(this, attempt));
    // An attempt that ended while it was opened has been followed already.
    if (this.#attempt !== attempt || this.#over) return stream;
    this.#stream = stream;
    this.#wake?.();
    this.#sent.resend(stream);
    if (this.#halfClosed) stream.end();
    for (let asked = 0; asked < READ_AHEAD; asked++) stream.request();
    if (!this.#pumping) {
      this.#pumping = true;
      void this.#pump();
    }
    return stream;
  }

  succeeded(): void {
    this.#end();
    this.responses.end();
  }

  failed(error: MeshError): void {
    this.#end();
    this.responses.fail(error);
  }

  received(attempt: Attempt, body: Uint8Array): void {
    if (attempt !== this.#attempt || this.#over) return;
    this.#sent.forget();
    try {
      this.responses.push(decodeResponse(this.run.method, body));
    } catch (error) {
      const { code, reason, cause } = error as MeshError;
      this.run.fail(code, reason, cause);
    }
  }

  answered(attempt: Attempt, headers: Metadata): void {
    this.#sent.forget();
    this.run.commit(attempt, headers);
  }

  drained(attempt: Attempt): void {
    if (attempt === this.#attempt) this.#wake?.();
  }

  /** Nothing is sent until the next attempt, if there is one: what nobody takes must not be pulled from the user. */
  ended(attempt: Attempt, outcome: CallOutcome): void {
    if (attempt === this.#attempt) {
      this.#attempt = undefined;
      this.#stream = undefined;
    }
    attempt.ended(outcome);
  }

  /** Moves requests from the user to the transport until there are no more; never rejects. */
  async #pump(): Promise<void> {
    try {
      for (;;) {
        const next = await this.#pull();
        if (next.done === true) this.#requestsDone = true;
        if (this.#over) return;
        if (next.done === true) {
          this.#halfClosed = true;
          this.#stream?.end();
          return;
        }
        while (this.#stream === undefined) {
          await this.#woken();
          if (this.#over) return;
        }
        const encoding = requestEncoding(this.run.options, next.value);
        // Last, since the bytes are this request's only until another is written.
        const body = encodeRequest(this.run.method, next.value);
        if (!this.#sent.keep(body, encoding)) this.run.freeze();
        if (!this.#stream.send(body, encoding)) await this.#woken();
        if (this.#over) return;
      }
    } catch (error) {
      this.#requestsDone = !(error instanceof MeshError);
      const [code, reason] =
        error instanceof MeshError
          ? ([error.code, error.reason] as const)
          : ([
              "CANCELLED",
              `the stream of requests threw: ${error instanceof Error ? error.message : String(error)}`,
            ] as const);
      this.run.fail(code, reason, error);
    }
  }

  /** A generator that ends the call while it runs cannot be closed before it has yielded. */
  #pull(): Promise<IteratorResult<unknown>> | IteratorResult<unknown> {
    this.#pulling = true;
    try {
      return this.#requests.next();
    } finally {
      this.#pulling = false;
      if (this.#over) void this.#closeRequests();
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  /** Lets the user's generator run its finally blocks; the call is over, so what they throw can only be a warning. */
  async #closeRequests(): Promise<void> {
    if (this.#requestsDone || this.#pulling) return;
    this.#requestsDone = true;
    try {
      await this.#requests.return?.(undefined);
    } catch (error) {
      process.emitWarning(`requests of ${this.run.method.label} threw while they were closed: ${String(error)}`);
    }
  }

  #end(): void {
    this.#over = true;
    this.#sent.forget();
    this.#wake?.();
    void this.#closeRequests();
  }
}

/** The one response of a call whose requests stream. */
export async function singleResponse(call: StreamCall): Promise<unknown> {
  const first = await call.responses.next();
  if (first.done === true) {
    throw new MeshError("INTERNAL", `server of ${call.run.method.label} ended with OK and without its response`);
  }
  const second = await call.responses.next();
  if (second.done !== true) {
    call.run.fail("INTERNAL", "server sent more than one response");
    throw new MeshError("INTERNAL", `server of ${call.run.method.label} sent more than one response`);
  }
  return first.value;
}

function iteratorOf(requests: Requests): AsyncIterator<unknown> | Iterator<unknown> {
  if (typeof requests === "object" && requests !== null) {
    if (Symbol.asyncIterator in requests) return requests[Symbol.asyncIterator]();
    if (Symbol.iterator in requests) return requests[Symbol.iterator]();
  }
  throw new MeshError(
    "INVALID_ARGUMENT",
    `requests of a streaming call are ${typeof requests}: give an iterable or async iterable of messages`,
  );
}
