import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { decodeChain } from "../../../sdk/src/consul/decode-chain.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

const http = new ConsulHttp({}, new VirtualClock());

/** The least that a chain can be. */
function chainJson(changes: Record<string, unknown> = {}): string {
  const Chain = {
    ServiceName: "greeter",
    Namespace: "default",
    Datacenter: "dc1",
    Protocol: "grpc",
    StartNode: "resolver:a",
    Nodes: { "resolver:a": resolver("a") },
    Targets: { a: { ID: "a", Service: "greeter" } },
    ...changes,
  };
  return JSON.stringify({ Chain });
}

function resolver(target: string, more: Record<string, unknown> = {}, node: Record<string, unknown> = {}): object {
  return { Type: "resolver", Name: target, Resolver: { ConnectTimeout: "5s", Target: target, ...more }, ...node };
}

function router(...routes: readonly object[]): Record<string, unknown> {
  return {
    StartNode: "router:r",
    Nodes: { "router:r": { Type: "router", Routes: routes }, "resolver:a": resolver("a") },
  };
}

function routeOf(Definition: unknown) {
  const { nodes } = decodeChain(http, chainJson(router({ Definition, NextNode: "resolver:a" })));
  const node = nodes.get("router:r");
  assert.equal(node?.kind, "router");
  return node.routes[0]!;
}

