/**
 * Records calls as gRFC A66 and A96 name them. An observer is bound to its method and target once and holds the cells
 * of every status it has met, so the end of a call costs a few array writes.
 */
import type {
  AttemptRecord,
  ClientCallRecord,
  ClientMethodObserver,
  ClientObserver,
  ServerCallRecord,
  ServerMethodObserver,
  ServerObserver,
} from "../call/observer.ts";
import { type MethodInfo, methodLabel } from "../call/method-info.ts";
import { type StatusCode, STATUS_NUMBERS } from "../call/status.ts";
import type { Cells } from "./cells.ts";
import type { Family, NumberCell } from "./family.ts";
import { OTHER } from "./metric-names.ts";

/**
 * What a server binds its observer to for calls of methods it does not have, so that a stranger's paths do not become
 * labels: they are counted as "other" (A66).
 */
export const UNREGISTERED_METHOD: MethodInfo = { service: OTHER, name: OTHER, path: `/${OTHER}`, kind: "unary" };

const MS_PER_SECOND = 1000;

export interface ClientFamilies {
  readonly attemptStarted: Family<NumberCell>;
  readonly attemptsInFlight: Family<NumberCell>;
  readonly attemptDuration: Family<Cells>;
  /** Absent when message sizes are off. */
  readonly attemptSent: Family<Cells> | undefined;
  readonly attemptReceived: Family<Cells> | undefined;
  readonly callDuration: Family<Cells>;
  readonly retries: Family<Cells>;
  readonly transparentRetries: Family<Cells>;
  readonly hedges: Family<Cells>;
  readonly retryDelay: Family<Cells>;
}

export interface ServerFamilies {
  readonly callStarted: Family<NumberCell>;
  readonly callsInFlight: Family<NumberCell>;
  readonly callDuration: Family<Cells>;
  readonly callSent: Family<Cells> | undefined;
  readonly callReceived: Family<Cells> | undefined;
}

/** The cells of one status. */
interface TimedCells {
  readonly duration: Cells;
  readonly sent: Cells | undefined;
  readonly received: Cells | undefined;
}

class ClientMethodMetrics implements ClientMethodObserver {
  readonly #families: ClientFamilies;
  readonly #method: string;
  readonly #target: string;
  readonly #started: NumberCell;
  readonly #inFlight: NumberCell;
  /** By status number. */
  readonly #attempts: (TimedCells | undefined)[] = statusSlots();
  readonly #calls: (Cells | undefined)[] = statusSlots();

  constructor(families: ClientFamilies, method: string, target: string) {
    this.#families = families;
    this.#method = method;
    this.#target = target;
    this.#started = families.attemptStarted.cells(method, target);
    this.#inFlight = families.attemptsInFlight.cells(method, target);
  }

  attemptStarted(): void {
    this.#started.value++;
    this.#inFlight.value++;
  }

  attemptEnded(attempt: AttemptRecord): void {
    this.#inFlight.value--;
    const cells = this.#attempts[STATUS_NUMBERS[attempt.code]] ?? this.#attemptCells(attempt.code);
    cells.duration.record(attempt.durationMs / MS_PER_SECOND);
    cells.sent?.record(attempt.sentBytes);
    cells.received?.record(attempt.receivedBytes);
  }

  callEnded(call: ClientCallRecord): void {
    const cells = this.#calls[STATUS_NUMBERS[call.code]] ?? this.#callCells(call.code);
    cells.record(call.durationMs / MS_PER_SECOND);
    if (call.attempts > 1) this.#again(call);
  }

  /** The rare call of several attempts: here looking labels up is cheap enough. */
  #again(call: ClientCallRecord): void {
    const { retries, transparentRetries, hedges, retryDelay } = this.#families;
    if (call.retries > 0) retries.cells(this.#method, this.#target).record(call.retries);
    if (call.transparentRetries > 0) {
      transparentRetries.cells(this.#method, this.#target).record(call.transparentRetries);
    }
    if (call.hedges > 0) hedges.cells(this.#method, this.#target).record(call.hedges);
    retryDelay.cells(this.#method, this.#target).record(call.retryDelayMs / MS_PER_SECOND);
  }

  #attemptCells(code: StatusCode): TimedCells {
    const { attemptDuration, attemptSent, attemptReceived } = this.#families;
    const cells: TimedCells = {
      duration: attemptDuration.cells(this.#method, this.#target, code),
      sent: attemptSent?.cells(this.#method, this.#target, code),
      received: attemptReceived?.cells(this.#method, this.#target, code),
    };
    this.#attempts[STATUS_NUMBERS[code]] = cells;
    return cells;
  }

  #callCells(code: StatusCode): Cells {
    const cells = this.#families.callDuration.cells(this.#method, this.#target, code);
    this.#calls[STATUS_NUMBERS[code]] = cells;
    return cells;
  }
}

class ServerMethodMetrics implements ServerMethodObserver {
  readonly #families: ServerFamilies;
  readonly #method: string;
  readonly #started: NumberCell;
  readonly #inFlight: NumberCell;
  readonly #calls: (TimedCells | undefined)[] = statusSlots();

  constructor(families: ServerFamilies, method: string) {
    this.#families = families;
    this.#method = method;
    this.#started = families.callStarted.cells(method);
    this.#inFlight = families.callsInFlight.cells(method);
  }

  callStarted(): void {
    this.#started.value++;
    this.#inFlight.value++;
  }

  callEnded(call: ServerCallRecord): void {
    this.#inFlight.value--;
    const cells = this.#calls[STATUS_NUMBERS[call.code]] ?? this.#callCells(call.code);
    cells.duration.record(call.durationMs / MS_PER_SECOND);
    cells.sent?.record(call.sentBytes);
    cells.received?.record(call.receivedBytes);
  }

  #callCells(code: StatusCode): TimedCells {
    const { callDuration, callSent, callReceived } = this.#families;
    const cells: TimedCells = {
      duration: callDuration.cells(this.#method, code),
      sent: callSent?.cells(this.#method, code),
      received: callReceived?.cells(this.#method, code),
    };
    this.#calls[STATUS_NUMBERS[code]] = cells;
    return cells;
  }
}

export function clientMetrics(families: ClientFamilies): ClientObserver {
  return (method, target) => new ClientMethodMetrics(families, methodLabel(method), target);
}

export function serverMetrics(families: ServerFamilies): ServerObserver {
  return (method) => new ServerMethodMetrics(families, methodLabel(method));
}

/** Filled from the start: an array without holes is read faster. */
function statusSlots(): undefined[] {
  return Array.from(Object.keys(STATUS_NUMBERS), () => undefined);
}
