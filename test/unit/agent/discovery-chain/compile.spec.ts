import assert from "node:assert/strict";

import {
  ChainError,
  type Chain,
  type ResolverNode,
  type SplitterNode,
} from "../../../../agent/src/discovery-chain/chain.ts";
import { compiled, http, resolver, router, splitter } from "./fixtures.ts";

function refusal(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ChainError && pattern.test(error.message);
}

function resolverNode(chain: Chain, target: string): ResolverNode {
  const node = chain.nodes.get(`resolver:${target}`);
  assert.ok(node?.type === "resolver");
  return node;
}

function splits(chain: Chain, service: string): readonly [number, string][] {
  const node = chain.nodes.get(`splitter:${service}.default`) as SplitterNode;
  return node.splits.map(({ weight, nextNode }) => [Math.round(weight * 100) / 100, nextNode]);
}

describe("the discovery chain compiler", () => {
  it("resolves a service that nothing is said about to itself", () => {
    const chain = compiled("web", []);
    assert.equal(chain.startNode, "resolver:web.default.dc1");
    assert.equal(chain.protocol, "tcp");
    assert.equal(resolverNode(chain, "web.default.dc1").isDefault, true);
    assert.equal(chain.targets.get("web.default.dc1")?.sni, "web.default.dc1.internal.mesh.consul");
  });

  it("ends every router with a route that matches everything", () => {
    const chain = compiled("web", [http("web"), router("web", { Match: { HTTP: { PathExact: "/a" } } })]);
    const start = chain.nodes.get(chain.startNode);
    assert.equal(start?.type, "router");
    const last = start?.type === "router" ? start.routes.at(-1) : undefined;
    assert.equal(last?.definition.match?.http?.pathPrefix, "/");
    assert.equal(last?.nextNode, "resolver:web.default.dc1");
  });

  it("flattens nested splitters, rounding to hundredths of a percent", () => {
    const chain = compiled("a", [
      ...["a", "b", "c"].map(http),
      splitter("a", { Weight: 33.33 }, { Weight: 66.67, Service: "b" }),
      splitter("b", { Weight: 33.33 }, { Weight: 66.67, Service: "c" }),
    ]);
    assert.deepEqual(splits(chain, "a"), [
      [33.33, "resolver:a.default.dc1"],
      [22.22, "resolver:b.default.dc1"],
      [44.45, "resolver:c.default.dc1"],
    ]);
    assert.equal(chain.nodes.has("splitter:b.default"), false);
  });

  it("keeps a nested splitter that a route leads to as well", () => {
    const chain = compiled("a", [
      ...["a", "b"].map(http),
      router("a", { Destination: { Service: "b" } }),
      splitter("a", { Weight: 100, Service: "b" }),
      splitter("b", { Weight: 100 }),
    ]);
    assert.deepEqual(splits(chain, "a"), [[100, "resolver:b.default.dc1"]]);
    assert.deepEqual(splits(chain, "b"), [[100, "resolver:b.default.dc1"]]);
  });

  it("does not split what names a subset", () => {
    const chain = compiled("a", [
      http("a"),
      resolver("a", { Subsets: { v1: {} } }),
      splitter("a", { Weight: 100 }),
      router("a", { Destination: { ServiceSubset: "v1" } }),
    ]);
    const start = chain.nodes.get("router:a.default");
    assert.deepEqual(start?.type === "router" && start.routes.map(({ nextNode }) => nextNode), [
      "resolver:v1.a.default.dc1",
      "splitter:a.default",
    ]);
  });

  it("follows redirects and drops the subset of another service", () => {
    const chain = compiled("a", [
      resolver("a", { DefaultSubset: "v1", Subsets: { v1: {} }, Redirect: { Service: "b", Datacenter: "dc2" } }),
    ]);
    assert.equal(chain.startNode, "resolver:b.default.dc2");
    assert.deepEqual([...chain.targets.keys()], ["b.default.dc2"]);
  });

  it("fails over datacenter by datacenter, never to itself, and not on from there", () => {
    const chain = compiled("a", [
      resolver("a", { Failover: { "*": { Datacenters: ["dc1", "dc2", "dc3"] } } }),
      resolver("b", { Redirect: { Service: "a" } }),
    ]);
    assert.deepEqual(resolverNode(chain, "a.default.dc1").failover, ["a.default.dc2", "a.default.dc3"]);
    assert.equal(chain.nodes.size, 1);
    assert.equal(chain.targets.size, 3);
  });

  it("prefers the failover of the subset to that of all", () => {
    const failover = { "*": { Service: "b" }, v1: { ServiceSubset: "v2" } };
    const chain = compiled("a", [
      resolver("a", { DefaultSubset: "v1", Subsets: { v1: {}, v2: {} }, Failover: failover }),
    ]);
    assert.deepEqual(resolverNode(chain, "v1.a.default.dc1").failover, ["v2.a.default.dc1"]);
  });

  it("sends only what leaves the datacenter through a gateway", () => {
    const defaults = { Kind: "service-defaults", Name: "a", MeshGateway: { Mode: "local" } };
    const chain = compiled("a", [defaults, resolver("a", { Failover: { "*": { Datacenters: ["dc2"] } } })]);
    assert.equal(chain.targets.get("a.default.dc1")?.meshGateway.mode, "");
    assert.equal(chain.targets.get("a.default.dc2")?.meshGateway.mode, "local");
  });

  it("leaves routers and splitters out under a protocol that cannot be routed, and says so", () => {
    const entries = [http("a"), router("a", {}), splitter("a", { Weight: 100 })];
    const chain = compiled("a", entries, { protocol: "tcp" });
    assert.equal(chain.startNode, "resolver:a.default.dc1");
    assert.equal(chain.protocol, "tcp");
    assert.match(chain.customizationHash, /^[\da-f]{8}$/);
    assert.equal(compiled("a", entries, { protocol: "http" }).customizationHash, "");
  });

  it("refuses what contradicts itself", () => {
    const cases: readonly [RegExp, Parameters<typeof compiled>[1]][] = [
      [/"tcp" that does not permit advanced routing/, [router("a")]],
      [
        /inconsistent protocols; service "b" has "tcp" which is not "http"/,
        [http("a"), splitter("a", {}, { Service: "b" })],
      ],
      [/^service "a" does not have a subset named "v1"$/, [http("a"), splitter("a", { ServiceSubset: "v1" })]],
      [
        /redirect: \[a.default.dc1 -> b.default.dc1 -> a.default.dc1\]$/,
        [resolver("a", { Redirect: { Service: "b" } }), resolver("b", { Redirect: { Service: "a" } })],
      ],
      [
        /reference: \[splitter:a.default -> splitter:b.default -> splitter:a.default\]$/,
        [...["a", "b"].map(http), splitter("a", { Service: "b" }), splitter("b", { Service: "a" })],
      ],
      [
        /external SNI set; cannot define subsets/,
        [{ Kind: "service-defaults", Name: "a", ExternalSNI: "x" }, resolver("a", { Subsets: { v1: {} } })],
      ],
    ];
    for (const [pattern, entries] of cases) assert.throws(() => compiled("a", entries), refusal(pattern));
  });
});
