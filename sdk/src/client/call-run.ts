/**
 * The attempt engine: one call from its first pick to its one result. It owns deadline and cancellation, waits for
 * endpoints, retries and hedges (gRFC A6), and keeps the record. What is sent, and what is made of the answer, is its
 * user's: unary-call.ts and stream-call.ts.
 */
import { PREVIOUS_ATTEMPTS_KEY } from "../call/attempts-key.ts";
import { type AmbientContext, currentContext } from "../call/call-context.ts";
import type { Timer } from "../call/clock.ts";
import { CRITICALITY_KEY } from "../call/criticality.ts";
import { decodeStatusDetails, STATUS_DETAILS_KEY } from "../call/error-details.ts";
import { MeshError } from "../call/mesh-error.ts";
import { Metadata } from "../call/metadata.ts";
import { type ErrorCode, type StatusCode, STATUS_NUMBERS, statusName } from "../call/status.ts";
import {
  childSpan,
  formatTraceparent,
  newTrace,
  TRACEPARENT_KEY,
  TRACESTATE_KEY,
  type TraceContext,
} from "../call/trace-context.ts";
import type { EndpointState } from "../balancing/endpoint-state.ts";
import { DEFAULT_DEADLINE_MS, type HedgingPolicy, type MethodPolicy } from "../contract/policy.ts";
import { decideRetry } from "../resilience/decide-retry.ts";
import { parsePushback } from "../resilience/pushback.ts";
import { verdictOf } from "../resilience/verdict.ts";
import type { CallOutcome, Cancel, Connection, OutgoingCall } from "../transport/transport.ts";
import { type BoundMethod, endpointText } from "./bound-method.ts";
import type { CallOptions } from "./call-options.ts";

/** What differs between calls: how an attempt is sent, and what its end means. */
export interface CallHooks {
  /** Sends the call once more; reports the end through attempt.ended(). */
  send(connection: Connection, call: OutgoingCall, attempt: Attempt): Cancel;
  /** The call has succeeded by the attempt that ended last; called once. */
  succeeded(): void;
  /** The call has failed for good; called once. */
  failed(error: MeshError): void;
}

/** One sending of the call to one endpoint. */
export class Attempt {
  readonly run: CallRun;
  readonly state: EndpointState;
  readonly startedAt: number;
  /** Bytes of messages, kept by whoever sends and receives them. */
  sentBytes = 0;
  receivedBytes = 0;
  cancel: Cancel | undefined;

  constructor(run: CallRun, state: EndpointState, startedAt: number) {
    this.run = run;
    this.state = state;
    this.startedAt = startedAt;
  }

  ended(outcome: CallOutcome): void {
    this.run.attemptEnded(this, outcome);
  }
}

const NO_HASH = { hash: undefined };

export class CallRun {
  readonly method: BoundMethod;
  readonly options: CallOptions | undefined;
  readonly #hooks: CallHooks;
  readonly #policy: MethodPolicy;
  /** Streams are never hedged: their messages cannot be told apart by the user. */
  readonly #hedging: HedgingPolicy | undefined;
  readonly #context: AmbientContext | undefined;
  readonly #trace: TraceContext;
  readonly #metadata: Metadata;
  readonly #startedAt: number;
  readonly #deadline: number;
  readonly #tried: EndpointState[] = [];
  readonly #open: Attempt[] = [];
  #attempts = 0;
  #retries = 0;
  #transparentRetries = 0;
  #hedges = 0;
  #retryDelayMs = 0;
  #idleSince = 0;
  #backoffStep = 1;
  #committed = false;
  #settled = false;
  #timer: Timer | undefined;
  #hedgeTimer: Timer | undefined;
  #stopWaiting: (() => void) | undefined;
  #stopContext: (() => void) | undefined;
  #onAbort: (() => void) | undefined;

