/**
 * `npm run chaos -- [--only words] [--short] [--at-once 1] [--json | --markdown]`: outages of the registry under load,
 * against real Consul processes. Ends with a table, and with code 1 when a call failed, an instance that was well was lost,
 * or the registry was not obeyed again.
 *
 * --only runs the scenarios whose names contain the words; --short makes every fault as short as it still is that fault
 * (quorum is lost for 15 s, not for two minutes); --at-once plays so many scenarios beside each other, each in a cluster
 * of its own; --markdown prints the table of docs/discovery.md.
 */
import { parseArgs } from "node:util";
import { versionOf } from "../support/consul-version.ts";
import { findConsul, sayNotRun } from "../support/real-consul.ts";
import { allScenarios } from "./all-scenarios.ts";
import { markdown, table } from "./report.ts";
import { runScenario } from "./run-scenario.ts";
import type { Outcome, Scenario } from "./scenario.ts";

/** Addresses of loopback are given to clusters by the ten. */
const MAX_AT_ONCE = 8;

/** Processes are ended by what runs on exit, which a signal alone would skip. */
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    short: { type: "boolean", default: false },
    "at-once": { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
  },
});
const atOnce = Number(values["at-once"]);
const chosen = allScenarios.filter(({ name }) => name.includes(values.only));
const binary = findConsul();

if (!(Number.isInteger(atOnce) && atOnce >= 1 && atOnce <= MAX_AT_ONCE)) {
  console.error(`--at-once is ${values["at-once"]}: write a whole number from 1 to ${MAX_AT_ONCE}`);
  process.exitCode = 2;
} else if (chosen.length === 0) {
  console.error(
    `no scenario's name contains "${values.only}": write words of one of\n  ${allScenarios.map(({ name }) => name).join("\n  ")}`,
  );
  process.exitCode = 2;
} else if (binary === undefined) {
  sayNotRun("chaos");
} else {
  await main(versionOf(binary).text);
}

async function main(consul: string): Promise<void> {
  const length = values.short ? "short" : "full";
  console.error(`${chosen.length} scenarios at ${length} length, with Consul ${consul}`);
  const outcomes = new Map<Scenario, Outcome>();
  // The longest first, so that none of them is left to the end.
  const takes = ({ lasts, consulNeedsMs = 0 }: Scenario): number => lasts[length] + consulNeedsMs;
  const waiting = chosen.toSorted((a, b) => takes(b) - takes(a));
  const lanes = Array.from({ length: atOnce }, async (_, lane) => {
    for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) {
      const { name } = scenario;
      const tell = (line: string): void => console.error(`${name}: ${line}`);
      const outcome = await runSafely(scenario, { length, lane, tell });
      for (const fault of outcome.faults) tell(`FAULT: ${fault}`);
      outcomes.set(scenario, outcome);
    }
  });
  await Promise.all(lanes);
  const inOrder = chosen.flatMap((scenario) => outcomes.get(scenario) ?? []);
  if (values.json) console.log(JSON.stringify({ consul, outcomes: inOrder }, undefined, 2));
  else console.log(values.markdown ? markdown(inOrder, { consul, length }) : `\n${table(inOrder)}`);
  process.exitCode = inOrder.some(({ faults }) => faults.length > 0) ? 1 : 0;
}

/** A scenario that cannot even be set up is a fault like others, and the next has its turn. */
async function runSafely(scenario: Scenario, options: Parameters<typeof runScenario>[1]): Promise<Outcome> {
  try {
    return await runScenario(scenario, options);
  } catch (error) {
    const faults = [`scenario could not be played: ${error instanceof Error ? error.message : String(error)}`];
    const { name } = scenario;
    return { name, brokenMs: 0, calls: 0, failed: 0, evicted: 0, slowestMs: 0, recoveryMs: undefined, faults };
  }
}
