/** What the scenarios are for: the default policy keeps its promises in them, over several seeds. */
import assert from "node:assert/strict";
import { PICK_POLICIES, type PickPolicyName } from "../../../sdk/src/balancing/pick-policies.ts";
import { type Figures, medianOutcome, type Outcome, runScenario, type Scenario } from "../../sim/scenario.ts";
import { scenarios } from "../../sim/scenarios.ts";

const SEEDS = [1, 2, 3];

function outcome(
  name: string,
  policy: PickPolicyName,
  settings: Readonly<Record<string, number>> = {},
  seeds: readonly number[] = SEEDS,
): Outcome {
  const scenario = scenarios[name];
  assert.ok(scenario !== undefined);
  return medianOutcome(seeds.map((seed) => runScenario(scenario, PICK_POLICIES[policy], seed, settings).outcome));
}

/** Less work, where a scenario has these. */
function small({ parameters }: Scenario): Record<string, number> {
  const less = { seconds: 12, qps: 100, clients: 10 };
  return Object.fromEntries(Object.entries(less).filter(([name]) => name in parameters));
}

describe("the simulator's scenarios", function () {
  this.timeout(120_000);

  it("buoyant: p2c answers 99.9 % within a second, round robin what its share of the slow server leaves", () => {
    assert.ok(outcome("buoyant", "p2c").withinSlo >= 0.999);
    const { withinSlo } = outcome("buoyant", "round_robin");
    assert.ok(withinSlo > 0.95 && withinSlo < 0.96, String(withinSlo));
  });

  it("sinkhole: p2c sends it next to nothing after 5 s, and less than its share within one", () => {
    const p2c = outcome("sinkhole", "p2c");
    assert.ok(p2c.errorRateAfter5s <= 0.001, String(p2c.errorRateAfter5s));
    assert.ok(p2c.errorRateWithin1s < 0.1, String(p2c.errorRateWithin1s));
    assert.ok(Math.abs(outcome("sinkhole", "round_robin").errorRate - 0.1) < 0.01);
  });

  it("antagonists: prequal answers in half of p2c's time at the 99th percentile, and fails nothing", function () {
    this.timeout(180_000);
    for (const load of [0.85, 0.95]) {
      const settings = { load, seconds: 20, warmupSeconds: 5 };
      const [p2c, prequal] = (["p2c", "prequal"] as const).map((policy) =>
        outcome("antagonists", policy, settings, [1]),
      );
      assert.ok(prequal!.p99Ms <= p2c!.p99Ms / 2, `${prequal!.p99Ms} and ${p2c!.p99Ms} ms at ${load}`);
      assert.equal(prequal!.errorRate, 0);
    }
  });

  it("pauses: p2c keeps calling whoever stood still for a moment, and makes no more calls late than round robin", () => {
    const p2c = outcome("pauses", "p2c") as Outcome & Figures;
    assert.ok(p2c["leastShare"]! > 0.75, JSON.stringify(p2c));
    assert.ok(p2c.withinSlo >= outcome("pauses", "round_robin").withinSlo, JSON.stringify(p2c));
  });

  it("rolling: nothing fails while every server is replaced", () => {
    for (const policy of ["p2c", "round_robin"] as const) {
      assert.equal(outcome("rolling", policy, { qps: 500 }).errorRate, 0, policy);
    }
  });

  it("zones: calls stay while their zone can carry them, spill while it cannot, and come back", () => {
    const preferring = outcome("zones", "p2c") as Outcome & Figures;
    assert.ok(preferring["ownShareBefore"]! > 0.95, JSON.stringify(preferring));
    // The own zone can take two thirds of what comes.
    assert.ok(preferring["ownShareWhile"]! > 0.5 && preferring["ownShareWhile"]! < 0.67, JSON.stringify(preferring));
    assert.ok(preferring["ownShareAfter"]! > 0.95, JSON.stringify(preferring));
    assert.equal(preferring.errorRate, 0);
    const indifferent = outcome("zones", "p2c", { preferred: 0 }) as Outcome & Figures;
    assert.ok(indifferent["ownShareBefore"]! < 0.4, JSON.stringify(indifferent));
  });

  it("subsetting: numbered clients spread their connections evenly, others roughly, and few move", () => {
    const few = { clients: 100, servers: 1_000, qps: 2_000, seconds: 1 };
    const numbered = outcome("subsetting", "p2c", few) as Outcome & Figures;
    assert.equal(numbered["mostConnections"], 1);
    assert.ok(numbered["churn"]! <= 1.5, JSON.stringify(numbered));
    const rendezvous = outcome("subsetting", "p2c", { ...few, numbered: 0 }) as Outcome & Figures;
    assert.ok(rendezvous["mostConnections"]! > 2, JSON.stringify(rendezvous));
  });

  it("are the same again with the same seed, and others with another", () => {
    const scenario = scenarios["slowmiddle"]!;
    const settings = { seconds: 5 };
    const [first, again, other] = [4, 4, 5].map(
      (seed) => runScenario(scenario, PICK_POLICIES.p2c, seed, settings).outcome,
    );
    assert.deepEqual(first, again);
    assert.notDeepEqual(first, other);
  });

  it("can be run with every parameter of theirs as it is", () => {
    for (const [name, scenario] of Object.entries(scenarios)) {
      const { recording } = runScenario(scenario, PICK_POLICIES.p2c, 1, small(scenario));
      assert.ok(recording.calls > 0, name);
    }
  });
});