  /** Throws a MeshError for metadata that cannot be sent. */
  constructor(method: BoundMethod, options: CallOptions | undefined, hooks: CallHooks) {
    const { clock } = method.environment;
    this.method = method;
    this.options = options;
    this.#hooks = hooks;
    this.#policy = method.policy(options?.policy);
    this.#context = currentContext();
    this.#trace = this.#context === undefined ? newTrace() : childSpan(this.#context.trace);
    this.#metadata = this.#outgoingMetadata();
    this.#startedAt = clock.now();
    const timeoutMs = validTimeout(options?.timeoutMs);
    const unary = method.definition.kind === "unary";
    this.#hedging = unary ? this.#policy.hedging : undefined;
    const allowedMs = Math.min(this.#policy.deadlineMs ?? (unary ? DEFAULT_DEADLINE_MS : Infinity), timeoutMs);
    this.#deadline = Math.min(this.#startedAt + allowedMs, this.#context?.deadline ?? Infinity);
  }

  start(): void {
    const cancelledBy = this.#context?.cancellation.reason;
    if (cancelledBy !== undefined) return this.fail("CANCELLED", `call being served is over: ${cancelledBy.reason}`);
    if (this.options?.signal?.aborted === true) return this.#aborted(this.options.signal);
    if (this.#deadline <= this.#startedAt) {
      return this.fail("DEADLINE_EXCEEDED", "no time was left when the call was made");
    }
    this.method.environment.budget.deposit();
    this.#subscribe();
    this.#next();
  }

  /** The server has begun to answer: from here on nothing is sent again (gRFC A6), and other attempts end. */
  commit(attempt: Attempt, headers: Metadata): void {
    if (this.#settled) return;
    this.freeze();
    for (const other of this.#open) {
      if (other !== attempt) other.cancel?.(STATUS_NUMBERS.CANCELLED, "another attempt was answered first");
    }
    try {
      this.options?.onHeaders?.(headers);
    } catch (error) {
      this.fail("INTERNAL", "the call's own onHeaders threw", error);
    }
  }

  /** Too much was sent to be kept: no further attempt can be made. */
  freeze(): void {
    this.#committed = true;
    this.#hedgeTimer?.cancel();
  }

  /** Ends the call from this side: its attempts are cancelled and it fails with this. */
  fail(code: ErrorCode, reason: string, cause?: unknown, outcome?: CallOutcome): void {
    if (this.#settled) return;
    const last = this.#tried.at(-1);
    this.#settle(code, reason);
    if (outcome !== undefined) this.#tellTrailers(outcome);
    const details = outcome?.trailers.getBinary(STATUS_DETAILS_KEY);
    this.#hooks.failed(
      new MeshError(code, reason, {
        cause,
        details: decodeStatusDetails(details),
        metadata: outcome?.trailers,
        call: {
          method: this.method.label,
          endpoint: last && endpointText(last),
          attempts: this.#attempts,
          elapsedMs: this.method.environment.clock.now() - this.#startedAt,
        },
      }),
    );
  }

  /** Called by the attempt, exactly once for each. */
  attemptEnded(attempt: Attempt, outcome: CallOutcome): void {
    const { clock } = this.method.environment;
    const now = clock.now();
    const code = statusName(outcome.status);
    const durationMs = now - attempt.startedAt;
    const pushback = parsePushback(outcome.trailers);
    attempt.state.ended(now, durationMs, verdictOf(code, pushback), typeof pushback === "number" ? pushback : 0);
    this.method.attemptEnded({
      code,
      endpoint: endpointText(attempt.state),
      durationMs,
      sentBytes: attempt.sentBytes,
      receivedBytes: attempt.receivedBytes,
    });
    const at = this.#open.indexOf(attempt);
    if (at >= 0) this.#open.splice(at, 1);
    if (this.#settled) return;
    if (code === "OK") {
      this.#settle("OK", "");
      this.#tellTrailers(outcome);
      this.#hooks.succeeded();
    } else {
      this.#failedAttempt(code, outcome, now);
    }
  }

  #failedAttempt(code: ErrorCode, outcome: CallOutcome, now: number): void {
    const { budget, random, channel } = this.method.environment;
    if (this.#hedging !== undefined && !this.#committed) return this.#hedgeFailed(code, outcome);
    const pushback = parsePushback(outcome.trailers);
    const decision = decideRetry({
      policy: this.#policy.retry,
      idempotency: this.#policy.idempotency,
      code,
      processed: outcome.processed,
      pushback,
      committed: this.#committed,
      attempts: this.#attempts,
      transparentRetries: this.#transparentRetries,
      backoffStep: this.#backoffStep,
      maxTransparentRetries: channel.size,
      servesRetry: (this.#context?.previousAttempts ?? 0) > 0,
      remainingMs: this.#deadline - now,
      budget,
      random,
    });
    switch (decision.kind) {
      case "stop":
        return this.fail(code, outcome.reason, undefined, outcome);
      case "transparent":
        this.#transparentRetries++;
        return this.#next();
      case "retry":
        this.#retries++;
        // After a push-back the backoff begins anew (gRFC A6).
        this.#backoffStep = pushback === undefined ? this.#backoffStep + 1 : 1;
        this.#idleSince = now;
        this.#timer = this.method.environment.clock.setTimer(() => {
          this.#timer = undefined;
          this.#retryDelayMs += this.method.environment.clock.now() - this.#idleSince;
          this.#next();
        }, decision.delayMs);
        return;
    }
  }

  /** Sends the next attempt, or waits until one can be sent. */
  #next(): void {
    if (this.#settled) return;
    const { channel } = this.method.environment;
    const state = channel.pick(NO_HASH, this.#tried);
    const connection = state && channel.connectionOf(state);
    if (state !== undefined && connection !== undefined) return this.#send(state, connection);
    if (this.#open.length > 0) return; // A hedge that finds no endpoint leaves the call to the attempts under way.
    const obstacle = channel.obstacle();
    if (obstacle !== undefined) return this.fail(obstacle.code, obstacle.reason, obstacle.cause);
    this.#stopWaiting = channel.onceChanged(() => this.#next());
    this.#timer ??= this.method.environment.clock.setTimer(
      () => this.fail("DEADLINE_EXCEEDED", channel.describeWait()),
      this.#deadline - this.method.environment.clock.now(),
    );
  }

  #send(state: EndpointState, connection: Connection): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const attempt = new Attempt(this, state, this.method.environment.clock.now());
    state.started();
    this.#tried.push(state);
    this.#open.push(attempt);
    this.#attempts++;
    this.method.attemptStarted();
    const call = {
      path: this.method.definition.path,
      metadata: this.#attemptMetadata(),
      deadline: this.#deadline,
    };
    try {
      attempt.cancel = this.#hooks.send(connection, call, attempt);
    } catch (error) {
      // The connection closed between pick and send: nobody has seen the call.
      const reason = error instanceof Error ? error.message : String(error);
      const status = STATUS_NUMBERS.UNAVAILABLE;
      return attempt.ended({ status, reason, trailers: new Metadata(), processed: false });
    }
    this.#armHedge();
  }

  #armHedge(): void {
    const hedging = this.#hedging;
    if (hedging === undefined || this.#attempts >= hedging.maxAttempts || this.#committed || this.#settled) return;
    this.#hedgeTimer?.cancel();
    this.#hedgeTimer = this.method.environment.clock.setTimer(() => this.#hedge(), hedging.delayMs);
  }

  #hedge(): void {
    if (this.#settled || this.#committed || !this.method.environment.budget.tryWithdraw()) return;
    this.#hedges++;
    this.#next();
  }

  /** gRFC A6: a failure that is not fatal sends the next attempt at once; the last one out decides. */
  #hedgeFailed(code: ErrorCode, outcome: CallOutcome): void {
    const hedging = this.#hedging;
    const pushback = parsePushback(outcome.trailers);
    if (hedging === undefined || !hedging.nonFatalStatusCodes.includes(code)) {
      return this.fail(code, outcome.reason, undefined, outcome);
    }
    const more = this.#attempts < hedging.maxAttempts && pushback !== "stop";
    if (more && this.method.environment.budget.tryWithdraw()) {
      this.#hedgeTimer?.cancel();
      this.#hedges++;
      if (pushback === undefined) return this.#next();
      this.#hedgeTimer = this.method.environment.clock.setTimer(() => this.#next(), pushback);
    } else if (this.#open.length === 0) {
      this.fail(code, outcome.reason, undefined, outcome);
    }
  }

  #subscribe(): void {
    this.#stopContext = this.#context?.cancellation.onCancel((by) =>
      this.fail(by.code === "DEADLINE_EXCEEDED" ? by.code : "CANCELLED", `call being served is over: ${by.reason}`),
    );
    const signal = this.options?.signal;
    if (signal !== undefined) {
      this.#onAbort = () => this.#aborted(signal);
      signal.addEventListener("abort", this.#onAbort, { once: true });
    }
  }

