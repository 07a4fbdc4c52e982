/**
 * Success and failure in a row: a check turns only after so many, except that the first look after its registration
 * counts at once. A warning is a success.
 */
import type { Status } from "../state/service.ts";

export class Thresholds {
  readonly #successBeforePassing: number;
  readonly #failuresBeforeCritical: number;
  #successes: number;
  #failures: number;

  constructor(successBeforePassing: number, failuresBeforeCritical: number) {
    this.#successBeforePassing = successBeforePassing;
    this.#failuresBeforeCritical = failuresBeforeCritical;
    this.#successes = successBeforePassing;
    this.#failures = failuresBeforeCritical;
  }

  /** Counts one look and says whether the check now has what that look found. */
  reached(status: Status): boolean {
    if (status === "critical") {
      this.#failures += 1;
      this.#successes = 0;
      return this.#failures >= this.#failuresBeforeCritical;
    }
    this.#successes += 1;
    this.#failures = 0;
    return this.#successes >= this.#successBeforePassing;
  }
}
