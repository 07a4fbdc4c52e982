/**
 * `npm run chaos -- [--only words] [--scale 1] [--json]`: outages of the registry under load, against real Consul
 * processes. Ends with a table, and with code 1 when a call failed, an instance that was well was lost, or the registry was
 * not obeyed again.
 *
 * --only runs the scenarios whose names contain the words; --scale (default CHAOS_SCALE, else 1) shortens the faults, each
 * no further than to where it would be another one.
 */
import { parseArgs } from "node:util";
import { findConsul, sayNotRun } from "../support/real-consul.ts";
import { table } from "./report.ts";
import { runScenario } from "./run-scenario.ts";
import type { Outcome, Scenario, SkippedScenario } from "./scenario.ts";
import { absentScenarios } from "./scenarios/absent-scenarios.ts";
import { accessScenarios } from "./scenarios/access-scenarios.ts";
import { agentScenarios } from "./scenarios/agent-scenarios.ts";
import { serverScenarios } from "./scenarios/server-scenarios.ts";
import { wireScenarios } from "./scenarios/wire-scenarios.ts";

const ALL: readonly (Scenario | SkippedScenario)[] = [
  ...agentScenarios,
  ...serverScenarios,
  ...wireScenarios,
  ...accessScenarios,
  ...absentScenarios,
];

/** Processes are ended by what runs on exit, which a signal alone would skip. */
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    scale: { type: "string", default: process.env["CHAOS_SCALE"] ?? "1" },
    json: { type: "boolean", default: false },
  },
});
const scale = Number(values.scale);
const chosen = ALL.filter(({ name }) => name.includes(values.only));

if (!(scale >= 0 && scale <= 1)) {
  console.error(`--scale is ${values.scale}: write a number from 0 to 1`);
  process.exitCode = 2;
} else if (chosen.length === 0) {
  console.error(
    `no scenario's name contains "${values.only}": write words of one of\n  ${ALL.map(({ name }) => name).join("\n  ")}`,
  );
  process.exitCode = 2;
} else if (findConsul() === undefined) {
  sayNotRun("chaos");
} else {
  await main();
}

async function main(): Promise<void> {
  const say = (line: string): void => (values.json ? undefined : console.log(line));
  const outcomes: (Outcome | SkippedScenario)[] = [];
  for (const scenario of chosen) {
    say(`\n${scenario.name}`);
    const outcome = "skipped" in scenario ? scenario : await runSafely(scenario, (line) => say(`  ${line}`));
    outcomes.push(outcome);
    if ("skipped" in outcome) say(`  not run: ${outcome.skipped}`);
    else for (const fault of outcome.faults) say(`  FAULT: ${fault}`);
  }
  console.log(values.json ? JSON.stringify(outcomes, undefined, 2) : `\n${table(outcomes)}`);
  const broken = outcomes.some((outcome) => "faults" in outcome && outcome.faults.length > 0);
  process.exitCode = broken ? 1 : 0;
}

/** A scenario that cannot even be set up is a fault like others, and the next has its turn. */
async function runSafely(scenario: Scenario, tell: (line: string) => void): Promise<Outcome> {
  try {
    return await runScenario(scenario, { scale, tell });
  } catch (error) {
    const faults = [`scenario could not be played: ${error instanceof Error ? error.message : String(error)}`];
    return { name: scenario.name, calls: 0, failed: 0, evicted: 0, slowestMs: 0, recoveryMs: undefined, faults };
  }
}
