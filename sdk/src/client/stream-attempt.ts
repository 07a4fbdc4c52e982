/** What the transport says of one attempt of a streaming call, handed to the call that it is an attempt of. */
import type { Metadata } from "../call/metadata.ts";
import type { CallOutcome, StreamReceiver } from "../transport/transport.ts";
import type { Attempt } from "./attempt.ts";

/** A streaming call: it is told of attempts that it may have given up already. */
export interface StreamAttemptOwner {
  answered(attempt: Attempt, headers: Metadata): void;
  received(attempt: Attempt, body: Uint8Array): void;
  drained(attempt: Attempt): void;
  ended(attempt: Attempt, outcome: CallOutcome): void;
}

export class StreamAttempt implements StreamReceiver {
  readonly #call: StreamAttemptOwner;
  readonly #attempt: Attempt;

  constructor(call: StreamAttemptOwner, attempt: Attempt) {
    this.#call = call;
    this.#attempt = attempt;
  }

  onHeaders(headers: Metadata): void {
    this.#call.answered(this.#attempt, headers);
  }

  onMessage(body: Uint8Array): void {
    this.#call.received(this.#attempt, body);
  }

  onDrain(): void {
    this.#call.drained(this.#attempt);
  }

  onDone(outcome: CallOutcome): void {
    this.#call.ended(this.#attempt, outcome);
  }
}
