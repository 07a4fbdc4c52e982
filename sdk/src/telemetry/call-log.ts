/**
 * One line for each call: what was called, how it ended, how long it took, where. Calls that went well are for
 * debugging; a failure says by its level whose it is: the caller's own (info), the mesh's or a peer's (warn), or a
 * handler that threw what it should not (error, with the stack, which goes nowhere else).
 */
import { type Clock, systemClock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { methodLabel } from "../call/method-info.ts";
import type { ClientCallRecord, ClientObserver, ServerCallRecord, ServerObserver } from "../call/observer.ts";
import type { StatusCode } from "../call/status.ts";
import { LogGate } from "./log-gate.ts";

export interface CallLogOptions {
  readonly clock?: Clock;
  /** Lines about failures of one method with one status in a window. Default 10. */
  readonly linesPerWindow?: number;
  /** Length of the window in milliseconds. Default 10,000. */
  readonly windowMs?: number;
}

type Level = "debug" | "info" | "warn" | "error";

/** Enough lines to see what is going on; a storm then costs one line a second for each method and status. */
const DEFAULT_LINES_PER_WINDOW = 10;
const DEFAULT_WINDOW_MS = 10_000;

const LEVELS: Readonly<Record<StatusCode, Level>> = {
  OK: "debug",
  // Somebody stopped waiting, most often on purpose: leaving a stream is how it is ended.
  CANCELLED: "debug",
  UNKNOWN: "warn",
  INVALID_ARGUMENT: "info",
  DEADLINE_EXCEEDED: "warn",
  NOT_FOUND: "info",
  ALREADY_EXISTS: "info",
  PERMISSION_DENIED: "info",
  RESOURCE_EXHAUSTED: "warn",
  FAILED_PRECONDITION: "info",
  ABORTED: "info",
  OUT_OF_RANGE: "info",
  UNIMPLEMENTED: "warn",
  INTERNAL: "warn",
  UNAVAILABLE: "warn",
  DATA_LOSS: "warn",
  UNAUTHENTICATED: "info",
};

/** Writes a line for each call that this process made. */
export function clientLogObserver(log: Logger, options: CallLogOptions = {}): ClientObserver {
  return (method, target) => {
    const label = methodLabel(method);
    const gates = new Gates(log, { method: label, target }, options);
    return {
      callEnded(call) {
        const level = LEVELS[call.code];
        if (!gates.open(level, call.code)) return;
        log[level](clientFields(label, target, call), sentence("call", call.code, call.reason));
      },
    };
  };
}

/** Writes a line for each call that this process served. */
export function serverLogObserver(log: Logger, options: CallLogOptions = {}): ServerObserver {
  return (method) => {
    const label = methodLabel(method);
    const gates = new Gates(log, { method: label }, options);
    return {
      callEnded(call) {
        const level = call.thrown === undefined ? LEVELS[call.code] : "error";
        if (!gates.open(level, call.code)) return;
        log[level](serverFields(label, call), sentence("served call", call.code, call.reason));
      },
    };
  };
}

function sentence(what: string, code: StatusCode, reason: string): string {
  return code === "OK" ? `${what} ended` : `${what} failed with ${code}: ${reason}`;
}

function clientFields(method: string, target: string, call: ClientCallRecord): object {
  return {
    method,
    target,
    code: call.code,
    duration_ms: milliseconds(call.durationMs),
    endpoint: call.endpoint === "" ? undefined : call.endpoint,
    attempts: call.attempts,
    trace_id: call.trace.traceId,
    span_id: call.trace.spanId,
  };
}

function serverFields(method: string, call: ServerCallRecord): object {
  return {
    method,
    code: call.code,
    duration_ms: milliseconds(call.durationMs),
    peer: call.peer,
    trace_id: call.context.trace.traceId,
    span_id: call.context.trace.spanId,
    err: call.thrown,
  };
}

/** To the microsecond: more digits are noise. */
function milliseconds(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** The gates of one method: one to each status. */
class Gates {
  readonly #log: Logger;
  readonly #fields: object;
  readonly #options: CallLogOptions;
  readonly #gates = new Map<StatusCode, LogGate>();

  constructor(log: Logger, fields: object, options: CallLogOptions) {
    this.#log = log;
    this.#fields = fields;
    this.#options = options;
  }

  /** Whether this line is wanted. Lines for debugging are never held back: who asks for them wants all. */
  open(level: Level, code: StatusCode): boolean {
    if (!this.#log.isLevelEnabled(level)) return false;
    if (level === "debug") return true;
    let gate = this.#gates.get(code);
    if (gate === undefined) {
      gate = this.#gate(level, code);
      this.#gates.set(code, gate);
    }
    return gate.pass();
  }

  #gate(level: Exclude<Level, "debug">, code: StatusCode): LogGate {
    return new LogGate({
      clock: this.#options.clock ?? systemClock,
      linesPerWindow: this.#options.linesPerWindow ?? DEFAULT_LINES_PER_WINDOW,
      windowMs: this.#options.windowMs ?? DEFAULT_WINDOW_MS,
      onSuppressed: (suppressed, windowMs) =>
        this.#log[level](
          { ...this.#fields, code, suppressed },
          `${suppressed} more calls ended with ${code} within ${windowMs} ms: their lines were left out`,
        ),
    });
  }
}
