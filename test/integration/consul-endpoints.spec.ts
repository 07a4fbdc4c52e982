/** The typed endpoints against a Consul that really runs, and against the agent: what they answer is what is read. */
import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { startAgent } from "@meshwork/agent";
import { after, before, describe, it } from "mocha";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { MeshError } from "../../sdk/src/call/mesh-error.ts";
import { systemRandom } from "../../sdk/src/call/random.ts";
import { aclTokenSelf } from "../../sdk/src/consul/acl-api.ts";
import { agentMembers } from "../../sdk/src/consul/agent-members-api.ts";
import { agentSelf, registerService } from "../../sdk/src/consul/agent-api.ts";
import { authorize } from "../../sdk/src/consul/authorize-api.ts";
import { catalogNodes } from "../../sdk/src/consul/catalog-api.ts";
import type { ConfigEntry } from "../../sdk/src/consul/config-entry.ts";
import {
  deleteConfigEntry,
  getConfigEntry,
  listConfigEntries,
  putConfigEntry,
} from "../../sdk/src/consul/config-entry-api.ts";
import { caLeaf, caRoots, watchCaLeaf, watchCaRoots } from "../../sdk/src/consul/connect-ca-api.ts";
import { type ConnectInstance, healthConnect, watchHealthConnect } from "../../sdk/src/consul/connect-health-api.ts";
import { consulFeatures } from "../../sdk/src/consul/consul-features.ts";
import { ConsulHttp } from "../../sdk/src/consul/consul-http.ts";
import { discoveryChain, watchDiscoveryChain } from "../../sdk/src/consul/discovery-chain-api.ts";
import {
  deleteIntention,
  type Intention,
  matchIntentions,
  putIntention,
  watchIntentions,
} from "../../sdk/src/consul/intentions-api.ts";
import {
  endNodeMaintenance,
  endServiceMaintenance,
  startNodeMaintenance,
  startServiceMaintenance,
} from "../../sdk/src/consul/maintenance-api.ts";
import type { CompiledChain } from "../../sdk/src/routing/compiled-chain.ts";
import { Inbox } from "../support/inbox.ts";
import { findConsul, sayNotRun, startConsul } from "../support/real-consul.ts";

/** An authority that changed hands renews its leaves within 30 s, each at a moment of its own. */
const RENEWAL_MS = 45_000;

describe("the endpoints of the agent", () => {
  endpointsOf(() => startAgent());

  it("refuse sidecars, which it has none of", async () => {
    await using agent = await startAgent();
    const http = new ConsulHttp({ url: agent.url }, systemClock);
    await refused(registerService(http, sidecar("native-2"), "remove"), "INVALID_ARGUMENT", /Kind.*real Consul/);
    http.close();
  });
});

describe("the endpoints of a real Consul", () => {
  if (findConsul() === undefined) {
    it("are tested where there is one", () => sayNotRun("endpoints"));
    return;
  }
  endpointsOf(() => startConsul());

  it("tell who is behind a sidecar", async function () {
    this.timeout(60_000);
    const consul = await startConsul();
    const http = new ConsulHttp({ url: consul.url }, systemClock);
    await registerService(http, instance("native-1", { Connect: { Native: true } }), "remove");
    await registerService(http, sidecar("native-2"), "remove");
    const { following, until } = followed<readonly ConnectInstance[]>();
    const watch = watchHealthConnect(http, "native", {}, following);
    const both = await until((list) => list.length === 2);
    watch.close();
    http.close();
    await consul.close();
    assert.deepEqual(
      both.map(({ id, manner, service }) => [id, manner, service]),
      [
        ["native-1", "native", "native"],
        ["native-2", "sidecar", "native"],
      ],
    );
  });
});

interface Registry {
  readonly url: string;
  close(): Promise<void>;
}

