/**
 * What telemetry sees of calls: one record per attempt and one per call, after the fact. Observers are bound to a
 * method once, so recording is a few array writes (gRFC A66 asks for sizes and attempts, which a wrapper around calls
 * could not see).
 */
import type { MethodInfo } from "./method-info.ts";
import type { StatusCode } from "./status.ts";
import type { TraceContext } from "./trace-context.ts";

/** One attempt, ended. */
export interface AttemptRecord {
  readonly code: StatusCode;
  /** "host:port" */
  readonly endpoint: string;
  /** Milliseconds from sending to the end. */
  readonly durationMs: number;
  /** Bytes of messages as they went over the wire, without framing. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** One call at its client, ended. */
export interface ClientCallRecord {
  readonly code: StatusCode;
  /** The reason when code is not OK. */
  readonly reason: string;
  /** Milliseconds from the user's call to its end, serialisation included. */
  readonly durationMs: number;
  /** Attempts that were sent. */
  readonly attempts: number;
  /** Attempts beyond the first that followed a failure. */
  readonly retries: number;
  /** Attempts that followed one which provably reached nobody. */
  readonly transparentRetries: number;
  /** Attempts that were sent while another was still open. */
  readonly hedges: number;
  /** Milliseconds during which no attempt was open, between the first and the last. */
  readonly retryDelayMs: number;
  /** The endpoint of the last attempt, "" when none was sent. */
  readonly endpoint: string;
  readonly trace: TraceContext;
}

/** One call at its server, ended. */
export interface ServerCallRecord {
  readonly code: StatusCode;
  readonly reason: string;
  /** Milliseconds from the request's headers to the status. */
  readonly durationMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Address of the caller. */
  readonly peer: string;
  /** Of the call: its trace is made when it is first asked for. */
  readonly context: { readonly trace: TraceContext };
  /** What the handler threw, when it was not a MeshError: for the log, never for the wire. */
  readonly thrown: unknown;
}

/** Observes the calls of one method at the client. */
export interface ClientMethodObserver {
  attemptStarted?(): void;
  attemptEnded?(attempt: AttemptRecord): void;
  callEnded?(call: ClientCallRecord): void;
}

/** Observes the calls of one method at the server. */
export interface ServerMethodObserver {
  callStarted?(): void;
  callEnded?(call: ServerCallRecord): void;
}

/** An observer's bug is told and costs no call: the call's own end must not wait for it. */
export function observerThrew(error: unknown): void {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning("what observes calls threw: look at the logger and the metrics that the mesh was given", {
    detail,
  });
}

/** Binds an observer to each method before its first call. target is the logical one, "consul:///greeter". */
export type ClientObserver = (method: MethodInfo, target: string) => ClientMethodObserver;
export type ServerObserver = (method: MethodInfo) => ServerMethodObserver;
