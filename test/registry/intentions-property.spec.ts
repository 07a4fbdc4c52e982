/**
 * Random intentions, written to the agent and to a real Consul: both must take or refuse each in the same words, list and
 * match the same, and decide the same for every pair of services.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Recorder } from "../support/parity-recorder.ts";
import { findConsul, sayNotRun } from "../support/real-consul.ts";
import { besideConsul } from "./beside-consul.ts";

/** Each takes about a tenth of a second on two registries. */
const runs = 60;
const path = "/v1/connect/intentions";

/** Few words, so that intentions meet; names have case in one place and not in another. */
const name = fc.constantFrom("web", "WEB", "db", "*", "w*", "");
const namespace = fc.constantFrom(undefined, undefined, undefined, "team", "*", "");
const body = fc.record({
  SourceName: name,
  SourceNS: namespace,
  DestinationName: name,
  DestinationNS: namespace,
  Action: fc.constantFrom("allow", "deny", "allow", "deny", "ask"),
  Description: fc.constantFrom(undefined, "", "d"),
  Meta: fc.constantFrom(undefined, {}, { k: "v" }),
});
/** Of those that were created, the one in this place. */
const place = fc.nat({ max: 4 });
const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ create: body }) },
  { weight: 1, arbitrary: fc.record({ update: place, to: body }) },
  { weight: 1, arbitrary: fc.record({ remove: place }) },
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

const services = ["web", "WEB", "db", "other", "*", "team/web", "team/db"];

describe("random intentions", function () {
  this.timeout(120_000);
  if (findConsul() === undefined) {
    it("are not compared on this machine", () => sayNotRun("comparison of random intentions"));
    return;
  }

  const both = besideConsul();

  it("are taken, listed, matched and obeyed as Consul does", async () => {
    const decisions = new Set<string>();
    let refused = 0;
    const property = fc.asyncProperty(fc.array(change, { minLength: 3, maxLength: 12 }), async (changes) => {
      const [ours, theirs] = await Promise.all([played(both.agent.url, changes), played(both.consul.url, changes)]);
      ours.records.forEach((record, step) => {
        assert.deepEqual(record, theirs.records[step], `step ${step}: ${record.request}`);
      });
      assert.equal(ours.records.length, theirs.records.length);
      for (const { request, status, body } of theirs.records) {
        if (request.includes("/check?")) decisions.add(JSON.stringify(body));
        else if (status === 500) refused += 1;
      }
    });
    await fc.assert(property, { numRuns: runs });
    assert.equal(decisions.size, 2, "only one decision was ever made");
    assert.ok(refused > runs, `only ${refused} writes were refused`);
  });
});

async function played(url: string, changes: readonly Change[]): Promise<Recorder> {
  await removeAll(url);
  const recorder = new Recorder(url);
  const ids: string[] = [];
  for (const change of changes) {
    if ("create" in change) {
      const { status, json } = await recorder.ask("POST", path, change.create);
      if (status === 200) ids.push((json as { ID: string }).ID);
      continue;
    }
    const id = ids["update" in change ? change.update : change.remove];
    if (id === undefined) continue;
    if ("update" in change) await recorder.put(`${path}/${id}`, change.to);
    else await recorder.delete(`${path}/${id}`);
  }
  await recorder.get(path);
  for (const service of services) {
    await recorder.get(`${path}/match?by=source&name=${service}`);
    await recorder.get(`${path}/match?by=destination&name=${service}`);
    for (const destination of services) {
      await recorder.get(`${path}/check?source=${service}&destination=${destination}`);
    }
  }
  return recorder;
}

async function removeAll(url: string): Promise<void> {
  const recorder = new Recorder(url);
  const { json } = await recorder.askQuietly("GET", path);
  for (const { ID } of json as { ID: string }[]) await recorder.askQuietly("DELETE", `${path}/${ID}`);
}