function endpointsOf(start: () => Promise<Registry>): void {
  let consul: Registry;
  let http: ConsulHttp;

  before(async function () {
    this.timeout(60_000);
    consul = await start();
    http = new ConsulHttp({ url: consul.url }, systemClock);
  });

  after(async () => {
    http.close();
    await consul.close();
  });

  it("say who it is, and what it can do", async () => {
    const { version, node } = await agentSelf(http);
    assert.match(version, /^\d+\.\d+\.\d+/);
    const features = await consulFeatures(http);
    assert.equal(features.version.text, version);
    assert.equal(features.source, "told");
    const [member] = await agentMembers(http);
    assert.equal(member?.name, node);
    assert.equal(member.role, "server");
    assert.equal(member.status, "alive");
    assert.equal(member.version, version);
    const [listed] = await catalogNodes(http);
    assert.equal(listed?.name, node);
    assert.equal(listed.address, "127.0.0.1");
    assert.equal(await aclTokenSelf(http), undefined);
  });

  it("write, read, list and delete config entries, on a condition where there is one", async () => {
    const entry: ConfigEntry<"service-defaults"> = {
      Kind: "service-defaults",
      Name: "stored",
      Protocol: "grpc",
      Meta: { team: "x" },
    };
    assert.equal(await getConfigEntry(http, "service-defaults", "stored"), undefined);
    assert.deepEqual(await listConfigEntries(http, "service-defaults"), []);
    assert.equal(await putConfigEntry(http, entry, { expected: 0 }), true);
    // Newer ones take what changes nothing, whatever is expected.
    assert.equal(await putConfigEntry(http, { ...entry, Protocol: "http2" }, { expected: 0 }), false);
    const stored = await getConfigEntry(http, "service-defaults", "stored");
    assert.equal(stored?.entry.Protocol, "grpc");
    assert.deepEqual(stored.entry.Meta, { team: "x" });
    const changed = { ...stored.entry, Protocol: "http" };
    assert.equal(await putConfigEntry(http, changed, { expected: stored.modifyIndex + 1 }), false);
    assert.equal(await putConfigEntry(http, changed, { expected: stored.modifyIndex }), true);
    const [listed] = await listConfigEntries(http, "service-defaults");
    assert.equal(listed?.entry.Protocol, "http");
    const { version } = await consulFeatures(http);
    if (version.minor < 11 && version.major === 1) {
      const conditional = deleteConfigEntry(http, "service-defaults", "stored", { expected: 1 });
      await refused(conditional, "UNIMPLEMENTED", /conditional deletion of config entries came with 1.11.0/);
    } else {
      assert.equal(await deleteConfigEntry(http, "service-defaults", "stored", { expected: 1 }), false);
    }
    assert.equal(await deleteConfigEntry(http, "service-defaults", "stored"), true);
    assert.equal(await deleteConfigEntry(http, "service-defaults", "stored"), true);
    assert.equal(await getConfigEntry(http, "service-defaults", "stored"), undefined);
  });

  it("refuse entries that break rules as the writer's fault, and what it is too old for before it is sent", async () => {
    const splits = [
      { Weight: 50, ServiceSubset: "v1" },
      { Weight: 50, ServiceSubset: "v2" },
    ];
    const splitter = { Kind: "service-splitter", Name: "rules", Splits: splits } as const;
    await refused(putConfigEntry(http, splitter), "INVALID_ARGUMENT", /does not have a subset named "v1"/);
    const { version } = await consulFeatures(http);
    const resolver = { Kind: "service-resolver", Name: "rules", LoadBalancer: { Policy: "maglev" } } as const;
    if (version.major === 1 && version.minor < 9) {
      await refused(
        putConfigEntry(http, resolver),
        "UNIMPLEMENTED",
        /LoadBalancer of service-resolver rules came with/,
      );
      // What it says itself, had it been sent: the reason for asking first.
      const sent = await http.request({ method: "PUT", path: "/config", body: resolver });
      assert.equal(`${sent.status} ${sent.text.includes('invalid config key "LoadBalancer"')}`, "400 true");
    } else {
      assert.equal(await putConfigEntry(http, resolver), true);
    }
  });

  it("compile a chain, follow it, and are woken by what changes it", async () => {
    const { following, until } = followed<CompiledChain>();
    const watch = watchDiscoveryChain(http, "chained", {}, following);
    const first = await until(() => true);
    assert.equal(first.isDefault, true);
    assert.equal(first.protocol, "tcp");
    const resolver = {
      Kind: "service-resolver",
      Name: "chained",
      Subsets: {
        v1: { Filter: 'Service.Meta.version == "v1"', OnlyPassing: true },
        v2: { Filter: "Service.Port == 1" },
      },
      Failover: { v2: { ServiceSubset: "v1" } },
      ConnectTimeout: "3s",
    } as const;
    const entries: readonly ConfigEntry[] = [
      { Kind: "service-defaults", Name: "chained", Protocol: "grpc" },
      { ...resolver, Subsets: { ...resolver.Subsets } },
      {
        Kind: "service-splitter",
        Name: "chained",
        Splits: [
          { Weight: 90.5, ServiceSubset: "v1" },
          { Weight: 9.5, ServiceSubset: "v2" },
        ],
      },
      {
        Kind: "service-router",
        Name: "chained",
        Routes: [
          {
            Match: { HTTP: { PathExact: "/demo.Greeter/Say", Header: [{ Name: "x-version", Exact: "2" }] } },
            Destination: { ServiceSubset: "v2", RequestTimeout: "1m30s", NumRetries: 2, RetryOnStatusCodes: [503] },
          },
        ],
      },
    ];
    for (const entry of entries) assert.equal(await putConfigEntry(http, entry), true);
    const chain = await until(({ startNode }) => startNode.startsWith("router:"));
    watch.close();
    assert.equal(chain.isDefault, false);
    assert.equal(chain.protocol, "grpc");
    const router = chain.nodes.get(chain.startNode);
    assert.equal(router?.kind, "router");
    assert.equal(router.routes.length, 2);
    const [route, rest] = router.routes;
    assert.deepEqual(route?.match, {
      path: { kind: "exact", value: "/demo.Greeter/Say" },
      headers: [{ name: "x-version", kind: "exact", value: "2" }],
      query: [],
    });
    assert.equal(route.destination.requestTimeoutMs, 90_000);
    assert.equal(route.destination.retries, 2);
    assert.deepEqual(route.destination.retryOnStatusCodes, [503]);
    const splitter = chain.nodes.get(rest?.next ?? "");
    assert.equal(splitter?.kind, "splitter");
    assert.deepEqual(
      splitter.splits.map(({ weight }) => weight),
      [90.5, 9.5],
    );
    const second = chain.nodes.get(route.next);
    assert.equal(second?.kind, "resolver");
    assert.equal(second.connectTimeoutMs, 3_000);
    const [failover = ""] = second.failover;
    const target = chain.targets.get(failover);
    assert.equal(target?.subset, "v1");
    assert.equal(target.filter, 'Service.Meta.version == "v1"');
    assert.equal(target.onlyPassing, true);
    assert.ok(target.sni?.includes("chained"));

    const overridden = await discoveryChain(http, "chained", {}, { protocol: "tcp", connectTimeoutMs: 1_500 });
    assert.equal(overridden.protocol, "tcp");
    const start = overridden.nodes.get(overridden.startNode);
    assert.equal(start?.kind, "resolver");
    assert.equal(start.connectTimeoutMs, 1_500);
    const elsewhere = await discoveryChain(http, "chained", { datacenter: "dc9" });
    assert.equal(elsewhere.datacenter, "dc9");
    await refused(deleteConfigEntry(http, "service-resolver", "chained"), "INVALID_ARGUMENT", /subset named/);
  });

  it("list who speaks the mesh's TLS, and follow them through maintenance", async () => {
    const { following, until } = followed<readonly ConnectInstance[]>();
    const watch = watchHealthConnect(http, "native", { health: "passing" }, following);
    assert.deepEqual(await until(() => true), []);
    await registerService(http, instance("native-1", { Connect: { Native: true } }), "remove");
    await registerService(http, instance("plain-1"), "remove");
    const [native, ...others] = await until((list) => list.length > 0);
    assert.deepEqual(others, []);
    const { datacenter, node } = await agentSelf(http);
    assert.deepEqual(native, {
      id: "native-1",
      address: { host: "127.0.0.1", port: 4_000 },
      weight: 5,
      version: "v1",
      metadata: {},
      service: "native",
      datacenter,
      namespace: "default",
      partition: "default",
      manner: "native",
      status: "passing",
    });
    await startServiceMaintenance(http, "native-1", "tests & more");
    assert.deepEqual(await until((list) => list.length === 0), []);
    assert.equal((await healthConnect(http, "native"))[0]?.status, "critical");
    await endServiceMaintenance(http, "native-1");
    await until((list) => list.length === 1);
    await startNodeMaintenance(http, "tests");
    await until((list) => list.length === 0);
    await endNodeMaintenance(http);
    await until((list) => list.length === 1);
    watch.close();
    await refused(endServiceMaintenance(http, "nobody"), "NOT_FOUND", /nobody/);
    const filtered = await healthConnect(http, "native", { filter: 'Service.Meta.version == "v2"' });
    assert.deepEqual(filtered, []);
    assert.ok(node.length > 0);
  });

  it("create, replace, match, follow, obey and delete intentions", async () => {
    const uri = `spiffe://${(await caRoots(http)).trustDomain}/ns/default/dc/dc1/svc/web`;
    const caller = { uri, serialNumber: "0b" };
    const { following, until } = followed<readonly Intention[]>();
    const watch = watchIntentions(http, following);
    assert.deepEqual(await until(() => true), []);
    const pair = { source: "web", destination: "guarded" };
    await putIntention(http, { ...pair, action: "allow", description: "first" });
    const [allowed] = await until((list) => list.length === 1);
    assert.equal(allowed?.rule, "allow");
    assert.equal(allowed.description, "first");
    await putIntention(http, { ...pair, action: "deny" });
    await until((list) => list[0]?.rule === "deny");
    const denied = await authorize(http, "guarded", caller);
    assert.equal(denied.authorized, false);
    assert.match(denied.reason, /DENY/i);
    await putIntention(http, { source: "*", destination: "guarded", action: "allow" });
    await until((list) => list.length === 2);
    const matched = await matchIntentions(http, "destination", "guarded");
    assert.deepEqual(
      matched.map(({ source, rule }) => [source, rule]),
      [
        ["web", "deny"],
        ["*", "allow"],
      ],
    );
    assert.ok(matched[0]!.precedence > matched[1]!.precedence);
    assert.deepEqual(
      (await matchIntentions(http, "source", "somebody")).map(({ source }) => source),
      ["*"],
    );
    assert.deepEqual(await matchIntentions(http, "destination", "somebody"), []);
    await deleteIntention(http, pair);
    await deleteIntention(http, pair);
    await deleteIntention(http, { source: "*", destination: "guarded" });
    await until((list) => list.length === 0);
    await refused(authorize(http, "guarded", { uri: "bogus", serialNumber: "1" }), "INVALID_ARGUMENT", /ClientCertURI/);
    // The agent decides by a copy of its own, which follows later than the list: services it was not asked about yet.
    await putIntention(http, { source: "web", destination: "open", action: "allow" });
    await until((list) => list.length === 1);
    const welcome = await authorize(http, "open", caller);
    assert.equal(welcome.authorized, true);
    assert.match(welcome.reason, /ALLOW/i);
    await deleteIntention(http, { source: "web", destination: "open" });
    await until((list) => list.length === 0);
    watch.close();
    // It does not look at the trust domain, which authorize() warns of.
    const foreign = { uri: uri.replace(/[^/]+\.consul/, "foreign"), serialNumber: "1" };
    assert.equal((await authorize(http, "unguarded", foreign)).authorized, true);
  });

  it("give roots and leaves, renew both when the authority changes, and wake who follows them", async function () {
    this.timeout(RENEWAL_MS);
    const roots = followed<Awaited<ReturnType<typeof caRoots>>>();
    const leaves = followed<Awaited<ReturnType<typeof caLeaf>>>();
    const watches = [watchCaRoots(http, roots.following), watchCaLeaf(http, "web", leaves.following)];
    const before = await roots.until(() => true);
    const leaf = await leaves.until(() => true);
    assert.deepEqual(await caLeaf(http, "web"), leaf);
    assert.equal(leaf.uri, `spiffe://${before.trustDomain}/ns/default/dc/dc1/svc/web`);
    assert.equal(leaf.validBefore - leaf.validAfter, 72 * 3_600_000);
    const certificate = new X509Certificate(leaf.certificates);
    assert.equal(certificate.subjectAltName, `URI:${leaf.uri}`);
    assert.ok(certificate.verify(new X509Certificate(before.roots[0]!.certificate).publicKey));

    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const PrivateKey = privateKey.export({ type: "sec1", format: "pem" });
    const body = { Provider: "consul", Config: { PrivateKey, LeafCertTTL: "72h", RotationPeriod: "2160h" } };
    const rotated = await http.request({ method: "PUT", path: "/connect/ca/configuration", body });
    assert.equal(rotated.status, 200, rotated.text);
    const after = await roots.until(({ activeRootId }) => activeRootId !== before.activeRootId);
    assert.equal(after.trustDomain, before.trustDomain);
    const ofRoots = new Map(after.roots.map(({ id, active }) => [id === after.activeRootId ? "new" : "old", active]));
    assert.deepEqual(Object.fromEntries(ofRoots), { new: true, old: false });
    const renewed = await leaves.until(({ serialNumber }) => serialNumber !== leaf.serialNumber);
    assert.equal(renewed.uri, leaf.uri);
    assert.equal(renewed.certificates.match(/BEGIN CERTIFICATE/g)?.length, 2, "the cross-signed root is missing");
    for (const watch of watches) watch.close();
  });

  it("say clearly what only Enterprise has", async () => {
    const scoped = new ConsulHttp({ url: consul.url, namespace: "team" }, systemClock);
    await refused(discoveryChain(scoped, "chained"), "INVALID_ARGUMENT", /Enterprise/);
    await refused(registerService(scoped, instance("scoped"), "remove"), "INVALID_ARGUMENT", /Enterprise/);
    await refused(
      putConfigEntry(scoped, { Kind: "service-defaults", Name: "scoped" }),
      "INVALID_ARGUMENT",
      /Enterprise/,
    );
    scoped.close();
  });
}

