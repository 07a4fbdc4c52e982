/**
 * Balancing as its users see it: they say which endpoints are ready, ask for one per attempt, and tell how attempts end.
 * What is here decides and does no I/O, so that a simulation runs the very code that calls do.
 */
import type { Clock, Timer } from "../call/clock.ts";
import type { Random } from "../call/random.ts";
import type { EndpointState, Verdict } from "./endpoint-state.ts";
import type { LoadReport } from "./load-report.ts";
import { type Ejection, type OutlierObserver, type OutlierOptions, Outliers } from "./outliers.ts";
import type { PickContext, PickPolicy, PickPolicyFactory, PolicyEnvironment } from "./pick-policy.ts";
import { SlowStart, type SlowStartOptions } from "./slow-start.ts";
import { withoutTried } from "./without-tried.ts";
import { ZonePreference, type ZonePreferenceOptions } from "./zone-preference.ts";

export interface BalancerOptions {
  readonly policy: PickPolicyFactory;
  readonly clock: Clock;
  readonly random: Random;
  /** When endpoints that do worse than their peers are taken out; undefined: never. */
  readonly outliers?: OutlierOptions | undefined;
  readonly outlierObserver?: OutlierObserver | undefined;
  /** How the share of new endpoints grows; undefined: they get their full share at once. */
  readonly slowStart?: SlowStartOptions | undefined;
  /** The zone that calls should stay in; undefined: all zones are alike. */
  readonly zone?: (ZonePreferenceOptions & { readonly own: string }) | undefined;
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

/** Endpoints that are picked among, and the policy that does. */
interface Side {
  readonly policy: PickPolicy;
  good: readonly EndpointState[];
}

interface Sides {
  /** All endpoints, or with a preferred zone those in it. */
  readonly here: Side;
  /** Those of other zones; undefined: no zone is preferred, or the policy keeps keys. */
  readonly elsewhere: Side | undefined;
}

const NOBODY: readonly EndpointState[] = [];

export class Balancer {
  readonly #time: PickTime;
  readonly #environment: PolicyEnvironment;
  readonly #outliers: Outliers | undefined;
  readonly #slowStart: SlowStart | undefined;
  /** It counts calls whatever the policy, for the next one may go by it. */
  readonly #zone: { readonly own: string; readonly preference: ZonePreference } | undefined;
  #sides: Sides;
  #ready: readonly EndpointState[] = [];

  /** Throws INVALID_ARGUMENT for options that are out of range. */
  constructor({ policy, clock, random, outliers, outlierObserver, slowStart, zone, probe }: BalancerOptions) {
    this.#time = new PickTime(clock);
    this.#environment = { clock: this.#time, random, ...(probe && { probe }) };
    this.#outliers = outliers && new Outliers(outliers, clock, () => this.#sort(), outlierObserver);
    this.#slowStart = slowStart && new SlowStart(slowStart, clock, () => this.#reweigh());
    if (zone !== undefined) {
      const { own, ...options } = zone;
      this.#zone = { own, preference: new ZonePreference(options, random, clock.now()) };
    }
    this.#sides = this.#sidesOf(policy);
  }

