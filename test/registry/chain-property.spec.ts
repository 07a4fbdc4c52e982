/**
 * Random config entries, written to the agent and to a real Consul: both must take or refuse each, and make the same
 * chains of what they took. Where several chains break at once Consul names any of them, so the text of a refused write
 * is not compared; that of a chain is.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Recorder } from "../support/parity-recorder.ts";
import {
  randomKinds,
  randomOverrides,
  randomServices,
  type RandomWrite,
  randomWrites,
} from "../support/random-config-entries.ts";
import { findConsul, sayNotRun } from "../support/real-consul.ts";
import { besideConsul } from "./beside-consul.ts";

/** Each takes about a tenth of a second on two registries. */
const runs = 60;
/** Removing may be refused until something else is gone. */
const removalPasses = 6;

interface Seen {
  taken: number;
  refused: number;
  readonly startNodes: Set<string>;
  failovers: number;
}

describe("chains of random config entries", function () {
  this.timeout(120_000);
  if (findConsul() === undefined) {
    it("are not compared on this machine", () => sayNotRun("comparison of random chains"));
    return;
  }

  const both = besideConsul();

  it("are the same as Consul's", async () => {
    const seen: Seen = { taken: 0, refused: 0, startNodes: new Set(), failovers: 0 };
    await fc.assert(
      fc.asyncProperty(randomWrites, randomOverrides, async (writes, overrides) => {
        const [ours, theirs] = await Promise.all([
          played(both.agent.url, writes, overrides),
          played(both.consul.url, writes, overrides),
        ]);
        ours.records.forEach((record, step) => {
          assert.deepEqual(record, theirs.records[step], `step ${step}: ${record.request}`);
        });
        assert.equal(ours.records.length, theirs.records.length);
        count(theirs, seen);
      }),
      { numRuns: runs },
    );
    assert.ok(
      seen.taken > runs && seen.refused > runs,
      `too few writes were taken or refused: ${JSON.stringify(seen)}`,
    );
    assert.deepEqual([...seen.startNodes].sort(), ["resolver", "router", "splitter"]);
    assert.ok(seen.failovers > 0, "no chain had a failover");
  });
});

async function played(url: string, writes: readonly RandomWrite[], overrides: object): Promise<Recorder> {
  await removeAll(url);
  const recorder = new Recorder(url);
  for (const write of writes) {
    if ("put" in write) {
      const { status } = await recorder.askQuietly("PUT", "/v1/config", write.put);
      recorder.note(`PUT ${JSON.stringify(write.put)}`, status);
    } else {
      const { kind, name } = write.remove;
      const { status } = await recorder.askQuietly("DELETE", `/v1/config/${kind}/${name}`);
      recorder.note(`DELETE ${kind}/${name}`, status);
    }
  }
  await recorder.get("/v1/config/");
  for (const service of randomServices) {
    await recorder.get(`/v1/discovery-chain/${service}`);
    await recorder.get(`/v1/discovery-chain/${service}?compile-dc=dc2`);
    await recorder.ask("POST", `/v1/discovery-chain/${service}`, overrides);
  }
  return recorder;
}

async function removeAll(url: string): Promise<void> {
  const recorder = new Recorder(url);
  for (let pass = 0; pass < removalPasses; pass++) {
    const left = (await recorder.askQuietly("GET", "/v1/config/")).json as { Kind: string; Name: string }[];
    if (left.length === 0) return;
    for (const kind of randomKinds) {
      if (kind === "service-resolver") await disentangle(recorder, left);
      for (const { Kind, Name } of left) {
        if (Kind === kind) await recorder.askQuietly("DELETE", `/v1/config/${Kind}/${Name}`);
      }
    }
  }
  throw new Error(`${url} still has config entries after ${removalPasses} attempts to remove them all`);
}

/** Resolvers that need each other's subsets hold each other: with subsets and nothing else they let go. */
async function disentangle(
  recorder: Recorder,
  left: readonly { readonly Kind: string; Name: string }[],
): Promise<void> {
  for (const { Kind, Name } of left) {
    if (Kind !== "service-resolver") continue;
    await recorder.askQuietly("PUT", "/v1/config", { Kind, Name, Subsets: { v1: {}, v2: {} } });
  }
}

function count({ records }: Recorder, seen: Seen): void {
  for (const { request, status, body } of records) {
    if (request.startsWith("PUT ")) seen[body === 200 ? "taken" : "refused"] += 1;
    if (!request.includes("/v1/discovery-chain/") || status !== 200) continue;
    const { StartNode } = (body as { Chain: { StartNode: string } }).Chain;
    seen.startNodes.add(StartNode.slice(0, StartNode.indexOf(":")));
    if (JSON.stringify(body).includes('"Failover"')) seen.failovers += 1;
  }
}