/** What a watch says, one after the other; a failure fails the test that waits. */
function followed<T>() {
  const seen = new Inbox<T | MeshError>();
  const following = {
    clock: systemClock,
    random: systemRandom,
    onValue: (value: T) => seen.put(value),
    onFailure: (error: MeshError) => seen.put(error),
  };
  const until = async (wanted: (value: T) => boolean): Promise<T> => {
    for (;;) {
      const value = await seen.next();
      if (value instanceof MeshError) throw value;
      if (wanted(value)) return value;
    }
  };
  return { following, until };
}

async function refused(work: Promise<unknown>, code: string, why: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof MeshError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.reason, why);
    return true;
  });
}

function instance(id: string, more: Record<string, unknown> = {}) {
  const Check = {
    CheckID: `c:${id}`,
    Name: "c",
    TTL: "60s",
    Status: "passing",
    DeregisterCriticalServiceAfter: "1h",
  };
  const common = { ID: id, Name: "native", Address: "127.0.0.1", Port: 4_000, Tags: [], Meta: { version: "v1" } };
  return { ...common, Weights: { Passing: 5, Warning: 2 }, Check, ...more } as Parameters<typeof registerService>[1];
}

function sidecar(id: string) {
  return instance(id, {
    Kind: "connect-proxy",
    Proxy: { DestinationServiceName: "native" },
    Name: "native-proxy",
    Port: 4_001,
  });
}
