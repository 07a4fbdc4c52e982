import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "mocha";
import { REBUILT_WITHIN_MS, RETURN_WITHIN_MS } from "../../../sdk/src/consul/kept-endpoints.ts";
import { LOOKS_AT_ONCE } from "../../../sdk/src/consul/look-lanes.ts";
import { checkMeshOptions } from "../../../sdk/src/mesh-options.ts";
import { allScenarios } from "../../chaos/all-scenarios.ts";

const text = readFileSync(new URL("../../../docs/discovery.md", import.meta.url), "utf8");
const flowing = text.replaceAll(/\s+/g, " ");

describe("docs/discovery.md", () => {
  it("tells of every outage that is played, with both Consuls, none of which cost a call or an instance", () => {
    const tables = text.split(/^\d{4}-\d\d-\d\d, Consul .*full length:$/m).slice(1);
    assert.equal(tables.length, 2);
    for (const table of tables) {
      const rows = [...(table.split("\n## ")[0] ?? "").matchAll(/^\| ([^|]*?) +\|(.*)\|$/gm)].slice(2);
      assert.deepEqual(
        rows.map(([, name]) => name),
        allScenarios.map(({ name }) => name),
      );
      for (const [, name, cells = ""] of rows) {
        const [broken, , failed, evicted] = cells.split("|").map(Number);
        const scenario = allScenarios.find((one) => one.name === name);
        assert.deepEqual([broken, failed, evicted], [(scenario?.lasts.full ?? 0) / 1_000, 0, 0], name);
      }
    }
  });

  it("tells how long instances stay that may return, and how many connections are used", () => {
    assert.equal(RETURN_WITHIN_MS, 5_000);
    assert.match(flowing, /what is missing stays in use for 5 s, in which it may register again/);
    assert.equal(REBUILT_WITHIN_MS, 120_000);
    assert.match(flowing, /what is missing stays in use for two minutes/);
    assert.match(
      flowing,
      new RegExp(
        `lets 64 wait for changes, and one more for the .*? that Consul chooses, and uses up to ${LOOKS_AT_ONCE} more`,
      ),
    );
  });

  it("names options that there are", () => {
    const named = [...text.matchAll(/`createMesh\(\{ discovery: \{ (\w+)(?:: "(\w+)")? \} \}\)`/g)];
    assert.deepEqual(
      named.map(([, name]) => name),
      ["streaming", "maxConnections"],
    );
    for (const [, name = "", value = 64] of named) checkMeshOptions({ discovery: { [name]: value } });
  });
});