  #aborted(signal: AbortSignal): void {
    this.fail("CANCELLED", "call was cancelled by its signal", signal.reason);
  }

  #settle(code: StatusCode, reason: string): void {
    this.#settled = true;
    this.#timer?.cancel();
    this.#hedgeTimer?.cancel();
    this.#stopWaiting?.();
    this.#stopContext?.();
    if (this.#onAbort !== undefined) this.options?.signal?.removeEventListener("abort", this.#onAbort);
    const { clock } = this.method.environment;
    const open = this.#open.splice(0);
    for (const attempt of open)
      attempt.cancel?.(STATUS_NUMBERS.CANCELLED, code === "OK" ? "another attempt won" : reason);
    const last = this.#tried.at(-1);
    this.method.callEnded({
      code,
      reason,
      durationMs: clock.now() - this.#startedAt,
      attempts: this.#attempts,
      retries: this.#retries,
      transparentRetries: this.#transparentRetries,
      hedges: this.#hedges,
      retryDelayMs: this.#retryDelayMs,
      endpoint: last === undefined ? "" : endpointText(last),
      trace: this.#trace,
    });
  }

  /** The call's result stands whatever its observer does: what it throws surfaces as an uncaught error of its own. */
  #tellTrailers(outcome: CallOutcome): void {
    const { onTrailers } = this.options ?? {};
    if (onTrailers === undefined) return;
    try {
      onTrailers(outcome.trailers);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #outgoingMetadata(): Metadata {
    const metadata = new Metadata();
    if (this.options?.metadata !== undefined) metadata.addAll(Metadata.from(this.options.metadata));
    metadata.set(TRACEPARENT_KEY, formatTraceparent(this.#trace));
    if (this.#trace.state !== undefined) metadata.set(TRACESTATE_KEY, this.#trace.state);
    const criticality = this.#policy.criticality ?? this.#context?.criticality ?? "DEFAULT";
    if (criticality !== "DEFAULT") metadata.set(CRITICALITY_KEY, criticality.toLowerCase());
    return metadata;
  }

  #attemptMetadata(): Metadata {
    if (this.#attempts <= 1) return this.#metadata;
    const metadata = new Metadata().addAll(this.#metadata);
    return metadata.set(PREVIOUS_ATTEMPTS_KEY, String(this.#attempts - 1));
  }
}

function validTimeout(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return Infinity;
  if (typeof timeoutMs === "number" && timeoutMs > 0) return timeoutMs;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `timeoutMs is ${JSON.stringify(timeoutMs)}: give a positive number of milliseconds, or leave it out`,
  );
}
