/** How long to wait after failures: doubling with jitter, so that many clients of one Consul do not come back as one. */
import type { Random } from "../call/random.ts";

/** A restarting agent is back within a second or two; the first retries are cheap and often succeed. */
const FIRST_WAIT_MS = 100;

/** Milliseconds after so many failures in a row (1 or more): within half of FIRST_WAIT_MS * 2^(failures-1), at most maxMs. */
export function backoffMs(failures: number, maxMs: number, random: Random): number {
  const waitMs = Math.min(maxMs, FIRST_WAIT_MS * 2 ** (failures - 1));
  return waitMs * (0.5 + random() / 2);
}
