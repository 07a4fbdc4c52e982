/**
 * One call being served, from its headers to its one status: context, deadline, cancellation and record. What the user's
 * handler is given and what is made of its result is in serve-unary.ts and serve-stream.ts.
 */
import { LOAD_REPORT_KEY } from "../balancing/orca.ts";
import { runInContext } from "../call/call-context.ts";
import type { Timer } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";
import { type StatusCode, statusName } from "../call/status.ts";
import type { IncomingCall, ServerStatus } from "../transport/transport.ts";
import { verdictOf } from "../resilience/verdict.ts";
import { handlerStatus } from "./handler-status.ts";
import type { LoadReporter } from "./load-reporter.ts";
import type { ServedMethod } from "./served-method.ts";
import { ServerCallContext } from "./server-call-context.ts";

/** Finishes the call at the transport; called once. */
export type Finish = (status: ServerStatus) => void;

export class ServedCall {
  readonly method: ServedMethod;
  readonly context: ServerCallContext;
  readonly #call: IncomingCall;
  readonly #finish: Finish;
  #timer: Timer | undefined;
  #over = false;
  /** Whether the handler has yet to settle. */
  #running = false;
  /** Whether the transport was told that it goes on after the call. */
  #outlives = false;
  /** Calls that the server had when this one came. */
  readonly #alongside: number;

  constructor(method: ServedMethod, call: IncomingCall, finish: Finish) {
    const { clock, log } = method.environment;
    this.method = method;
    this.#call = call;
    this.#finish = finish;
    const contractMs = method.definition.policy.deadlineMs ?? Infinity;
    const deadline = Math.min(call.deadline, call.receivedAt + contractMs);
    this.context = new ServerCallContext({
      method: method.definition,
      call,
      deadline,
      cancellation: call.cancellation,
      clock,
      log,
    });
    method.started();
    this.#alongside = method.environment.load?.tracker.began() ?? 0;
    // Never taken back: both end with the call.
    call.cancellation.onCancel((reason) => this.#cancelled(reason));
    // The transport watches the caller's deadline; the contract's, when it comes first, is ours to watch.
    if (deadline < call.deadline && !this.#over) {
      this.#timer = clock.setTimer(() => this.fail(this.#tooLong(contractMs)), deadline - clock.now());
    }
  }

  /** Whether the status is out: nothing more may be sent. */
  get over(): boolean {
    return this.#over;
  }

  /** Calls back once when the call ends before its handler does. */
  onCancel(listener: (reason: MeshError) => void): () => void {
    return this.#call.cancellation.onCancel(listener);
  }

  /** Runs the handler with its context around it: what it returns, or a promise of it. */
  run(input: unknown): unknown {
    this.#running = true;
    return runInContext(this.context, this.method.handle, input, this.context);
  }

  /** The handler has returned, resolved or failed. */
  settled(): void {
    this.#running = false;
    if (!this.#outlives) return;
    this.#outlives = false;
    this.#call.workEnded();
  }

  /** Runs work with the call's context around it. */
  inContext<T>(work: () => T): T {
    return runInContext(this.context, work);
  }

  /** Sends what the handler put into responseHeaders, ahead of the first message. */
  sendHeaders(): void {
    if (this.context.hasHeaders) this.context.sendHeaders();
  }

  succeed(): void {
    this.#end({ status: 0, reason: "", trailers: this.context.responseTrailers }, undefined);
  }

  /** Ends the call with what was thrown; later ends are ignored, so a handler that outlives its call does no harm. */
  fail(error: unknown): void {
    if (this.#over) return;
    const thrown = error ?? new Error(`handler of ${this.method.label} threw ${String(error)}`);
    this.#end(handlerStatus(error, this.context), error instanceof MeshError ? undefined : thrown);
    this.#call.cancellation.cancel(error instanceof MeshError ? error : new MeshError("INTERNAL", "handler failed"));
  }

  #cancelled(reason: MeshError): void {
    if (this.#over) return;
    const status = { status: reason.status, reason: reason.reason, trailers: this.context.responseTrailers };
    this.#end(status, undefined, reason.code === "DEADLINE_EXCEEDED" ? "answered" : "given up");
  }

  #end(status: ServerStatus, thrown: unknown, how: "answered" | "given up" = "answered"): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    if (this.#running) {
      this.#outlives = true;
      this.#call.workGoesOn();
    }
    const { clock, load } = this.method.environment;
    const code = statusName(status.status);
    const nowMs = clock.now();
    if (how === "given up") load?.tracker.abandoned();
    else if (load !== undefined) this.#tellLoad(load, code, status, nowMs);
    this.#finish(status);
    this.method.ended({
      code,
      reason: status.reason,
      durationMs: nowMs - this.#call.receivedAt,
      sentBytes: this.#call.sentBytes,
      receivedBytes: this.#call.receivedBytes,
      peer: this.#call.peer,
      context: this.context,
      thrown,
    });
  }

  #tellLoad(load: LoadReporter, code: StatusCode, { trailers }: ServerStatus, nowMs: number): void {
    const durationMs = this.method.definition.kind === "unary" ? nowMs - this.#call.receivedAt : undefined;
    if (code === "DEADLINE_EXCEEDED") load.tracker.timedOut(nowMs, durationMs, this.#alongside);
    else load.tracker.ended(nowMs, durationMs, this.#alongside, verdictOf(code));
    const report = load.forPeer(this.#call.peer, nowMs);
    if (report !== undefined) trailers.set(LOAD_REPORT_KEY, report);
  }

  #tooLong(contractMs: number): MeshError {
    return new MeshError(
      "DEADLINE_EXCEEDED",
      `handler of ${this.method.label} took longer than the contract's ${contractMs} ms`,
    );
  }
}
