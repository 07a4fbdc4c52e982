/** The charts of docs/balancing.md, and the figures that they show. */
import { PICK_POLICIES, type PickPolicyName } from "../../sdk/src/balancing/pick-policies.ts";
import { barChart, type ChartOptions, lineChart, type Series } from "./chart.ts";
import { Q_RIF, RAMP } from "./prequal-scenarios.ts";
import { type Figures, medianOutcome, type Outcome, type Policies, runScenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

/** Those that a user chooses among for most services. */
const COMPARED: readonly PickPolicyName[] = ["p2c", "prequal", "least_request", "random", "round_robin"];
const LOADS = [0.7, 0.85, 0.95] as const;
const RAMPED: readonly PickPolicyName[] = ["p2c", "prequal", "weighted_round_robin", "round_robin"];

type Medians = Outcome & Figures;

/** One scenario's medians by policy. */
export interface Result {
  readonly scenario: string;
  readonly settings: Readonly<Record<string, number>>;
  readonly seeds: number;
  readonly medians: Readonly<Record<string, Medians>>;
}

export interface Charts {
  readonly results: readonly Result[];
  /** SVG by the file's name. */
  readonly files: Readonly<Record<string, string>>;
}

export interface ChartsOptions {
  readonly seeds: readonly number[];
  /** Of every run, in seconds: shorter ones for a look. Default: the scenarios' own. */
  readonly seconds?: number | undefined;
  /** Called after each scenario. */
  readonly onResult?: (result: Result) => void;
}

export function drawCharts({ seeds, seconds, onResult }: ChartsOptions): Charts {
  const results: Result[] = [];
  const play = (name: string, policies: Policies, settings: Record<string, number> = {}): Result => {
    const scenario = scenarios[name];
    if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
    const given = seconds === undefined ? settings : { ...settings, seconds };
    const medians = Object.entries(policies).map(([policy, factory]) => {
      const outcomes = seeds.map((seed) => runScenario(scenario, factory, seed, given).outcome);
      return [policy, medianOutcome(outcomes)] as const;
    });
    const result = { scenario: name, settings: given, seeds: seeds.length, medians: Object.fromEntries(medians) };
    results.push(result);
    onResult?.(result);
    return result;
  };
  const compared = named(COMPARED);
  const plain = ["buoyant", "sinkhole", "coldstart", "slowmiddle", "temporaryfailure", "permanentfailure", "rolling"];
  const shown = plain.map((name) => play(name, compared));
  const crowded = LOADS.map((load) => play("antagonists", compared, { load }));
  const ramp = play("ramp", named(RAMPED));
  const qrif = play("qrif", scenarios["qrif"]?.policies ?? {});
  const ms = (value: number): string => `${Math.round(value)} ms`;
  const percent = (value: number): string => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;
  const acrossResults = (of: readonly Result[], figure: (medians: Medians) => number): Series[] =>
    COMPARED.map((name) => ({ name, values: of.map(({ medians }) => finite(figure(medians[name] as Medians))) }));
  const acrossRamp = (figure: string): Series[] =>
    RAMPED.map((name) => ({
      name,
      values: RAMP.map((step) => finite((ramp.medians[name] as Medians)[`${figure} at ${step}`] as number)),
    }));
  const acrossQuantiles = (name: string, figure: (medians: Medians) => number): Series => ({
    name,
    values: Q_RIF.map((quantile) => finite(figure(qrif.medians[`Q_RIF ${quantile}`] as Medians))),
  });
  const bars = (title: string, of: readonly Result[], labels: readonly string[]): string =>
    barChart({ title, labels, series: acrossResults(of, ({ p99Ms }) => p99Ms || Infinity), format: ms });
  const overRamp = (title: string, figure: string, format: ChartOptions["format"]): string =>
    lineChart({ title, labels: RAMP.map((step) => `${step}×`), series: acrossRamp(figure), format });
  return {
    results,
    files: {
      "p99.svg": bars("99th percentile of calls, by scenario and policy (logarithmic)", shown, plain),
      "antagonists.svg": bars(
        "antagonists: 99th percentile of calls at 70, 85 and 95 % load (logarithmic)",
        crowded,
        LOADS.map((load) => `${100 * load} % load`),
      ),
      "ramp-errors.svg": overRamp("ramp: share of calls that fail, by load in allocations", "errorRate", percent),
      "ramp-p99.svg": overRamp("ramp: 99th percentile of calls, while fewer than 1 % fail", "p99Ms", ms),
      "qrif.svg": lineChart({
        title: "Prequal's Q_RIF at 75 % load: from calls in flight alone (0) to latency alone (1)",
        labels: Q_RIF.map(String),
        series: [acrossQuantiles("p99", ({ p99Ms }) => p99Ms), acrossQuantiles("p99.9", ({ p999Ms }) => p999Ms)],
        format: ms,
      }),
    },
  };
}

function named(names: readonly PickPolicyName[]): Policies {
  return Object.fromEntries(names.map((name) => [name, PICK_POLICIES[name]]));
}

/** undefined where calls failed, or none was made. */
function finite(value: number): number | undefined {
  return value < Infinity ? value : undefined;
}
