/** The table at the end, for a terminal and for docs/discovery.md. */
import type { Length, Outcome } from "./scenario.ts";

const COLUMNS = ["scenario", "broken s", "calls", "failed", "evicted", "slowest ms", "recovery ms"] as const;

function cells(outcome: Outcome): string[] {
  const { name, brokenMs, calls, failed, evicted, slowestMs, recoveryMs, faults } = outcome;
  return [
    faults.length === 0 ? name : `${name} (FAILED)`,
    (brokenMs / 1_000).toFixed(0),
    String(calls),
    String(failed),
    String(evicted),
    slowestMs.toFixed(0),
    recoveryMs === undefined ? "never" : recoveryMs.toFixed(0),
  ];
}

export function table(outcomes: readonly Outcome[]): string {
  const rows = [[...COLUMNS], ...outcomes.map(cells)];
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join("  ");
  return rows.map(line).join("\n");
}

/** @param played what with, and whether at full length. */
export function markdown(
  outcomes: readonly Outcome[],
  { consul, length }: { readonly consul: string; readonly length: Length },
): string {
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  const rule = COLUMNS.map((_, at) => (at === 0 ? "---" : "---:"));
  const day = new Date().toISOString().slice(0, 10);
  const caption = `${day}, Consul ${consul}, Node ${process.version}, ${length} length:`;
  return [caption, "", line(COLUMNS), line(rule), ...outcomes.map((outcome) => line(cells(outcome)))].join("\n");
}
