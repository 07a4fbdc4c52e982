/** The table at the end. */
import type { Outcome, SkippedScenario } from "./scenario.ts";

const COLUMNS = ["calls", "failed", "evicted", "slowest ms", "recovery ms"] as const;

export function table(outcomes: readonly (Outcome | SkippedScenario)[]): string {
  const rows = outcomes.map((outcome) => {
    if ("skipped" in outcome) return [outcome.name, `not run: ${outcome.skipped}`];
    const { name, calls, failed, evicted, slowestMs, recoveryMs, faults } = outcome;
    const recovery = recoveryMs === undefined ? "never" : recoveryMs.toFixed(0);
    return [
      faults.length === 0 ? name : `${name} (FAILED)`,
      String(calls),
      String(failed),
      String(evicted),
      slowestMs.toFixed(0),
      recovery,
    ];
  });
  const nameWidth = Math.max(...rows.map(([name = ""]) => name.length));
  const lines = rows.map(([name = "", first = "", ...rest]) => {
    if (rest.length === 0) return `${name.padEnd(nameWidth)}  ${first}`;
    return [name.padEnd(nameWidth), ...[first, ...rest].map((cell, at) => cell.padStart(COLUMNS[at]!.length))].join(
      "  ",
    );
  });
  return [["scenario".padEnd(nameWidth), ...COLUMNS].join("  "), ...lines].join("\n");
}
