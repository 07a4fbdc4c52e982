/**
 * Keeps a storm of equal lines from flooding the log: a few lines go through in each window, the rest are counted and
 * the count is told when the window ends.
 */
import type { Clock, Timer } from "../call/clock.ts";

export interface LogGateOptions {
  readonly clock: Clock;
  /** Lines that go through in one window. */
  readonly linesPerWindow: number;
  readonly windowMs: number;
  /** Told at the end of a window in which lines were held back. */
  readonly onSuppressed: (lines: number, windowMs: number) => void;
}

export class LogGate {
  readonly #options: LogGateOptions;
  #windowEnd = -Infinity;
  #passed = 0;
  #suppressed = 0;
  #report: Timer | undefined;

  constructor(options: LogGateOptions) {
    this.#options = options;
  }

  /** Whether a line may be written now. */
  pass(): boolean {
    const { clock, linesPerWindow, windowMs } = this.#options;
    const now = clock.now();
    if (now >= this.#windowEnd) {
      this.#tell();
      this.#windowEnd = now + windowMs;
      this.#passed = 0;
    }
    if (this.#passed < linesPerWindow) {
      this.#passed++;
      return true;
    }
    this.#suppressed++;
    this.#report ??= clock.setBackgroundTimer(() => this.#tell(), this.#windowEnd - now);
    return false;
  }

  #tell(): void {
    this.#report?.cancel();
    this.#report = undefined;
    if (this.#suppressed === 0) return;
    const lines = this.#suppressed;
    this.#suppressed = 0;
    this.#options.onSuppressed(lines, this.#options.windowMs);
  }
}
