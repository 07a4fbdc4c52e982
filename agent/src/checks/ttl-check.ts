/** A check that somebody else keeps alive: it turns critical when no heartbeat comes in time. */
import type { Cancel, Clock } from "../clock.ts";
import type { Outcome, Report, RunningCheck } from "./running-check.ts";
import { outputLimit } from "./running-check.ts";

export interface TtlOptions {
  readonly ttlMs: number;
  readonly maxOutputBytes: number;
  readonly clock: Clock;
  readonly report: Report;
}

export class TtlCheck implements RunningCheck {
  readonly #options: TtlOptions;
  #cancelExpiry: Cancel;
  /** What the last heartbeat said; a check registered anew starts with nothing. */
  #lastOutput = "";

  constructor(options: TtlOptions) {
    this.#options = options;
    this.#cancelExpiry = this.#arm();
  }

  /** The time starts again, whatever the heartbeat says. */
  heartbeat({ status, output }: Outcome): void {
    this.#lastOutput = truncated(output, outputLimit(this.#options.maxOutputBytes));
    this.#cancelExpiry();
    this.#cancelExpiry = this.#arm();
    this.#options.report({ status, output: this.#lastOutput });
  }

  stop(): void {
    this.#cancelExpiry();
  }

  #arm(): Cancel {
    const { clock, ttlMs, report } = this.#options;
    return clock.after(ttlMs, () => {
      const follows = this.#lastOutput === "" ? "" : ` (last output before timeout follows): ${this.#lastOutput}`;
      report({ status: "critical", output: `TTL expired${follows}` });
    });
  }
}

function truncated(output: string, maxBytes: number): string {
  const bytes = Buffer.from(output);
  if (bytes.length <= maxBytes) return output;
  return `${bytes.subarray(0, maxBytes).toString()} ... (captured ${maxBytes} of ${bytes.length} bytes)`;
}
