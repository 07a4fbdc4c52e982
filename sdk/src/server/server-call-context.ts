/** The context of one call being served; what is rarely asked for is made when it is. */
import { PREVIOUS_ATTEMPTS_KEY } from "../call/attempts-key.ts";
import type { CallContext } from "../call/call-context.ts";
import type { CancellationToken } from "../call/cancellation.ts";
import type { Clock } from "../call/clock.ts";
import { type Criticality, CRITICALITY_KEY, parseCriticality } from "../call/criticality.ts";
import type { Logger } from "../call/logger.ts";
import { Metadata } from "../call/metadata.ts";
import { type MethodInfo, methodLabel } from "../call/method-info.ts";
import {
  childSpan,
  newTrace,
  parseTraceparent,
  TRACEPARENT_KEY,
  TRACESTATE_KEY,
  type TraceContext,
} from "../call/trace-context.ts";
import type { IncomingCall } from "../transport/transport.ts";

export interface ServerCallContextOptions {
  readonly method: MethodInfo;
  readonly call: IncomingCall;
  /** On the clock's scale: the caller's, capped by the contract's. */
  readonly deadline: number;
  readonly cancellation: CancellationToken;
  readonly clock: Clock;
  readonly log: Logger;
}

export class ServerCallContext implements CallContext {
  readonly method: MethodInfo;
  readonly peer: string;
  readonly metadata: Metadata;
  readonly deadline: number;
  readonly cancellation: CancellationToken;
  readonly trace: TraceContext;
  readonly criticality: Criticality;
  readonly previousAttempts: number;
  readonly responseHeaders = new Metadata();
  readonly responseTrailers = new Metadata();
  readonly #clock: Clock;
  readonly #baseLog: Logger;
  #log: Logger | undefined;

  constructor({ method, call, deadline, cancellation, clock, log }: ServerCallContextOptions) {
    this.method = method;
    this.peer = call.peer;
    this.metadata = call.metadata;
    this.deadline = deadline;
    this.cancellation = cancellation;
    const caller = parseTraceparent(call.metadata.get(TRACEPARENT_KEY), call.metadata.get(TRACESTATE_KEY));
    this.trace = caller === undefined ? newTrace() : childSpan(caller);
    this.criticality = parseCriticality(call.metadata.get(CRITICALITY_KEY));
    this.previousAttempts = Number(call.metadata.get(PREVIOUS_ATTEMPTS_KEY) ?? 0) || 0;
    this.#clock = clock;
    this.#baseLog = log;
  }

  get signal(): AbortSignal {
    return this.cancellation.signal;
  }

  get log(): Logger {
    this.#log ??= this.#baseLog.child({
      method: methodLabel(this.method),
      trace_id: this.trace.traceId,
      span_id: this.trace.spanId,
    });
    return this.#log;
  }

  remainingMs(): number {
    return Math.max(0, this.deadline - this.#clock.now());
  }
}
