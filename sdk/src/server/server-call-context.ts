/** The context of one call being served; what is rarely asked for is made when it is. */
import { PREVIOUS_ATTEMPTS_KEY } from "../call/attempts-key.ts";
import type { CallContext } from "../call/call-context.ts";
import type { CancellationToken } from "../call/cancellation.ts";
import type { Clock } from "../call/clock.ts";
import { type Criticality, CRITICALITY_KEY, parseCriticality } from "../call/criticality.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";
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
import type { IncomingCall, MessageEncoding } from "../transport/transport.ts";

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
  readonly #call: IncomingCall;
  readonly #clock: Clock;
  readonly #baseLog: Logger;
  #trace: TraceContext | undefined;
  #responseHeaders: Metadata | undefined;
  #responseTrailers: Metadata | undefined;
  #log: Logger | undefined;
  #headersSent = false;

  constructor({ method, call, deadline, cancellation, clock, log }: ServerCallContextOptions) {
    this.method = method;
    this.#call = call;
    this.peer = call.peer;
    this.metadata = call.metadata;
    this.deadline = deadline;
    this.cancellation = cancellation;
    this.#clock = clock;
    this.#baseLog = log;
  }

  get trace(): TraceContext {
    if (this.#trace === undefined) {
      const caller = parseTraceparent(this.metadata.get(TRACEPARENT_KEY), this.metadata.get(TRACESTATE_KEY));
      this.#trace = caller === undefined ? newTrace() : childSpan(caller);
    }
    return this.#trace;
  }

  get criticality(): Criticality {
    return parseCriticality(this.metadata.get(CRITICALITY_KEY));
  }

  get previousAttempts(): number {
    return Number(this.metadata.get(PREVIOUS_ATTEMPTS_KEY) ?? 0) || 0;
  }

  get responseHeaders(): Metadata {
    this.#responseHeaders ??= new Metadata();
    return this.#responseHeaders;
  }

  get responseTrailers(): Metadata {
    this.#responseTrailers ??= new Metadata();
    return this.#responseTrailers;
  }

  /** Whether the handler has put anything into responseHeaders. */
  get hasHeaders(): boolean {
    return this.#responseHeaders !== undefined && this.#responseHeaders.length > 0;
  }

  get signal(): AbortSignal {
    return this.cancellation.signal;
  }

  get compression(): MessageEncoding {
    return this.#call.encoding;
  }

  set compression(encoding: MessageEncoding) {
    if (encoding !== "gzip" && encoding !== "identity") {
      const label = methodLabel(this.method);
      throw new MeshError(
        "INTERNAL",
        `handler of ${label} set compression to ${String(encoding)}: set "gzip" or "identity"`,
      );
    }
    this.#call.encoding = encoding;
  }

  get receivedBytes(): number {
    return this.#call.receivedBytes;
  }

  get log(): Logger {
    this.#log ??= this.#baseLog.child({
      method: methodLabel(this.method),
      trace_id: this.trace.traceId,
      span_id: this.trace.spanId,
    });
    return this.#log;
  }

  /** Sends responseHeaders ahead of the first message; what is put into them later is not sent. */
  sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.#call.sendHeaders(this.responseHeaders);
  }

  remainingMs(): number {
    return Math.max(0, this.deadline - this.#clock.now());
  }
}
