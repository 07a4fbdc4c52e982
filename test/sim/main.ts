/** `npm run sim -- <scenario> [options]`: what a policy makes of a scenario, in virtual time. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PICK_POLICIES } from "../../sdk/src/balancing/pick-policies.ts";
import { drawCharts, type Result } from "./charts.ts";
import { UsageError } from "../bench/usage-error.ts";
import {
  type Figures,
  medianOutcome,
  type Outcome,
  OUTCOME_NAMES,
  type Policies,
  runScenario,
  type Scenario,
} from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

const DEFAULT_SEEDS = 10;
const MOST_SEEDS = 10_000;

interface Plan {
  readonly name: string;
  readonly scenario: Scenario;
  readonly policies: Policies;
  readonly seeds: readonly number[];
  readonly settings: Readonly<Record<string, number>>;
  readonly json: boolean;
}

try {
  const plan = readPlan(process.argv.slice(2));
  if (plan === undefined) console.log(help());
  else if (plan === "charts") writeCharts(process.argv.slice(3));
  else report(plan);
} catch (error) {
  if (!isUsageError(error)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

function report({ name, scenario, policies, seeds, settings, json }: Plan): void {
  const rows = Object.entries(policies).map(([policy, factory]): Row => {
    const outcomes = seeds.map((seed) => runScenario(scenario, factory, seed, settings).outcome);
    return { policy, outcome: medianOutcome(outcomes) };
  });
  if (json) {
    for (const { policy, outcome } of rows) {
      console.log(JSON.stringify({ scenario: name, policy, seeds: seeds.length, ...outcome }, finite));
    }
  } else console.log([table(rows), figures(rows)].filter((part) => part !== "").join("\n\n"));
}

interface Row {
  readonly policy: string;
  readonly outcome: Outcome & Figures;
}

/** JSON has no Infinity: a percentile among calls that failed is null. */
function finite(_: string, value: unknown): unknown {
  return value === Infinity ? null : value;
}

function table(rows: readonly Row[]): string {
  const percent = (share: number): string => `${(100 * share).toFixed(3)} %`;
  const ms = (value: number): string => (value === Infinity ? "failed" : `${value.toFixed(1)} ms`);
  const lines = rows.map(({ policy, outcome }) => {
    const { errorRate, errorRateAfter5s, p50Ms, p99Ms, p999Ms, withinSlo, loadVariation } = outcome;
    const times = [p50Ms, p99Ms, p999Ms].map(ms);
    const shares = [errorRate, errorRateAfter5s].map(percent);
    return [policy, ...shares, ...times, percent(withinSlo), loadVariation.toFixed(3)];
  });
  return aligned([["policy", "errors", "after 5 s", "p50", "p99", "p99.9", "in time", "variation"], ...lines]);
}

/** What the scenario is about beside calls: a line for each figure, a column for each policy. */
function figures(rows: readonly Row[]): string {
  const everyScenarios: readonly string[] = OUTCOME_NAMES;
  const names = Object.keys(rows[0]?.outcome ?? {}).filter((name) => !everyScenarios.includes(name));
  if (names.length === 0) return "";
  const number = (value = 0): string => (value === Infinity ? "failed" : value.toPrecision(4));
  return aligned([
    ["", ...rows.map(({ policy }) => policy)],
    ...names.map((name) => [name, ...rows.map(({ outcome }) => number(outcome[name]))]),
  ]);
}

function aligned(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Draws what docs/balancing.md shows, and writes the figures beside it. */
function writeCharts(args: readonly string[]): void {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: String(DEFAULT_SEEDS) },
      seconds: { type: "string" },
      to: { type: "string", default: "docs/balancing" },
    },
  });
  const seeds = Array.from({ length: whole("--seeds", values.seeds, 1, MOST_SEEDS) }, (_, at) => at + 1);
  const seconds = values.seconds === undefined ? undefined : whole("--seconds", values.seconds, 1, 3_600);
  const onResult = ({ scenario, settings }: Result): void => console.error(`${scenario} ${JSON.stringify(settings)}`);
  const { results, files } = drawCharts({ seeds, seconds, onResult });
  mkdirSync(values.to, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(values.to, name), text);
  writeFileSync(join(values.to, "results.json"), `${JSON.stringify(results, finite, 2)}\n`);
}

