/** Answers that lack something or hold something else: read, or refused as unreadable; never anything in between. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import * as fc from "fast-check";
import { after, before, describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { aclTokenSelf } from "../../../sdk/src/consul/acl-api.ts";
import { agentSelf } from "../../../sdk/src/consul/agent-api.ts";
import { agentMembers } from "../../../sdk/src/consul/agent-members-api.ts";
import { authorize } from "../../../sdk/src/consul/authorize-api.ts";
import { catalogNodes, catalogServices, healthService } from "../../../sdk/src/consul/catalog-api.ts";
import { getConfigEntry, listConfigEntries } from "../../../sdk/src/consul/config-entry-api.ts";
import { caLeaf, caRoots } from "../../../sdk/src/consul/connect-ca-api.ts";
import { healthConnect } from "../../../sdk/src/consul/connect-health-api.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { discoveryChain } from "../../../sdk/src/consul/discovery-chain-api.ts";
import { listIntentions, matchIntentions } from "../../../sdk/src/consul/intentions-api.ts";
import { kvGet } from "../../../sdk/src/consul/kv-api.ts";
import { renewSession, sessionInfo } from "../../../sdk/src/consul/session-api.ts";
import { kvTransaction } from "../../../sdk/src/consul/txn-api.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { testCertificates } from "../../support/certificates.ts";
import { agentSelfOf, healthEntry, ScriptedConsul } from "./scripted-consul.ts";

const { ca, client } = testCertificates();

const CHAIN = {
  Chain: {
    ServiceName: "greeter",
    Namespace: "default",
    Datacenter: "dc1",
    Protocol: "grpc",
    StartNode: "router:r",
    Nodes: {
      "router:r": {
        Type: "router",
        Routes: [
          {
            Definition: {
              Match: { HTTP: { PathPrefix: "/a/", Methods: ["POST"], Header: [{ Name: "x", Exact: "1" }] } },
              Destination: { RequestTimeout: "2s", RetryOnStatusCodes: [503], RequestHeaders: { Add: { a: "b" } } },
            },
            NextNode: "splitter:s",
          },
        ],
      },
      "splitter:s": { Type: "splitter", Splits: [{ Weight: 100, NextNode: "resolver:t" }] },
      "resolver:t": {
        Type: "resolver",
        Resolver: { ConnectTimeout: "5s", Target: "t", Failover: { Targets: ["u"] } },
        LoadBalancer: { Policy: "maglev", HashPolicies: [{ Field: "header", FieldValue: "x" }] },
      },
    },
    Targets: {
      t: { ID: "t", Service: "greeter", Subset: { Filter: "a == b", OnlyPassing: true }, MeshGateway: {}, SNI: "t" },
      u: { ID: "u", Service: "greeter", Datacenter: "dc2" },
    },
  },
};
const ROOT = {
  ID: "r",
  Name: "root",
  RootCert: ca,
  IntermediateCerts: [ca],
  Active: true,
  NotAfter: "2036-01-01T00:00:00Z",
};
const LEAF = {
  SerialNumber: "0b",
  CertPEM: client.cert,
  PrivateKeyPEM: client.key,
  Service: "web",
  ServiceURI: "spiffe://x/ns/default/dc/dc1/svc/web",
  ValidAfter: "2026-01-01T00:00:00Z",
  ValidBefore: "2026-01-04T00:00:00Z",
};
const INTENTION = {
  ID: "i",
  SourceName: "web",
  DestinationName: "greeter",
  Action: "allow",
  Permissions: [{ Action: "deny", HTTP: { PathExact: "/a", Header: [{ Name: "x", Present: true }] } }],
  Precedence: 9,
};
const ENTRY = {
  Kind: "service-router",
  Name: "greeter",
  Routes: [{ Match: { HTTP: {} } }],
  CreateIndex: 1,
  ModifyIndex: 2,
};
const KEY = { Key: "a/b", Value: "AP8=", Flags: 3, CreateIndex: 4, ModifyIndex: 6, LockIndex: 1, Session: "s1" };
const SESSION = {
  ID: "s1",
  Name: "n",
  Node: "node-1",
  Behavior: "release",
  TTL: "10s",
  LockDelay: 15_000_000_000,
  NodeChecks: ["serfHealth"],
  CreateIndex: 4,
};
const INSTANCE = healthEntry("g-1", { Proxy: { DestinationServiceName: "greeter" } }, { Datacenter: "dc1" });

const ENDPOINTS: readonly (readonly [name: string, good: unknown, ask: (http: ConsulHttp) => Promise<unknown>])[] = [
  ["agent/self", JSON.parse(agentSelfOf("1.8.7")), agentSelf],
  ["members", [{ Name: "a", Addr: "b", Port: 1, Status: 1, Tags: { build: "1.8.7:" } }], agentMembers],
  ["nodes", [{ ID: "i", Node: "n", Address: "a", Datacenter: "d", Meta: { a: "b" } }], catalogNodes],
  ["services", { greeter: ["v1"] }, catalogServices],
  ["health/service", [INSTANCE], (http) => healthService(http, "greeter")],
  ["health/connect", [INSTANCE], (http) => healthConnect(http, "greeter")],
  ["discovery chain", CHAIN, (http) => discoveryChain(http, "greeter")],
  ["roots", { ActiveRootID: "r", TrustDomain: "x", Roots: [ROOT] }, caRoots],
  ["leaf", LEAF, (http) => caLeaf(http, "web")],
  ["intentions", [INTENTION], listIntentions],
  ["intentions of a service", { greeter: [INTENTION] }, (http) => matchIntentions(http, "destination", "greeter")],
  ["authorize", { Authorized: true, Reason: "r" }, (http) => authorize(http, "g", { uri: "u", serialNumber: "1" })],
  ["token", { AccessorID: "a", Policies: [{ Name: "p" }], ExpirationTime: "2026-01-01T00:00:00Z" }, aclTokenSelf],
  ["config entry", ENTRY, (http) => getConfigEntry(http, "service-router", "greeter")],
  ["key", [KEY], (http) => kvGet(http, "a/b")],
  ["session", [SESSION], (http) => sessionInfo(http, "s1")],
  ["renewed session", [SESSION], (http) => renewSession(http, "s1")],
  [
    "transaction",
    { Results: [{ KV: KEY }], Errors: null },
    (http) => kvTransaction(http, [{ verb: "get", key: "a/b" }]),
  ],
  ["config entries", [ENTRY], (http) => listConfigEntries(http, "service-router")],
];

const STRANGE = [null, true, -1, 1e300, "", "x", [], {}, [null], { Name: 1 }] as const;
const RUNS = 60;

/** Every place in a value, as the keys that lead to it. */
function placesIn(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))];
}

