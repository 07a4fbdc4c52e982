/** A check at work. */
import type { Status } from "../state/service.ts";

/** What a look at something gave. */
export interface Outcome {
  readonly status: Status;
  readonly output: string;
}

export type Report = (outcome: Outcome) => void;

export interface RunningCheck {
  /** Nothing is reported afterwards. Calling it again is harmless. */
  stop(): void;
}

/** Consul keeps this much of a check's output. */
export const defaultMaxOutputBytes = 4_096;

export function outputLimit(maxOutputBytes: number): number {
  return maxOutputBytes > 0 ? Math.min(maxOutputBytes, defaultMaxOutputBytes) : defaultMaxOutputBytes;
}
