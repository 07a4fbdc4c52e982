/**
 * The attempt engine: one call from its first pick to its one result. It owns deadline and cancellation, waits for
 * endpoints, retries and hedges (gRFC A6), and keeps the record. What is sent, and what is made of the answer, is its
 * user's: unary-call.ts and stream-call.ts.
 */
import { type AmbientContext, currentContext } from "../call/call-context.ts";
import type { Timer } from "../call/clock.ts";
import { decodeStatusDetails, STATUS_DETAILS_KEY } from "../call/error-details.ts";
import { MeshError } from "../call/mesh-error.ts";
import { Metadata } from "../call/metadata.ts";
import { type ErrorCode, type StatusCode, STATUS_NUMBERS, statusName } from "../call/status.ts";
import { childSpan, newTrace, type TraceContext } from "../call/trace-context.ts";
import { takeLoadReport } from "../balancing/orca.ts";
import type { EndpointState } from "../balancing/endpoint-state.ts";
import type { PickContext } from "../balancing/pick-policy.ts";
import { DEFAULT_DEADLINE_MS, type HedgingPolicy, type MethodPolicy } from "../contract/policy.ts";
import { decideRetry, type StopReason } from "../resilience/decide-retry.ts";
import { parsePushback, type Pushback } from "../resilience/pushback.ts";
import { verdictOf } from "../resilience/verdict.ts";
import type { CallOutcome, Connection, MessageEncoding, OpenCall, OutgoingCall } from "../transport/transport.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import { type BoundMethod, endpointText } from "./bound-method.ts";
import { callHash } from "./call-hash.ts";
import { type CallOptions, checkedEncoding, checkedTimeout } from "./call-options.ts";
import { attemptMetadata, outgoingMetadata } from "./outgoing-metadata.ts";

/** What differs between calls: how an attempt is sent, and what its end means. */
export interface CallHooks {
  /** Sends the call once more; reports the end through attempt.ended(). */
  send(connection: Connection, call: OutgoingCall, attempt: Attempt): OpenCall;
  /** The call has succeeded by the attempt that ended last; called once. */
  succeeded(): void;
  /** The call has failed for good; called once. */
  failed(error: MeshError): void;
}

const NO_HASH: PickContext = { hash: undefined };
/** Transports round deadlines, and some keep them on the wall clock: they fire a little early. */
const ROUNDING_MS = 10;

/** Why an attempt is sent, for the record. */
type Occasion = "first" | "retry" | "transparent" | "hedge";

export class CallRun implements AttemptOwner {
  readonly method: BoundMethod;
  readonly options: CallOptions | undefined;
  /** How its messages are written unless they say otherwise. */
  encoding: MessageEncoding;
  readonly #hooks: CallHooks;
  readonly #policy: MethodPolicy;
  /** Streams are never hedged: their messages cannot be told apart by the user. */
  readonly #hedging: HedgingPolicy | undefined;
  readonly #context: AmbientContext | undefined;
  readonly #trace: TraceContext;
  readonly #metadata: Metadata;
  readonly #startedAt: number;
  readonly #deadline: number;
  #picking = NO_HASH;
  readonly #tried: EndpointState[] = [];
  readonly #open: Attempt[] = [];
  #attempts = 0;
  #retries = 0;
  #transparentRetries = 0;
  #hedges = 0;
  #retryDelayMs = 0;
  /** Since when no attempt has been open. */
  #idleSince = 0;
  #occasion: Occasion = "first";
  #backoffStep = 1;
  #committed = false;
  /** A server asked not to be sent the call again. */
  #hedgesStopped = false;
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
    this.#metadata = outgoingMetadata(options, this.#policy, this.#context, this.#trace);
    this.#startedAt = clock.now();
    const timeoutMs = checkedTimeout(options);
    this.encoding = checkedEncoding(options);
    const unary = method.definition.kind === "unary";
    this.#hedging = unary ? this.#policy.hedging : undefined;
    const allowedMs = Math.min(this.#policy.deadlineMs ?? (unary ? DEFAULT_DEADLINE_MS : Infinity), timeoutMs);
    this.#deadline = Math.min(this.#startedAt + allowedMs, this.#context?.deadline ?? Infinity);
  }

