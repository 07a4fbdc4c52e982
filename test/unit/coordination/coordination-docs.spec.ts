/** docs/coordination.md says of times, limits and metrics what the code does. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "mocha";
import { STEP_DOWN_MS } from "../../../sdk/src/coordination/acquirable.ts";
import { KEY_PREFIX, MAX_SETTINGS } from "../../../sdk/src/coordination/coordination.ts";
import { leaseMs, readTerms, renewEveryMs } from "../../../sdk/src/coordination/terms.ts";
import { METRICS } from "../../../sdk/src/telemetry/metric-names.ts";
import { PAGE } from "../../support/coordination-docs.ts";

const page = readFileSync(PAGE, "utf8");
const rows = page.split("\n").filter((line) => line.startsWith("| "));

function row(part: string): string {
  const found = rows.find((one) => one.includes(part));
  assert.ok(found, `no row has ${part}`);
  return found;
}

function ms(value: number): string {
  return `${Math.round(value).toLocaleString("en-US")} ms`;
}

describe("docs/coordination.md", () => {
  it("tells how long things are held without news", () => {
    const terms = readTerms("it", {});
    assert.ok(row("`ttlMs`, 10").includes(ms(terms.ttlMs)));
    assert.ok(row("`marginMs`, 100").includes(ms(terms.marginMs)));
    assert.ok(row("between renewals").includes(ms(renewEveryMs(terms))));
    assert.ok(row("`lockDelayMs`").includes(ms(terms.lockDelayMs)));
    assert.ok(row("asked to stop").includes(ms(STEP_DOWN_MS)));
    const [least, most] = [terms.ttlMs + terms.lockDelayMs, 2 * terms.ttlMs + terms.lockDelayMs];
    assert.ok(page.includes(`costs its lock ${least / 1_000} to ${most / 1_000} s`));
    assert.equal(leaseMs(terms), terms.ttlMs - terms.marginMs);
  });

  it("tells the ranges that options are held to", () => {
    for (const [name, good, bad] of [
      ["ttlMs", 10_000, 9_999],
      ["ttlMs", 86_400_000, 86_400_001],
      ["marginMs", 100, 99],
      ["lockDelayMs", 60_000, 60_001],
    ] as const) {
      assert.ok(row(`\`${name}\`,`).includes(good.toLocaleString("en-US")), `${name} ${good}`);
      readTerms("it", { [name]: good });
      assert.throws(() => readTerms("it", { [name]: bad }), new RegExp(name));
    }
  });

  it("tells where keys are, and how many settings a prefix can have", () => {
    assert.ok(page.includes(`\`${KEY_PREFIX}lock/<name>\``));
    assert.ok(page.includes(`At most ${MAX_SETTINGS} settings`));
  });

  it("tells the metrics, each with its labels", () => {
    const { held, heldLost, settingsAge, settingsFaults } = METRICS;
    for (const { name, labels } of [held, heldLost, settingsAge, settingsFaults]) {
      assert.ok(page.includes(`\`${name}{${labels.join()}}\``), name);
    }
  });
});
