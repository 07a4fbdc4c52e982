/**
 * The agent against the Consul that it emulates: one script, two registries, the same answers. A difference is a defect
 * of the agent unless the list of known differences justifies it.
 */
import assert from "node:assert/strict";
import { type RunningAgent, startAgent } from "@meshwork/agent";
import { findCurrentConsul } from "../support/current-consul.ts";
import { Recorder } from "../support/parity-recorder.ts";
import { findConsul, type RealConsul, sayNotRun, startConsul } from "../support/real-consul.ts";
import { notRun } from "../support/not-run.ts";
import { areas } from "./areas.ts";
import { compareShapes, playBoth } from "./compare.ts";
import { knownDifferences } from "./known-differences.ts";
import { type VersionDifference, versionDifferences } from "./version-differences.ts";

/** Some scripts wait for checks that look every second. */
const SCRIPT_MS = 90_000;

describe("the agent beside a real Consul", function () {
  this.timeout(SCRIPT_MS);

  if (findConsul() === undefined) {
    it("is not compared on this machine", () => sayNotRun("registry parity"));
    return;
  }

  let agent: RunningAgent;
  let consul: RealConsul;

  before(async () => {
    [agent, consul] = await Promise.all([startAgent(), startConsul()]);
  });

  after(async () => {
    await Promise.all([agent?.close(), consul?.close()]);
  });

  for (const [area, scripts] of Object.entries(areas)) {
    for (const [what, script] of Object.entries(scripts)) {
      it(`answers alike: ${area}: ${what}`, async () => {
        const [ours, theirs] = await playBoth(script, agent.url, consul.url);
        assert.ok(ours.records.length > 0);
        ours.records.forEach((record, step) => {
          assert.deepEqual(record, theirs.records[step], `step ${step}: ${record.request}`);
        });
        assert.equal(ours.records.length, theirs.records.length);
      });
    }
  }

  for (const { request, agent: ourStatus, consul: theirStatus, why } of knownDifferences) {
    const [method, path, body] = request;
    it(`differs knowingly: ${method} ${path} is ${ourStatus}, not ${theirStatus}, because ${why}`, async () => {
      assert.equal((await new Recorder(agent.url).askQuietly(method, path, body)).status, ourStatus);
      assert.equal((await new Recorder(consul.url).askQuietly(method, path, body)).status, theirStatus);
    });
  }
});

describe("the agent beside a current Consul", function () {
  this.timeout(SCRIPT_MS);

  const binary = findCurrentConsul();
  if (binary === undefined) {
    it("is not compared on this machine", () =>
      notRun("registry parity", "current-consul", "run npm run test:registry, which builds one with Go"));
    return;
  }

  let agent: RunningAgent;
  let consul: RealConsul;
  const met = new Set<VersionDifference>();

  before(async () => {
    [agent, consul] = await Promise.all([startAgent(), startConsul({ binary })]);
  });

  after(async () => {
    await Promise.all([agent?.close(), consul?.close()]);
  });

  for (const [area, scripts] of Object.entries(areas)) {
    for (const [what, script] of Object.entries(scripts)) {
      it(`has the same shape: ${area}: ${what}`, async () => {
        const { known, unknown } = compareShapes(...(await playBoth(script, agent.url, consul.url)));
        assert.deepEqual(unknown, []);
        for (const rule of known) met.add(rule);
      });
    }
  }

  it("differs in all ways that are listed", () => {
    assert.deepEqual(
      versionDifferences.filter((rule) => !met.has(rule)).map(({ why }) => why),
      [],
    );
  });
});