describe("a discovery chain of Consul", () => {
  it("is read at its least, with the defaults of what is left out", () => {
    const chain = decodeChain(http, chainJson());
    assert.deepEqual(chain.nodes.get("resolver:a"), {
      kind: "resolver",
      target: "a",
      connectTimeoutMs: 5_000,
      failover: [],
    });
    assert.deepEqual(chain.targets.get("a"), {
      id: "a",
      service: "greeter",
      namespace: "default",
      partition: "default",
      datacenter: "",
      onlyPassing: false,
    });
    assert.equal(chain.partition, "default");
    assert.equal(chain.isDefault, false);
  });

  it("is a default one where 1.8 says so of the resolver, and where newer ones say so of the chain", () => {
    const nodes = { "resolver:a": resolver("a", { Default: true }) };
    assert.equal(decodeChain(http, chainJson({ Nodes: nodes })).isDefault, true);
    assert.equal(decodeChain(http, chainJson({ Nodes: nodes, Default: false })).isDefault, false);
    assert.equal(decodeChain(http, chainJson({ Default: true })).isDefault, true);
    assert.ok(!("isDefault" in decodeChain(http, chainJson({ Nodes: nodes })).nodes.get("resolver:a")!));
  });

  it("has targets with subset, filter, peer, gateway and name for TLS", () => {
    const a = {
      ID: "a",
      Service: "greeter",
      ServiceSubset: "v1",
      Namespace: "team",
      Partition: "part",
      Datacenter: "dc2",
      Peer: "other",
      MeshGateway: { Mode: "local" },
      Subset: { Filter: "Service.Meta.version == 1", OnlyPassing: true },
      SNI: "v1.greeter",
      Locality: { Region: "us" },
    };
    assert.deepEqual(decodeChain(http, chainJson({ Targets: { a } })).targets.get("a"), {
      id: "a",
      service: "greeter",
      subset: "v1",
      namespace: "team",
      partition: "part",
      datacenter: "dc2",
      peer: "other",
      filter: "Service.Meta.version == 1",
      onlyPassing: true,
      meshGateway: "local",
      sni: "v1.greeter",
    });
  });

  it("has routes that match paths, methods, headers and parameters", () => {
    const HTTP = {
      PathPrefix: "/demo.Greeter/",
      CaseInsensitive: true,
      Methods: ["POST"],
      Header: [
        { Name: "a", Exact: "1" },
        { Name: "b", Prefix: "x", Invert: true },
        { Name: "c", Suffix: "y" },
        { Name: "d", Regex: "z+" },
        { Name: "e", Present: true },
        { Name: "f", Contains: "q", IgnoreCase: true },
      ],
      QueryParam: [{ Name: "debug", Present: true }],
    };
    assert.deepEqual(routeOf({ Match: { HTTP } }).match, {
      path: { kind: "prefix", value: "/demo.Greeter/", caseInsensitive: true },
      methods: ["POST"],
      headers: [
        { name: "a", kind: "exact", value: "1" },
        { name: "b", invert: true, kind: "prefix", value: "x" },
        { name: "c", kind: "suffix", value: "y" },
        { name: "d", kind: "regex", value: "z+" },
        { name: "e", kind: "present" },
        { name: "f", caseInsensitive: true, kind: "contains", value: "q" },
      ],
      query: [{ name: "debug", kind: "present" }],
    });
    assert.deepEqual(routeOf({ Match: { HTTP: { PathExact: "/a" } } }).match?.path, { kind: "exact", value: "/a" });
    assert.deepEqual(routeOf({ Match: { HTTP: { PathRegex: "/a.*" } } }).match?.path, { kind: "regex", value: "/a.*" });
    assert.equal(routeOf({ Match: null }).match, undefined);
    assert.equal(routeOf(undefined).match, undefined);
  });

  it("has routes that say what is done to a call", () => {
    const Destination = {
      PrefixRewrite: "/x/",
      RequestTimeout: "2s",
      IdleTimeout: "1m",
      NumRetries: 3,
      RetryOnConnectFailure: true,
      RetryOn: ["unavailable"],
      RetryOnStatusCodes: [503],
      RequestHeaders: { Add: { a: "1" }, Set: null, Remove: ["b"] },
      ResponseHeaders: { Set: { c: "2" } },
    };
    assert.deepEqual(routeOf({ Destination }).destination, {
      prefixRewrite: "/x/",
      requestTimeoutMs: 2_000,
      idleTimeoutMs: 60_000,
      retries: 3,
      retryOnConnectFailure: true,
      retryOn: ["unavailable"],
      retryOnStatusCodes: [503],
      requestHeaders: { add: { a: "1" }, set: {}, remove: ["b"] },
      responseHeaders: { add: {}, set: { c: "2" }, remove: [] },
    });
    const none = { retryOnConnectFailure: false, retryOn: [], retryOnStatusCodes: [] };
    assert.deepEqual(routeOf({ Destination: { RequestTimeout: "0s", IdleTimeout: "-1s" } }).destination, none);
    assert.deepEqual(routeOf(undefined).destination, none);
  });

  it("has splits and failover, and how to balance", () => {
    const LoadBalancer = {
      Policy: "ring_hash",
      RingHashConfig: { MinimumRingSize: 0, MaximumRingSize: 1_024 },
      LeastRequestConfig: { ChoiceCount: 5 },
      HashPolicies: [
        { Field: "header", FieldValue: "x-user", Terminal: true },
        { SourceIP: true },
        { Field: "cookie", FieldValue: "id" },
      ],
    };
    const chain = decodeChain(
      http,
      chainJson({
        StartNode: "splitter:s",
        Nodes: {
          "splitter:s": {
            Type: "splitter",
            Splits: [
              { Weight: 99.5, NextNode: "resolver:a", Definition: { RequestHeaders: { Set: { canary: "no" } } } },
              { Weight: 0.5, NextNode: "resolver:b" },
            ],
          },
          "resolver:a": resolver("a", { Failover: { Targets: ["b"] }, RequestTimeout: "30s" }, { LoadBalancer }),
          "resolver:b": resolver("b"),
        },
        Targets: { a: { ID: "a", Service: "greeter" }, b: { ID: "b", Service: "greeter" } },
      }),
    );
    assert.deepEqual(chain.nodes.get("splitter:s"), {
      kind: "splitter",
      splits: [
        { weight: 99.5, next: "resolver:a", requestHeaders: { add: {}, set: { canary: "no" }, remove: [] } },
        { weight: 0.5, next: "resolver:b" },
      ],
    });
    assert.deepEqual(chain.nodes.get("resolver:a"), {
      kind: "resolver",
      target: "a",
      connectTimeoutMs: 5_000,
      requestTimeoutMs: 30_000,
      failover: ["b"],
      loadBalancer: {
        policy: "ring_hash",
        maximumRingSize: 1_024,
        choiceCount: 5,
        hashPolicies: [
          { source: { kind: "header", name: "x-user" }, terminal: true },
          { source: { kind: "source_ip" }, terminal: false },
          { source: { kind: "cookie", name: "id" }, terminal: false },
        ],
      },
    });
  });

  for (const [what, changes, why] of [
    ["a start that is not there", { StartNode: "router:x" }, /the start node router:x is not among the nodes/],
    ["a node of an unknown type", { Nodes: { "resolver:a": { Type: "teleporter" } } }, /Chain.Nodes.resolver:a.Type/],
    ["no start", { StartNode: undefined }, /Chain.StartNode/],
    ["a target without a service", { Targets: { a: { ID: "a" } } }, /Chain.Targets.a.Service/],
    [
      "a timeout that is none",
      { Nodes: { "resolver:a": resolver("a", { ConnectTimeout: "soon" }) } },
      /ConnectTimeout/,
    ],
    ["a target that is not there", { Targets: {} }, /resolves to a, which is not among the targets/],
    [
      "a match of an unknown kind, which must not be taken for one that holds",
      router({ Definition: { Match: { HTTP: { Header: [{ Name: "x", Future: 1 }] } } }, NextNode: "resolver:a" }),
      /the match of x is of a kind that this version does not know/,
    ],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(
        () => decodeChain(http, chainJson(changes)),
        (error) => error instanceof MeshError && error.code === "INTERNAL" && why.test(error.reason),
        String(why),
      );
    });
  }
});
