import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { authorize } from "../../../sdk/src/consul/authorize-api.ts";
import { caLeaf, caRoots, watchCaLeaf, watchCaRoots } from "../../../sdk/src/consul/connect-ca-api.ts";
import { healthConnect } from "../../../sdk/src/consul/connect-health-api.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { discoveryChain } from "../../../sdk/src/consul/discovery-chain-api.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { testCertificates } from "../../support/certificates.ts";
import { Inbox } from "../../support/inbox.ts";
import { healthEntry, ScriptedConsul } from "./scripted-consul.ts";

const { ca, client } = testCertificates();
const ROOT = {
  ID: "r1",
  Name: "root",
  RootCert: ca,
  IntermediateCerts: null,
  Active: true,
  NotAfter: "2036-01-01T00:00:00Z",
};
const ROOTS = { ActiveRootID: "r1", TrustDomain: "11.consul", Roots: [ROOT] };
const LEAF = {
  SerialNumber: "0b:1f",
  CertPEM: client.cert,
  PrivateKeyPEM: client.key,
  Service: "web",
  ServiceURI: "spiffe://11.consul/ns/default/dc/dc1/svc/web",
  ValidAfter: "2026-01-01T00:00:00Z",
  ValidBefore: "2026-01-04T00:00:00.5Z",
};