  /**
   * Goes on with another policy from the next pick. What is known of endpoints and zones stays, and so do those that are out.
   * What the factory or its policy throws changes nothing.
   */
  use(policy: PickPolicyFactory): void {
    this.#time.read();
    const before = this.#sides;
    this.#sides = this.#sidesOf(policy);
    try {
      this.update([...this.#ready]);
    } catch (error) {
      this.#sides = before;
      this.update([...this.#ready]);
      throw error;
    }
  }

  /** The endpoints that calls can be sent to, whenever they change: a new array each time, or the same one. */
  update(ready: readonly EndpointState[]): void {
    this.#ready = ready;
    this.#outliers?.update(ready);
    this.#slowStart?.update(this.#keepsKeys ? NOBODY : ready);
    this.#sort();
  }

  /** Why an endpoint gets no calls at present but to show whether it is well again; undefined when it does. */
  ejectionOf(state: EndpointState): Ejection | undefined {
    return this.#outliers?.ejectionOf(state);
  }

  /** Whether so many endpoints are out that all get calls. */
  get panicking(): boolean {
    return this.#outliers?.panicking === true;
  }

  /** The share of calls that leaves the preferred zone, 0 to 1; undefined when none is preferred. */
  get elsewhere(): number | undefined {
    return this.#sides.elsewhere && this.#zone?.preference.elsewhere;
  }

  /** Name of the pick policy. */
  get policy(): string {
    return this.#sides.here.policy.name;
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
    if (this.#ready.length === 0) return undefined;
    this.#time.nowMs = nowMs;
    const trial = this.#outliers?.trial(tried, nowMs);
    if (this.#zone !== undefined) return this.#pickByZone(call, tried, trial);
    if (trial !== undefined) return trial;
    const { policy, good } = this.#sides.here;
    return policy.pick(tried.length === 0 ? good : withoutTried(good, tried), call);
  }

  /** An attempt has ended, once for every pick that was counted. */
  ended(state: EndpointState, { durationMs, verdict, pushbackMs }: AttemptEnd, nowMs = this.#time.read()): void {
    state.ended(nowMs, durationMs, verdict, pushbackMs);
    this.#outliers?.ended(state, durationMs, verdict, nowMs);
    this.#zone?.preference.ended(this.#isHere(state), durationMs, verdict, nowMs);
  }

  /** Whether the policy goes by load reports. */
  get listens(): boolean {
    return this.#sides.here.policy.reported !== undefined;
  }

  /** A load report has come, with an answer or for a probe. */
  reported(state: EndpointState, report: LoadReport, nowMs = this.#time.read()): void {
    this.#time.nowMs = nowMs;
    state.reportedMs = nowMs;
    state.report = report;
    state.reportedPicks = state.picks;
    this.#tell(state, report);
  }

  /**
   * Tells the policy once more what an endpoint last told of its load. What was picked since counts as in flight: without it
   * a burst would see the endpoint as idle again with every reminder.
   */
  remind(state: EndpointState): void {
    const { report } = state;
    if (report?.inFlight === undefined) return;
    this.#tell(state, { ...report, inFlight: report.inFlight + state.picks - state.reportedPicks });
  }

  get #keepsKeys(): boolean {
    return this.#sides.here.policy.keepsKeys === true;
  }

  #sideOf(policy: PickPolicyFactory): Side {
    return { policy: policy(this.#environment), good: [] };
  }

  #sidesOf(policy: PickPolicyFactory): Sides {
    const here = this.#sideOf(policy);
    const whole = this.#zone === undefined || here.policy.keepsKeys === true;
    return { here, elsewhere: whole ? undefined : this.#sideOf(policy) };
  }

  #tell(state: EndpointState, report: LoadReport): void {
    const { here, elsewhere } = this.#sides;
    const { policy } = elsewhere === undefined || this.#isHere(state) ? here : elsewhere;
    policy.reported?.(state, report);
  }

  /** Policies know from a new array that something has changed. */
  #reweigh(): void {
    this.#ready = [...this.#ready];
    this.#sort();
  }

  #pickByZone(call: PickContext, tried: readonly EndpointState[], trial: EndpointState | undefined): EndpointState {
    const { policy, good } = this.#side(tried);
    const state = trial ?? policy.pick(tried.length === 0 ? good : withoutTried(good, tried), call);
    this.#zone?.preference.began(this.#isHere(state), this.#time.nowMs);
    return state;
  }

  /** Where the next attempt goes. A retry that has tried all of one side goes to the other. */
  #side(tried: readonly EndpointState[]): Side {
    const { here, elsewhere } = this.#sides;
    if (elsewhere === undefined || this.#zone === undefined) return here;
    const [side, other] = this.#zone.preference.goes(this.#time.nowMs) ? [elsewhere, here] : [here, elsewhere];
    if (tried.length === 0) return side;
    const untried = ({ good }: Side): boolean => good.some((state) => !tried.includes(state));
    return untried(side) || !untried(other) ? side : other;
  }

  #isHere(state: EndpointState): boolean {
    return state.endpoint.zone === this.#zone?.own;
  }

  #sort(): void {
    const outliers = this.#outliers;
    const good =
      outliers?.any === true ? this.#ready.filter((state) => outliers.ejectionOf(state) === undefined) : this.#ready;
    const sides = this.#sides;
    if (sides.elsewhere === undefined || this.#zone === undefined) return tell(sides.here, good);
    const here = good.filter((state) => this.#isHere(state));
    const elsewhere = good.filter((state) => !this.#isHere(state));
    const all = this.#ready.reduce((count, state) => (this.#isHere(state) ? count + 1 : count), 0);
    this.#zone.preference.update(all, here.length, elsewhere.length);
    tell(sides.here, here);
    tell(sides.elsewhere, elsewhere);
  }
}

function tell(side: Side, good: readonly EndpointState[]): void {
  side.good = good;
  if (good.length > 0) side.policy.update?.(good);
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
