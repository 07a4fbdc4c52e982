/**
 * Slow start: an endpoint that has just become ready gets little at first and more by and by, since a fresh process has
 * cold caches and code that is not compiled yet. Its weight is multiplied by a share that grows with its age, as Envoy's
 * slow start does (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/slow_start).
 * Endpoints of the same age grow alike, so a client that starts among old servers calls them evenly.
 */
import type { Clock, Timer } from "../call/clock.ts";
import { checkRanges } from "./check-ranges.ts";
import type { EndpointState } from "./endpoint-state.ts";

export interface SlowStartOptions {
  /** Milliseconds until an endpoint gets its full share, 100 to 3,600,000. Default 30,000. */
  readonly windowMs?: number;
  /** The share at first, above 0 to 1. Default 0.1, Envoy's. */
  readonly minShare?: number;
  /** The share is (age / windowMs)^(1 / aggression): 1 grows evenly, more grows sooner, 0.1 to 10. Default 1. */
  readonly aggression?: number;
}

const DEFAULTS: Required<SlowStartOptions> = { windowMs: 30_000, minShare: 0.1, aggression: 1 };
/** Steps in which shares grow. */
const STEPS = 20;
const LEAST_SHARE = 0.001;

export class SlowStart {
  readonly #options: Required<SlowStartOptions>;
  readonly #clock: Clock;
  readonly #changed: () => void;
  /** When each endpoint became ready. */
  #since = new Map<EndpointState, number>();
  #timer: Timer | undefined;

  /** @param changed called after shares have grown. @throws MeshError INVALID_ARGUMENT for options out of range. */
  constructor(options: SlowStartOptions, clock: Clock, changed: () => void) {
    this.#options = checkSlowStart(options);
    this.#clock = clock;
    this.#changed = changed;
  }

  /** The endpoints that start slowly, if they are new; others have their full share. */
  update(states: readonly EndpointState[]): void {
    const now = this.#clock.now();
    const before = this.#since;
    this.#since = new Map(states.map((state) => [state, before.get(state) ?? now]));
    for (const state of before.keys()) if (!this.#since.has(state)) state.share = 1;
    this.#grow(now);
  }

  /** Sets all shares to what they are by now, and comes again while some are not full. */
  #grow(now: number): void {
    const { windowMs, minShare, aggression } = this.#options;
    let growing = false;
    for (const [state, since] of this.#since) {
      const age = (now - since) / windowMs;
      state.share = age >= 1 ? 1 : Math.max(minShare, age ** (1 / aggression));
      if (age < 1) growing = true;
    }
    if (!growing) {
      this.#timer?.cancel();
      this.#timer = undefined;
    } else {
      this.#timer ??= this.#clock.setBackgroundTimer(() => {
        this.#timer = undefined;
        this.#grow(this.#clock.now());
        this.#changed();
      }, windowMs / STEPS);
    }
  }
}

/** The options with the defaults in the gaps. @throws MeshError INVALID_ARGUMENT that names every one out of range. */
export function checkSlowStart(given: SlowStartOptions): Required<SlowStartOptions> {
  return checkRanges("slow start", { ...DEFAULTS, ...given }, [
    ["windowMs", 100, 3_600_000],
    ["minShare", LEAST_SHARE, 1],
    ["aggression", 0.1, 10],
  ]);
}