describe("Connect, as Consul's agent offers it", () => {
  let consul: ScriptedConsul;
  let http: ConsulHttp;
  let clock: VirtualClock;

  beforeEach(async () => {
    clock = new VirtualClock();
    consul = await ScriptedConsul.start();
    http = new ConsulHttp({ url: consul.url }, clock);
  });

  afterEach(async () => {
    http.close();
    await consul.close();
  });

  async function answer(work: Promise<unknown>, body: unknown, status = 200) {
    const asked = await consul.next();
    asked.reply(status, typeof body === "string" ? body : JSON.stringify(body));
    return [`${asked.method} ${asked.path}?${asked.query.toString()}`, await work] as const;
  }

  function unreadable(why: RegExp) {
    return (error: unknown): boolean =>
      error instanceof MeshError && error.code === "INTERNAL" && why.test(error.reason);
  }

  it("gives the roots that are to be trusted", async () => {
    const old = { ...ROOT, ID: "r0", Active: false, IntermediateCerts: [ca] };
    const [asked, roots] = await answer(caRoots(http), { ...ROOTS, Roots: [ROOT, old] });
    assert.equal(asked, "GET /v1/agent/connect/ca/roots?");
    const root = { name: "root", certificate: ca, notAfter: Date.UTC(2036, 0) };
    assert.deepEqual(roots, {
      trustDomain: "11.consul",
      activeRootId: "r1",
      roots: [
        { ...root, id: "r1", intermediates: [], active: true },
        { ...root, id: "r0", intermediates: [ca], active: false },
      ],
    });
  });

  it("gives a service its certificate", async () => {
    const [asked, leaf] = await answer(caLeaf(http, "web/1"), LEAF);
    assert.equal(asked, "GET /v1/agent/connect/ca/leaf/web%2F1?");
    assert.deepEqual(leaf, {
      serialNumber: "0b:1f",
      certificates: client.cert,
      privateKey: client.key,
      service: "web",
      uri: "spiffe://11.consul/ns/default/dc/dc1/svc/web",
      validAfter: Date.UTC(2026, 0, 1),
      validBefore: Date.UTC(2026, 0, 4, 0, 0, 0, 500),
    });
  });

  it("is refused where it lacks something, and tells nobody the key", async () => {
    for (const [work, body, why] of [
      [() => caRoots(http), { ...ROOTS, TrustDomain: "" }, /TrustDomain/],
      [() => caRoots(http), { ...ROOTS, Roots: [{ ...ROOT, RootCert: "" }] }, /Roots.0.RootCert: expected PEM/],
      [
        () => caRoots(http),
        { ...ROOTS, Roots: [{ ...ROOT, NotAfter: "never" }] },
        /Roots.0.NotAfter: "never" is no time/,
      ],
      [() => caLeaf(http, "web"), { ...LEAF, ServiceURI: "web" }, /ServiceURI/],
      [() => caLeaf(http, "web"), { ...LEAF, ValidBefore: undefined }, /ValidBefore/],
      [() => authorize(http, "web", { uri: "spiffe://x", serialNumber: "1" }), { Authorized: "yes" }, /Authorized/],
    ] as const) {
      const refused = assert.rejects(work(), (error) => {
        assert.ok(!String(error).includes(client.key) && !JSON.stringify(error).includes(client.key));
        return unreadable(why)(error);
      });
      await answer(refused, body);
    }
  });

  it("is followed, and keeps what it said through a failure", async () => {
    const seen = new Inbox<string>();
    const following = {
      clock,
      random: () => 0,
      onValue: (value: { readonly uri: string } | { readonly trustDomain: string }) =>
        seen.put("uri" in value ? value.uri : value.trustDomain),
      onFailure: (error: MeshError) => seen.put(error.code),
    };
    const leaf = watchCaLeaf(http, "web", following);
    (await consul.next()).answer(LEAF, 14);
    assert.equal(await seen.next(), LEAF.ServiceURI);
    const blocked = await consul.next();
    assert.equal(blocked.query.get("index"), "14");
    blocked.reply(403, "Permission denied");
    assert.equal(await seen.next(), "PERMISSION_DENIED");
    leaf.close();
    const roots = watchCaRoots(http, following);
    (await consul.next()).answer(ROOTS, 9);
    assert.equal(await seen.next(), "11.consul");
    roots.close();
  });

  it("says whether a caller may call", async () => {
    const work = authorize(http, "greeter", { uri: "spiffe://11.consul/x", serialNumber: "0b" });
    const asked = await consul.next();
    assert.equal(`${asked.method} ${asked.path}`, "POST /v1/agent/connect/authorize");
    assert.deepEqual(JSON.parse(asked.body), {
      Target: "greeter",
      ClientCertURI: "spiffe://11.consul/x",
      ClientCertSerial: "0b",
    });
    asked.reply(200, JSON.stringify({ Authorized: false, Reason: "Matched intention: DENY" }));
    assert.deepEqual(await work, { authorized: false, reason: "Matched intention: DENY" });
  });

  it("lists who speaks the mesh's TLS, by itself or by a sidecar, with what its certificate must name", async () => {
    const node = { Datacenter: "dc2" };
    const sidecar = {
      Service: "greeter-sidecar-proxy",
      Kind: "connect-proxy",
      Proxy: { DestinationServiceName: "greeter" },
      Namespace: "team",
      Partition: "part",
      Weights: { Passing: 7, Warning: 3 },
    };
    const warning = { ...healthEntry("b", sidecar, node), Checks: [{ Status: "passing" }, { Status: "warning" }] };
    const critical = { ...healthEntry("c", {}, node), Checks: [{ Status: "critical" }, { Status: "warning" }] };
    const filter = { health: "passing", filter: "x == 1", datacenter: "dc2", namespace: "n", partition: "p" } as const;
    const [asked, instances] = await answer(healthConnect(http, "greeter", filter), [
      critical,
      warning,
      healthEntry("a", {}, node),
      healthEntry("portless", { Port: 0 }, node),
    ]);
    assert.equal(asked, "GET /v1/health/connect/greeter?passing=1&filter=x+%3D%3D+1&dc=dc2&ns=n&partition=p");
    const common = {
      address: { host: "127.0.0.1", port: 50_051 },
      service: "greeter",
      datacenter: "dc2",
      metadata: {},
    };
    const here = { namespace: "default", partition: "default" };
    assert.deepEqual(instances, [
      { ...common, ...here, id: "a", weight: 1, manner: "native", status: "passing" },
      { ...common, id: "b", weight: 3, namespace: "team", partition: "part", manner: "sidecar", status: "warning" },
      { ...common, ...here, id: "c", weight: 1, manner: "native", status: "critical" },
    ]);
    const refused = assert.rejects(healthConnect(http, "greeter"), unreadable(/0.Node.Datacenter/));
    await answer(refused, [healthEntry("a")]);
  });

  it("gives a chain by GET, and with what the caller knows better by POST", async () => {
    const chain = {
      Chain: {
        ServiceName: "greeter",
        Datacenter: "dc2",
        Protocol: "tcp",
        StartNode: "r",
        Nodes: { r: { Type: "resolver", Resolver: { ConnectTimeout: "5s", Target: "t" } } },
        Targets: { t: { ID: "t", Service: "greeter" } },
      },
    };
    const [plain] = await answer(discoveryChain(http, "gre/eter"), chain);
    assert.equal(plain, "GET /v1/discovery-chain/gre%2Feter?");
    const overrides = { protocol: "tcp", connectTimeoutMs: 1_500, meshGateway: "local" } as const;
    const work = discoveryChain(http, "greeter", { datacenter: "dc2", namespace: "n", partition: "p" }, overrides);
    const asked = await consul.next();
    assert.equal(`${asked.method} ${asked.query.toString()}`, "POST compile-dc=dc2&ns=n&partition=p");
    assert.deepEqual(JSON.parse(asked.body), {
      OverrideProtocol: "tcp",
      OverrideConnectTimeout: "1500ms",
      OverrideMeshGateway: { Mode: "local" },
    });
    asked.reply(200, JSON.stringify(chain));
    assert.equal((await work).protocol, "tcp");
  });
});
