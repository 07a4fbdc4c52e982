/** `npm run sim -- <scenario> [options]`: what a policy makes of a scenario, in virtual time. */
import { parseArgs } from "node:util";
import { PICK_POLICIES, type PickPolicyName } from "../../sdk/src/balancing/pick-policies.ts";
import { UsageError } from "../bench/usage-error.ts";
import { medianOutcome, type Outcome, runScenario, type Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

const DEFAULT_SEEDS = 10;
const MOST_SEEDS = 10_000;

interface Plan {
  readonly name: string;
  readonly scenario: Scenario;
  readonly policies: readonly PickPolicyName[];
  readonly seeds: readonly number[];
  readonly settings: Readonly<Record<string, number>>;
  readonly json: boolean;
}

try {
  const plan = readPlan(process.argv.slice(2));
  if (plan === undefined) console.log(help());
  else report(plan);
} catch (error) {
  if (!isUsageError(error)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

function report({ name, scenario, policies, seeds, settings, json }: Plan): void {
  const rows = policies.map((policy) => {
    const outcomes = seeds.map((seed) => runScenario(scenario, PICK_POLICIES[policy], seed, settings).outcome);
    return { scenario: name, policy, seeds: seeds.length, ...medianOutcome(outcomes) };
  });
  if (json) for (const row of rows) console.log(JSON.stringify(row, finite));
  else console.log(table(rows));
}

/** JSON has no Infinity: a percentile among calls that failed is null. */
function finite(_: string, value: unknown): unknown {
  return value === Infinity ? null : value;
}

function table(rows: readonly ({ readonly policy: string } & Outcome)[]): string {
  const percent = (share: number): string => `${(100 * share).toFixed(3)} %`;
  const ms = (value: number): string => (value === Infinity ? "failed" : `${value.toFixed(1)} ms`);
  const lines = [["policy", "errors", "after 5 s", "p50", "p99", "p99.9", "in time", "variation"]];
  for (const row of rows) {
    const { policy, errorRate, errorRateAfter5s, p50Ms, p99Ms, p999Ms, withinSlo, loadVariation } = row;
    const times = [p50Ms, p99Ms, p999Ms].map(ms);
    lines.push([
      policy,
      percent(errorRate),
      percent(errorRateAfter5s),
      ...times,
      percent(withinSlo),
      loadVariation.toFixed(3),
    ]);
  }
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

function readPlan(args: readonly string[]): Plan | undefined {
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
    policies: values.policy === undefined ? policyNames() : values.policy.split(",").map(policyNamed),
    seeds: Array.from({ length: seeds }, (_, at) => first + at),
    settings: readSettings(scenario, [...values.set, ...more]),
    json: values.json,
  };
}

function policyNames(): PickPolicyName[] {
  return Object.keys(PICK_POLICIES) as PickPolicyName[];
}

function policyNamed(text: string): PickPolicyName {
  const found = policyNames().find((name) => name === text);
  if (found !== undefined) return found;
  throw new UsageError(`--policy is ${JSON.stringify(text)}: write one of ${policyNames().join(", ")}`);
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

  --policy p,…      ${policyNames().join(", ")}; default all
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
