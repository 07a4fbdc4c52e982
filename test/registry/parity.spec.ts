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
import type { Script } from "./script.ts";
import { type VersionDifference, versionDifferences } from "./version-differences.ts";
import { besideConsul } from "./beside-consul.ts";

/** Some scripts wait for checks that look every second. */
const SCRIPT_MS = 90_000;
/**
 * A current Consul looks once a minute at what an alias stands for when it has missed the change, which happens at the
 * first look, before the check is there to be told of, and when a service goes, whose entry is still there for a moment.
 */
const SLOW_MS = 240_000;
const SLOW = Object.entries(areas["checks that look for themselves"]!).flatMap(([what, script]) =>
  what.startsWith("aliases") ? [script] : [],
);

describe("the agent beside a real Consul", function () {
  this.timeout(SCRIPT_MS);

  if (findConsul() === undefined) {
    it("is not compared on this machine", () => sayNotRun("registry parity"));
    return;
  }

  const both = besideConsul();

  for (const [area, scripts] of Object.entries(areas)) {
    for (const [what, script] of Object.entries(scripts)) {
      it(`answers alike: ${area}: ${what}`, async () => {
        const [ours, theirs] = await playBoth(script, both.agent.url, both.consul.url);
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
      assert.equal((await new Recorder(both.agent.url).askQuietly(method, path, body)).status, ourStatus);
      assert.equal((await new Recorder(both.consul.url).askQuietly(method, path, body)).status, theirStatus);
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

  interface Pair {
    readonly agent: RunningAgent;
    readonly consul: RealConsul;
  }
  const pair = async (): Promise<Pair> => {
    const [agent, consul] = await Promise.all([startAgent(), startConsul({ binary })]);
    return { agent, consul };
  };
  let quick: Pair;
  /** Plays what takes a minute meanwhile. */
  let slow: Pair;
  const begun = new Map<Script, ReturnType<typeof playBoth>>();
  const met = new Set<VersionDifference>();

  before(async () => {
    [quick, slow] = await Promise.all([pair(), pair()]);
    for (const script of SLOW) {
      const playing = playBoth(script, slow.agent.url, slow.consul.url);
      // Whoever asks for it hears of a failure.
      playing.catch(() => undefined);
      begun.set(script, playing);
    }
  });

  after(async () => {
    await Promise.all([quick, slow].flatMap((pair) => [pair?.agent.close(), pair?.consul.close()]));
  });

  const all = Object.entries(areas).flatMap(([area, scripts]) =>
    Object.entries(scripts).map(([what, script]) => ({ title: `${area}: ${what}`, script })),
  );
  // What takes long has had the time of the others when its turn comes.
  for (const { title, script } of all.toSorted(
    (a, b) => Number(SLOW.includes(a.script)) - Number(SLOW.includes(b.script)),
  )) {
    it(`has the same shape: ${title}`, async () => {
      const played = begun.get(script) ?? playBoth(script, quick.agent.url, quick.consul.url);
      const { known, unknown } = compareShapes(...(await played));
      assert.deepEqual(unknown, []);
      for (const rule of known) met.add(rule);
    }).timeout(SLOW.includes(script) ? SLOW_MS : SCRIPT_MS);
  }

  it("differs in all ways that are listed", () => {
    assert.deepEqual(
      versionDifferences.filter((rule) => !met.has(rule)).map(({ why }) => why),
      [],
    );
  });
});
