/**
 * A check that the agent does itself, again and again: first after a random part of the interval, so that checks that
 * were registered together are not done together, then an interval after the attempt before has ended.
 */
import type { Cancel, Clock } from "../clock.ts";
import type { PolledMethod } from "../state/check-spec.ts";
import type { Probe } from "./probe.ts";
import { outputLimit, type Outcome, type Report, type RunningCheck } from "./running-check.ts";
import { Thresholds } from "./thresholds.ts";

/** Consul accepts shorter intervals and then uses this one. */
export const minIntervalMs = 1_000;

export interface PollOptions {
  readonly method: PolledMethod;
  readonly maxOutputBytes: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly probe: Probe;
  readonly report: Report;
}

export class PolledCheck implements RunningCheck {
  readonly #options: PollOptions;
  readonly #intervalMs: number;
  readonly #thresholds: Thresholds;
  readonly #stopped = new AbortController();
  #cancelNext: Cancel;

  constructor(options: PollOptions) {
    const { method, clock, random } = options;
    this.#options = options;
    this.#intervalMs = Math.max(method.intervalMs, minIntervalMs);
    this.#thresholds = new Thresholds(method.successBeforePassing, method.failuresBeforeCritical);
    this.#cancelNext = clock.after(random() * this.#intervalMs, () => void this.#attempt());
  }

  stop(): void {
    this.#cancelNext();
    this.#stopped.abort();
  }

  async #attempt(): Promise<void> {
    const outcome = await this.#look();
    if (this.#stopped.signal.aborted) return;
    if (this.#thresholds.reached(outcome.status)) this.#options.report(outcome);
    this.#cancelNext = this.#options.clock.after(this.#intervalMs, () => void this.#attempt());
  }

  async #look(): Promise<Outcome> {
    const { method, maxOutputBytes, clock, probe } = this.#options;
    const timeout = new AbortController();
    const cancelTimeout = clock.after(method.timeoutMs, () => timeout.abort());
    const signals = { timeout: timeout.signal, stopped: this.#stopped.signal };
    try {
      return await probe(method.target, signals, outputLimit(maxOutputBytes));
    } catch (error) {
      return { status: "critical", output: error instanceof Error ? error.message : String(error) };
    } finally {
      cancelTimeout();
    }
  }
}