  /** Whether the policy names what balancing hashes: hashBy() then has something to do. */
  get hashes(): boolean {
    return this.#policy.hashKey !== undefined;
  }

  /**
   * Lets calls that are alike in what their policy's hashKey names go to one endpoint, where balancing hashes. Before start().
   *
   * @param message the whole request; undefined where there is none before the call is sent.
   */
  hashBy(message: unknown): void {
    const { hashKey } = this.#policy;
    if (hashKey !== undefined) this.#picking = { hash: callHash(hashKey, this.#metadata, message) };
  }

  start(): void {
    const cancelledBy = this.#context?.cancellation.reason;
    if (cancelledBy !== undefined) return this.#servedCallOver(cancelledBy);
    if (this.options?.signal?.aborted === true) return this.#aborted(this.options.signal);
    if (this.#deadline <= this.#startedAt) {
      return this.fail("DEADLINE_EXCEEDED", "no time was left when the call was made");
    }
    this.method.environment.budget.deposit();
    this.#subscribe();
    this.#next("first");
  }

  /** The server has begun to answer: from here on nothing is sent again (gRFC A6), and other attempts end. */
  commit(attempt: Attempt, headers: Metadata): void {
    const at = this.#open.indexOf(attempt);
    if (this.#settled || at < 0) return; // A loser may be answered before it hears that it has lost.
    attempt.answeredAt = this.method.environment.clock.now();
    this.freeze();
    this.#open.splice(at, 1);
    const losers = this.#open.splice(0, this.#open.length, attempt);
    for (const loser of losers) loser.call?.cancel(STATUS_NUMBERS.CANCELLED, "another attempt was answered first");
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
  fail(code: ErrorCode, reason: string, cause?: unknown): void {
    this.#fail(code, reason, cause, this.#tried.at(-1), undefined);
  }

  #fail(
    code: ErrorCode,
    reason: string,
    cause: unknown,
    last: EndpointState | undefined,
    outcome: CallOutcome | undefined,
  ): void {
    if (this.#settled) return;
    this.#settle(code, reason, last);
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

  attemptEnded(attempt: Attempt, outcome: CallOutcome): void {
    const { clock } = this.method.environment;
    const now = clock.now();
    const code = statusName(outcome.status);
    const durationMs = now - attempt.startedAt;
    const pushback = parsePushback(outcome.trailers);
    const latencyMs = this.#latencyMs(attempt, durationMs);
    const pushbackMs = typeof pushback === "number" ? pushback : 0;
    const end = { durationMs: latencyMs, verdict: verdictOf(code, pushback), pushbackMs };
    const { channel } = this.method.environment;
    channel.balancer.ended(attempt.state, end, now);
    channel.loadTold(attempt.state, takeLoadReport(outcome.trailers), now);
    this.method.attemptEnded({
      code,
      endpoint: endpointText(attempt.state),
      durationMs,
      sentBytes: outcome.sentBytes,
      receivedBytes: outcome.receivedBytes,
    });
    const at = this.#open.indexOf(attempt);
    if (this.#settled || at < 0) return; // A loser has no say in the call's result.
    this.#open.splice(at, 1);
    if (this.#open.length === 0) this.#idleSince = now;
    if (code === "OK") {
      this.#settle("OK", "", attempt.state);
      this.#tellTrailers(outcome);
      this.#hooks.succeeded();
    } else {
      this.#failedAttempt(attempt, code, outcome, now);
    }
  }

  #failedAttempt(attempt: Attempt, code: ErrorCode, outcome: CallOutcome, now: number): void {
    const { budget, random, channel } = this.method.environment;
    const pushback = parsePushback(outcome.trailers);
    const remainingMs = this.#deadline - now;
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
      remainingMs,
      budget,
      random,
    });
    switch (decision.kind) {
      case "stop":
        if (this.#hedged(code, pushback, remainingMs)) return;
        return this.#fail(code, this.#reasonOf(code, outcome, decision.why, now), undefined, attempt.state, outcome);
      case "transparent":
        return this.#next("transparent");
      case "retry":
        // After a push-back the backoff begins anew (gRFC A6).
        this.#backoffStep = pushback === undefined ? this.#backoffStep + 1 : 1;
        this.#timer = this.method.environment.clock.setTimer(() => {
          this.#timer = undefined;
          this.#next("retry");
        }, decision.delayMs);
        return;
    }
  }

  /** The outcome's reason, with what only this side knows: whose deadline it was, and why nothing was sent again. */
  #reasonOf(code: ErrorCode, outcome: CallOutcome, why: StopReason, now: number): string {
    if (code === "DEADLINE_EXCEEDED" && now >= this.#deadline - ROUNDING_MS) {
      return `no answer within ${Math.round(this.#deadline - this.#startedAt)} ms, ${this.#whoseDeadline()}`;
    }
    if (code === "UNAVAILABLE" && why === "no_policy" && this.#hedging === undefined) {
      return `${outcome.reason}; not sent again, since the contract declares no retry`;
    }
    return outcome.reason;
  }

