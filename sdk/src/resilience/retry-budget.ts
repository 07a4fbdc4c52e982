/**
 * How many retries a client may add to its calls, after Finagle's RetryBudget: a share of the calls of the last seconds
 * and a floor for clients that make few. Retries without a bound keep an overloaded service down after its cause is
 * gone (Bronson et al., Metastable Failures in Distributed Systems, 2021); with one, an outage adds a fifth to the load
 * at most. One budget serves all retries and hedges of a client to one service.
 */
import type { Clock } from "../call/clock.ts";
import { MeshError } from "../call/mesh-error.ts";

export interface RetryBudgetOptions {
  readonly clock: Clock;
  /** Milliseconds that calls and retries count, 1,000 to 60,000. Default 10,000. */
  readonly windowMs?: number;
  /** Retries allowed per call, 0 or more. Default 0.2. */
  readonly ratio?: number;
  /** Retries per second allowed whatever the number of calls, 0 or more. Default 10. */
  readonly minPerSecond?: number;
}

/** Finagle's numbers, which Linkerd took over. */
const DEFAULT_WINDOW_MS = 10_000;
const DEFAULT_RATIO = 0.2;
const DEFAULT_MIN_PER_SECOND = 10;

/** Calls leave the window a tenth at a time: fine enough that the budget never drops at once. */
const BUCKETS = 10;

export class RetryBudget {
  readonly #clock: Clock;
  readonly #ratio: number;
  /** Retries per window that need no calls. */
  readonly #reserve: number;
  readonly #bucketMs: number;
  readonly #calls = new Float64Array(BUCKETS);
  readonly #retries = new Float64Array(BUCKETS);
  /** Sums over the buckets. */
  #callCount = 0;
  #retryCount = 0;
  /** Number of the bucket in use, counted from the clock's zero. */
  #current: number;

  /** Throws INVALID_ARGUMENT for options out of range. */
  constructor(options: RetryBudgetOptions) {
    const { clock, windowMs = DEFAULT_WINDOW_MS, ratio = DEFAULT_RATIO } = options;
    const { minPerSecond = DEFAULT_MIN_PER_SECOND } = options;
    requireRange("windowMs", windowMs, 1_000, 60_000);
    requireRange("ratio", ratio, 0, Number.MAX_VALUE);
    requireRange("minPerSecond", minPerSecond, 0, Number.MAX_VALUE);
    this.#clock = clock;
    this.#ratio = ratio;
    this.#reserve = (minPerSecond * windowMs) / 1_000;
    this.#bucketMs = windowMs / BUCKETS;
    this.#current = this.#bucketNow();
  }

  /** Counts a call: once, however many attempts it takes. */
  deposit(): void {
    this.#expire();
    this.#add(this.#calls, 1);
    this.#callCount++;
  }

  /** Takes the price of one retry or hedge; false when there is not enough left, and then the call must not be sent. */
  tryWithdraw(): boolean {
    if (this.balance < 1) return false;
    this.#add(this.#retries, 1);
    this.#retryCount++;
    return true;
  }

  /** Retries that are allowed now; a fraction is on its way to the next. Never negative. */
  get balance(): number {
    this.#expire();
    return Math.max(0, this.#reserve + this.#ratio * this.#callCount - this.#retryCount);
  }

  #add(buckets: Float64Array, count: number): void {
    const at = this.#place(this.#current);
    buckets[at] = (buckets[at] ?? 0) + count;
  }

  /** Forgets the buckets that have left the window. */
  #expire(): void {
    const now = this.#bucketNow();
    const passed = Math.min(now - this.#current, BUCKETS);
    for (let step = 1; step <= passed; step++) {
      const at = this.#place(this.#current + step);
      this.#callCount -= this.#calls[at] ?? 0;
      this.#retryCount -= this.#retries[at] ?? 0;
      this.#calls[at] = 0;
      this.#retries[at] = 0;
    }
    if (now > this.#current) this.#current = now;
  }

  #bucketNow(): number {
    return Math.floor(this.#clock.now() / this.#bucketMs);
  }

  #place(bucket: number): number {
    return ((bucket % BUCKETS) + BUCKETS) % BUCKETS;
  }
}

function requireRange(name: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  const range = most === Number.MAX_VALUE ? `a finite number of at least ${least}` : `from ${least} to ${most}`;
  throw new MeshError("INVALID_ARGUMENT", `retry budget's ${name} is ${value}: it must be ${range}`);
}
