/** Sentences about calls. */
import type { CallStats } from "./call-stats.ts";

/** The calls of a run in a few lines: how many, how fast, by whom, and why some failed. */
export function describeCalls(stats: CallStats, seconds: number): string {
  const { answered } = stats.total;
  const percentiles = stats.total.percentiles();
  const speed =
    percentiles === undefined ? "" : `; p50 ${formatMs(percentiles.p50Ms)} ms, p99 ${formatMs(percentiles.p99Ms)} ms`;
  const sent = answered + stats.failed + stats.inFlight;
  const lines = [
    `${count(sent, "call")} in ${seconds.toFixed(1)} s: ${answered} answered, ${stats.failed} failed${speed}`,
    ...[...stats.instances].map(([id, instance]) => `  ${id} answered ${instance.answered}`),
    ...stats.failures.map(([reason, times]) => `  ${count(times, "call")} failed with ${reason}`),
  ];
  return lines.join("\n");
}

/** "1 call", "2 calls". */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** Three figures: 0.42, 4.20, 42.0, 420. */
export function formatMs(milliseconds: number): string {
  if (milliseconds < 9.995) return milliseconds.toFixed(2);
  return milliseconds < 99.95 ? milliseconds.toFixed(1) : milliseconds.toFixed(0);
}
