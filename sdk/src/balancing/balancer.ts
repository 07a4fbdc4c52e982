/**
 * Balancing as its users see it: they say which endpoints are ready, ask for one per attempt, and tell how attempts end.
 * What is here decides and does no I/O, so that a simulation runs the very code that calls do.
 */
import type { Clock, Timer } from "../call/clock.ts";
import type { Random } from "../call/random.ts";
import type { EndpointState, Verdict } from "./endpoint-state.ts";
import type { LoadReport } from "./load-report.ts";
import { type Ejection, type OutlierOptions, Outliers } from "./outliers.ts";
import type { PickContext, PickPolicy, PickPolicyFactory } from "./pick-policy.ts";
import { withoutTried } from "./without-tried.ts";

export interface BalancerOptions {
  readonly policy: PickPolicyFactory;
  readonly clock: Clock;
  readonly random: Random;
  /** When endpoints that do worse than their peers are taken out; undefined: never. */
  readonly outliers?: OutlierOptions | undefined;
  /** Asks an endpoint for a load report, which comes back by reported(), or does not. Default: nobody is asked. */
  readonly probe?: (state: EndpointState) => void;
}

/** How an attempt ended, in an object that its owner may use again. */
export interface AttemptEnd {
  /** From the pick to the end. */
  durationMs: number;
  verdict: Verdict;
  /** With "overload": how long the endpoint asks to be left alone; 0 when it does not say. */
  pushbackMs: number;
}

export class Balancer {
  readonly #policy: PickPolicy;
  readonly #time: PickTime;
  readonly #outliers: Outliers | undefined;
  #ready: readonly EndpointState[] = [];
  /** Of these, those that are not out. */
  #good: readonly EndpointState[] = [];

  /** Throws INVALID_ARGUMENT for options of outliers that are out of range. */
  constructor({ policy, clock, random, outliers, probe }: BalancerOptions) {
    this.#time = new PickTime(clock);
    this.#policy = policy({ clock: this.#time, random, ...(probe && { probe }) });
    this.#outliers = outliers && new Outliers(outliers, clock, () => this.#sort());
  }

  /** The endpoints that calls can be sent to, whenever they change: a new array each time, or the same one. */
  update(ready: readonly EndpointState[]): void {
    this.#ready = ready;
    this.#outliers?.update(ready);
    this.#sort();
  }

  /** Why an endpoint gets no calls at present but to show whether it is well again; undefined when it does. */
  ejectionOf(state: EndpointState): Ejection | undefined {
    return this.#outliers?.ejectionOf(state);
  }

  /** Name of the pick policy. */
  get policy(): string {
    return this.#policy.name;
  }

  /** How many endpoints calls can be sent to. */
  get size(): number {
    return this.#ready.length;
  }

  /**
   * The endpoint for the next attempt, or undefined when none is ready. Endpoints that the call has tried come last. The
   * caller counts the pick in the same synchronous step, with EndpointState.started().
   *
   * @param nowMs what the clock says: callers need it themselves, and reading it costs as much as the rest of a pick.
   */
  pick(call: PickContext, tried: readonly EndpointState[], nowMs = this.#time.read()): EndpointState | undefined {
    if (this.#good.length === 0) return undefined;
    this.#time.nowMs = nowMs;
    const trial = this.#outliers?.trial(tried, nowMs);
    if (trial !== undefined) return trial;
    const candidates = tried.length === 0 ? this.#good : withoutTried(this.#good, tried);
    return this.#policy.pick(candidates, call);
  }

  /** An attempt has ended, once for every pick that was counted. */
  ended(state: EndpointState, { durationMs, verdict, pushbackMs }: AttemptEnd, nowMs = this.#time.read()): void {
    state.ended(nowMs, durationMs, verdict, pushbackMs);
    this.#outliers?.ended(state, durationMs, verdict, nowMs);
  }

  /** A load report has come, with an answer or for a probe. */
  reported(state: EndpointState, report: LoadReport, nowMs = this.#time.read()): void {
    this.#time.nowMs = nowMs;
    this.#policy.reported?.(state, report);
  }

  #sort(): void {
    const outliers = this.#outliers;
    if (outliers?.any !== true) this.#good = this.#ready;
    else this.#good = this.#ready.filter((state) => outliers.ejectionOf(state) === undefined);
    if (this.#good.length > 0) this.#policy.update?.(this.#good);
  }
}

/** The clock of policies: it stands still while they work, at the time that the balancer was told. */
class PickTime implements Clock {
  nowMs: number;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.nowMs = clock.now();
  }

  now(): number {
    return this.nowMs;
  }

  /** Goes on to what the real clock says. */
  read(): number {
    this.nowMs = this.#clock.now();
    return this.nowMs;
  }

  wallTime(): number {
    return this.#clock.wallTime();
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    return this.#clock.setTimer(() => this.#fire(callback), delayMs);
  }

  setBackgroundTimer(callback: () => void, delayMs: number): Timer {
    return this.#clock.setBackgroundTimer(() => this.#fire(callback), delayMs);
  }

  #fire(callback: () => void): void {
    this.read();
    callback();
  }
}