function readPlan(args: readonly string[]): Plan | "charts" | undefined {
  if (args[0] === "charts") return "charts";
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      policy: { type: "string" },
      seeds: { type: "string", default: String(DEFAULT_SEEDS) },
      seed: { type: "string", default: "1" },
      set: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [name, ...more] = positionals;
  if (name === undefined || values.help) return undefined;
  const scenario = Object.hasOwn(scenarios, name) ? scenarios[name] : undefined;
  if (scenario === undefined || (more.length > 0 && !more.every((one) => one.includes("=")))) {
    throw new UsageError(
      `scenario ${[name, ...more].join(" ")} is unknown: write one of ${Object.keys(scenarios).join(", ")}`,
    );
  }
  const seeds = whole("--seeds", values.seeds, 1, MOST_SEEDS);
  const first = whole("--seed", values.seed, 0, Number.MAX_SAFE_INTEGER);
  return {
    name,
    scenario,
    policies: policiesOf(scenario, values.policy),
    seeds: Array.from({ length: seeds }, (_, at) => first + at),
    settings: readSettings(scenario, [...values.set, ...more]),
    json: values.json,
  };
}

/** Those that are asked for, of the mesh's and the scenario's own; without being asked the scenario's, or all. */
function policiesOf(scenario: Scenario, asked: string | undefined): Policies {
  if (asked === undefined) return scenario.policies ?? PICK_POLICIES;
  const known: Policies = { ...PICK_POLICIES, ...scenario.policies };
  return Object.fromEntries(
    asked.split(",").map((name) => {
      const policy = Object.hasOwn(known, name) ? known[name] : undefined;
      if (policy !== undefined) return [name, policy];
      throw new UsageError(`--policy is ${JSON.stringify(name)}: write one of ${Object.keys(known).join(", ")}`);
    }),
  );
}

/** `--set a=1 b=2`, or `--set a=1 --set b=2`. */
function readSettings({ parameters }: Scenario, texts: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    texts.map((text) => {
      const [key = "", value = ""] = text.split("=", 2);
      if (!Object.hasOwn(parameters, key)) {
        throw new UsageError(`--set ${text}: there is no ${key}; there are ${Object.keys(parameters).join(", ")}`);
      }
      const number = Number(value);
      if (value.trim() === "" || !(number >= 0))
        throw new UsageError(`--set ${text}: write a number that is not negative`);
      return [key, number];
    }),
  );
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`${option} is ${JSON.stringify(text)}: write a whole number, ${least} to ${most}`);
}

function help(): string {
  const lines = Object.entries(scenarios).flatMap(([name, { about, parameters }]) => [
    `\n  ${name}: ${about}`,
    ...Object.entries(parameters).map(([key, { value, about }]) => `    ${`${key}=${value}`.padEnd(18)} ${about}`),
  ]);
  return `What a pick policy makes of a scenario, in virtual time: medians over seeds.

  npm run sim -- <scenario> [options]
  npm run sim -- charts [--seeds n] [--seconds n] [--to folder]   draws those of docs/balancing.md

  --policy p,…      ${Object.keys(PICK_POLICIES).join(", ")}; default all
  --seeds n         runs, each with a seed of its own; default ${DEFAULT_SEEDS}
  --seed s          the first; default 1
  --set key=value … changes parameters
  --json            a line of JSON for each policy in place of a table

Scenarios and their parameters:
${lines.join("\n")}`;
}

/** parseArgs has errors of its own for options that it does not know. */
function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}
