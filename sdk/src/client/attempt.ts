/** One sending of a call to one endpoint: what is counted of it, and how it ended. */
import type { EndpointState } from "../balancing/endpoint-state.ts";
import type { CallOutcome, OpenCall } from "../transport/transport.ts";

/** Whom an attempt reports to: the call it is one of. */
export interface AttemptOwner {
  /** Called exactly once for each attempt. */
  attemptEnded(attempt: Attempt, outcome: CallOutcome): void;
}

export class Attempt {
  readonly #owner: AttemptOwner;
  readonly state: EndpointState;
  readonly startedAt: number;
  /** At the transport; undefined until it has been sent. */
  call: OpenCall | undefined;
  /** When the server began to answer; undefined until then. */
  answeredAt: number | undefined;
  /** How it ended; undefined until then. */
  outcome: CallOutcome | undefined;

  constructor(owner: AttemptOwner, state: EndpointState, startedAt: number) {
    this.#owner = owner;
    this.state = state;
    this.startedAt = startedAt;
  }

  /** The first end counts: one that throws while it is sent may be reported by the transport as well. */
  ended(outcome: CallOutcome): void {
    if (this.outcome !== undefined) return;
    this.outcome = outcome;
    this.#owner.attemptEnded(this, outcome);
  }
}