/** The value with another in one place, or without that place. */
function changed(value: unknown, path: readonly string[], to: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  const copy = structuredClone(value) as Record<string, unknown>;
  const inner = changed(copy[key], rest, to);
  if (inner === undefined) Reflect.deleteProperty(copy, key);
  else copy[key] = inner;
  return copy;
}

describe("answers of Consul that are not what they should be", () => {
  let consul: ScriptedConsul;
  let http: ConsulHttp;

  before(async () => {
    consul = await ScriptedConsul.start();
    http = new ConsulHttp({ url: consul.url }, new VirtualClock());
  });

  after(async () => {
    http.close();
    await consul.close();
  });

  async function outcome(ask: (http: ConsulHttp) => Promise<unknown>, body: string): Promise<unknown> {
    const asked = ask(http).then(
      () => undefined,
      (error: unknown) => error,
    );
    (await consul.next()).reply(200, body);
    return asked;
  }

  for (const [name, good, ask] of ENDPOINTS) {
    it(`are read or refused: ${name}`, async () => {
      assert.equal(await outcome(ask, JSON.stringify(good)), undefined, "the good answer is refused");
      const mutation = fc.record({
        path: fc.constantFrom(...placesIn(good).filter((path) => path.length > 0)),
        to: fc.constantFrom(undefined, ...STRANGE),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 2 }), async ([first, second]) => {
          let body = changed(good, first!.path, first!.to);
          if (second !== undefined && placesIn(body).some((path) => path.join() === second.path.join())) {
            body = changed(body, second.path, second.to);
          }
          const error = await outcome(ask, JSON.stringify(body));
          if (error === undefined) return;
          assert.ok(error instanceof MeshError, inspect(error));
          assert.equal(error.code, "INTERNAL");
          assert.match(error.reason, /gave an answer that cannot be read \(.+\): check/);
        }),
        { numRuns: RUNS },
      );
    });

    it(`are refused when they are cut off: ${name}`, async () => {
      const text = JSON.stringify(good);
      for (const length of [0, 1, Math.floor(text.length / 2), text.length - 1]) {
        const error = await outcome(ask, text.slice(0, length));
        assert.ok(error instanceof MeshError && error.code === "INTERNAL", inspect(error));
      }
    });
  }
});