  #whoseDeadline(): string {
    if (this.#deadline === this.#context?.deadline) return "which is what the call being served had left";
    const ownMs = this.#policy.deadlineMs ?? DEFAULT_DEADLINE_MS;
    if ((this.options?.timeoutMs ?? Infinity) < ownMs) return "the call's timeoutMs";
    return this.#policy.deadlineMs === undefined
      ? "the default deadline"
      : "the deadline of its contract or configuration";
  }

  /** Sends the next attempt, or waits until one can be sent. */
  #next(occasion: Occasion): void {
    if (this.#settled) return;
    this.#occasion = occasion;
    const { channel } = this.method.environment;
    const now = this.method.environment.clock.now();
    const state = channel.pick(this.#picking, this.#tried, now);
    const connection = state && channel.connectionOf(state);
    if (state !== undefined && connection !== undefined) return this.#send(state, connection, now);
    if (this.#open.length > 0) return; // A hedge that finds no endpoint leaves the call to the attempts under way.
    const obstacle = channel.obstacle();
    if (obstacle !== undefined) return this.fail(obstacle.code, obstacle.reason, obstacle.cause);
    this.#stopWaiting?.();
    this.#stopWaiting = channel.onceChanged(() => this.#next(occasion));
    // Without a deadline too: a process whose only work is this call must not end while it waits.
    const leftMs = Math.min(this.#deadline - now, Number.MAX_SAFE_INTEGER);
    this.#timer ??= this.method.environment.clock.setTimer(
      () => this.fail("DEADLINE_EXCEEDED", channel.describeWait()),
      leftMs,
    );
  }

  #send(state: EndpointState, connection: Connection, now: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const attempt = new Attempt(this, state, now);
    this.#count(now);
    state.started();
    this.#tried.push(state);
    this.#open.push(attempt);
    this.method.attemptStarted();
    const call = {
      path: this.method.definition.path,
      // Nobody has seen what was retried transparently: to the server it never was.
      metadata: attemptMetadata(this.#metadata, this.#attempts - this.#transparentRetries - 1),
      deadline: this.#deadline,
      encoding: this.encoding,
    };
    try {
      attempt.call = this.#hooks.send(connection, call, attempt);
    } catch (error) {
      // The connection closed between pick and send: nobody has seen the call.
      const reason = error instanceof Error ? error.message : String(error);
      return attempt.ended({
        status: STATUS_NUMBERS.UNAVAILABLE,
        reason,
        trailers: new Metadata(),
        processed: false,
        sentBytes: 0,
        receivedBytes: 0,
      });
    }
    // The user's own code may run while an attempt is sent, and end the call before the attempt can be cancelled.
    if (attempt.outcome !== undefined) return;
    if (this.#settled) attempt.call.cancel(STATUS_NUMBERS.CANCELLED, "call ended while it was sent");
    else this.#armHedge();
  }

  #armHedge(): void {
    if (this.#hedging === undefined || !this.#mayHedge()) return;
    this.#hedgeIn(this.#hedging.delayMs, () => {
      if (this.method.environment.budget.tryWithdraw()) this.#next("hedge");
    });
  }

  #count(now: number): void {
    this.#attempts++;
    if (this.#occasion === "transparent") this.#transparentRetries++;
    else if (this.#open.length > 0) this.#hedges++;
    else if (this.#occasion !== "first") this.#retries++;
    if (this.#attempts > 1 && this.#open.length === 0) this.#retryDelayMs += now - this.#idleSince;
  }

  /** What the balancer is told: how long a stream goes on is its user's doing, how soon it is answered the endpoint's. */
  #latencyMs(attempt: Attempt, durationMs: number): number {
    if (this.method.definition.kind === "unary" || attempt.answeredAt === undefined) return durationMs;
    return attempt.answeredAt - attempt.startedAt;
  }

  /** Whether gRFC A6 allows one more attempt beside those under way; transparent ones do not count. */
  #mayHedge(): boolean {
    const most = this.#hedging?.maxAttempts ?? 0;
    return this.#attempts - this.#transparentRetries < most && !this.#committed && !this.#hedgesStopped;
  }

  #hedgeIn(delayMs: number, hedge: () => void): void {
    this.#hedgeTimer?.cancel();
    this.#hedgeTimer = this.method.environment.clock.setTimer(hedge, delayMs);
  }

  /**
   * Whether a hedged call goes on after a failed attempt. gRFC A6: a failure that is not fatal sends the next attempt at
   * once, or when the server says; one that is fatal ends the call; the last one out decides.
   */
  #hedged(code: ErrorCode, pushback: Pushback, remainingMs: number): boolean {
    if (this.#committed || this.#hedging?.nonFatalStatusCodes.includes(code) !== true) return false;
    if (pushback === "stop") {
      this.#hedgesStopped = true;
      this.#hedgeTimer?.cancel();
    } else if (this.#mayHedge() && (pushback ?? 0) < remainingMs && this.method.environment.budget.tryWithdraw()) {
      this.#hedgeTimer?.cancel();
      if (pushback === undefined) this.#next("hedge");
      else this.#hedgeIn(pushback, () => this.#next("hedge"));
      return true;
    }
    return this.#open.length > 0;
  }

  #subscribe(): void {
    this.#stopContext = this.#context?.cancellation.onCancel((by) => this.#servedCallOver(by));
    if (this.method.definition.kind !== "unary") this.method.environment.channel.opened(this);
    const signal = this.options?.signal;
    if (signal !== undefined) {
      this.#onAbort = () => this.#aborted(signal);
      signal.addEventListener("abort", this.#onAbort, { once: true });
    }
  }

  #servedCallOver(by: MeshError): void {
    this.fail(by.code === "DEADLINE_EXCEEDED" ? by.code : "CANCELLED", `call being served is over: ${by.reason}`);
  }

  #aborted(signal: AbortSignal): void {
    this.fail("CANCELLED", "call was cancelled by its signal", signal.reason);
  }

  #settle(code: StatusCode, reason: string, last: EndpointState | undefined): void {
    this.#settled = true;
    this.#timer?.cancel();
    this.#hedgeTimer?.cancel();
    this.#stopWaiting?.();
    this.#stopContext?.();
    if (this.method.definition.kind !== "unary") this.method.environment.channel.ended(this);
    if (this.#onAbort !== undefined) this.options?.signal?.removeEventListener("abort", this.#onAbort);
    const { clock } = this.method.environment;
    const open = this.#open.splice(0);
    for (const attempt of open)
      attempt.call?.cancel(STATUS_NUMBERS.CANCELLED, code === "OK" ? "another attempt won" : reason);
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
}
