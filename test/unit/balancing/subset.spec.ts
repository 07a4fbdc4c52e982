import assert from "node:assert/strict";
import { describe, it } from "mocha";
import * as fc from "fast-check";
import type { Endpoint } from "../../../sdk/src/balancing/endpoint.ts";
import { checkSubset, subsetOf } from "../../../sdk/src/balancing/subset.ts";
import { endpoint } from "./fleet.ts";

function numbered(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, at) => ({ ...endpoint(`e${at}`), metadata: { number: String(at) } }));
}

function ids(endpoints: readonly Endpoint[]): string[] {
  return endpoints.map(({ id }) => id);
}

/** How many of so many numbered clients connect to each endpoint. */
function connections(endpoints: readonly Endpoint[], clients: number, size: number): number[] {
  const counts = new Map(endpoints.map(({ id }) => [id, 0]));
  for (let number = 0; number < clients; number++) {
    for (const { id } of subsetOf(endpoints, { size }, { id: `c${number}`, number })) {
      counts.set(id, (counts.get(id) as number) + 1);
    }
  }
  return [...counts.values()];
}

describe("a subset", () => {
  it("is all endpoints where there are no more", () => {
    const all = numbered(3);
    assert.equal(subsetOf(all, { size: 3 }, { id: "c" }), all);
    assert.equal(subsetOf(all, { size: 20 }, { id: "c", number: 7 }), all);
  });

  it("does not depend on the order in which endpoints are listed, and has each once", () => {
    const all = numbered(50);
    for (const number of [undefined, 3]) {
      const chosen = ids(subsetOf(all, { size: 10 }, { id: "c", number }));
      assert.equal(new Set(chosen).size, 10);
      assert.deepEqual(ids(subsetOf(all.toReversed(), { size: 10 }, { id: "c", number })), chosen);
    }
  });

  it("changes by one endpoint at most when one comes or goes, whoever takes it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 200 }),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(199),
        fc.option(fc.nat(10_000), { nil: undefined }),
        (count, size, gone, number) => {
          const all = numbered(count);
          const before = new Set(ids(subsetOf(all, { size }, { id: "c", number })));
          const after = ids(subsetOf(all.toSpliced(gone % count, 1), { size }, { id: "c", number }));
          assert.ok(after.filter((id) => !before.has(id)).length <= 1);
        },
      ),
    );
  });

  it("of numbered clients gives numbered endpoints evenly many connections, exactly where numbers are round", () => {
    assert.deepEqual(new Set(connections(numbered(1_000), 100, 20)), new Set([2]));
    for (const [endpoints, clients, size] of [
      [100, 100, 10],
      [300, 60, 20],
      [211, 370, 12],
      [1_234, 333, 20],
      [640, 900, 16],
    ] as const) {
      const counts = connections(numbered(endpoints), clients, size);
      const mean = (clients * size) / endpoints;
      const off = Math.max(...counts.map((count) => Math.abs(count - mean)));
      assert.ok(off < 2 + mean / 10, `${off} off ${mean}`);
    }
  });

  it("moves no more connections to one that comes than its share", () => {
    const [before, after] = [connections(numbered(1_000), 100, 20), connections(numbered(1_001), 100, 20)];
    assert.ok((after[1_000] as number) <= 3);
    assert.equal(
      before.reduce((sum, count, at) => sum + Math.abs(count - (after[at] as number)), 0),
      after[1_000],
    );
  });

  it("takes endpoints without a number, or with one that is none, at places of their own", () => {
    const strange = "a b c d e f g h i j".split(" ").map((id) => ({ ...endpoint(id), metadata: { number: `${id}1` } }));
    const plain = "a b c d e f g h i j".split(" ").map((id) => endpoint(id));
    const taken = ids(subsetOf(strange, { size: 4 }, { id: "c", number: 2 }));
    assert.equal(new Set(taken).size, 4);
    assert.deepEqual(ids(subsetOf(plain, { size: 4 }, { id: "c", number: 2 })), taken);
  });

  it("refuses sizes out of range", () => {
    for (const size of [0, -1, NaN, 100_001]) {
      assert.throws(() => checkSubset({ size }), /options of subset are wrong: size is/);
    }
  });
});
