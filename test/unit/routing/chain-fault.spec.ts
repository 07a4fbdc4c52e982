import assert from "node:assert/strict";
import * as fc from "fast-check";
import { describe, it } from "mocha";
import { chainFault } from "../../../sdk/src/routing/chain-fault.ts";
import type { ChainNode, ChainTarget, CompiledChain } from "../../../sdk/src/routing/compiled-chain.ts";

const TARGET: ChainTarget = {
  id: "t",
  service: "greeter",
  namespace: "default",
  partition: "default",
  datacenter: "dc1",
  onlyPassing: false,
};

function chain(nodes: Readonly<Record<string, ChainNode>>, startNode = "0"): CompiledChain {
  return {
    service: "greeter",
    namespace: "default",
    partition: "default",
    datacenter: "dc1",
    protocol: "grpc",
    isDefault: false,
    startNode,
    nodes: new Map(Object.entries(nodes)),
    targets: new Map([["t", TARGET]]),
  };
}

function splitter(...next: readonly string[]): ChainNode {
  return { kind: "splitter", splits: next.map((to) => ({ weight: 100 / next.length, next: to })) };
}

function resolver(target = "t", failover: readonly string[] = []): ChainNode {
  return { kind: "resolver", target, connectTimeoutMs: 5_000, failover };
}

describe("a compiled chain", () => {
  it("has no fault when every way ends at a target, also where ways meet again", () => {
    assert.equal(
      chainFault(chain({ 0: splitter("1", "2"), 1: splitter("3"), 2: splitter("3"), 3: resolver() })),
      undefined,
    );
  });

  it("is at fault when a name leads nowhere", () => {
    for (const [nodes, why] of [
      [{}, "the start node 0 is not among the nodes"],
      [{ 0: splitter("1") }, "node 0 leads to 1, which is not among the nodes"],
      [{ 0: resolver("lost") }, "node 0 resolves to lost, which is not among the targets"],
      [{ 0: resolver("t", ["lost"]) }, "node 0 resolves to lost, which is not among the targets"],
    ] as const) {
      assert.equal(chainFault(chain(nodes)), why);
    }
  });

  it("is at fault exactly when a walk can go on for longer than there are nodes", () => {
    const next = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(next, { minLength: 6, maxLength: 6 }), (edges) => {
        const nodes = Object.fromEntries(
          edges.map((to, at) => [at, to.length === 0 ? resolver() : splitter(...to.map(String))]),
        );
        let reached = new Set([0]);
        for (let step = 0; step < edges.length; step++)
          reached = new Set([...reached].flatMap((at) => edges[at] ?? []));
        const expected = reached.size === 0 ? undefined : "a walk from 0 comes round to where it was";
        assert.equal(chainFault(chain(nodes)), expected);
      }),
      { numRuns: 500 },
    );
  });
});
