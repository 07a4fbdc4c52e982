/** Config entries that are refused: unreadable, wrong in themselves, or wrong beside the others. */
import type { Recorder } from "../../support/parity-recorder.ts";
import type { Script } from "../script.ts";

const path = "/v1/config";

async function forget(registry: Recorder, ...entries: readonly string[]): Promise<void> {
  for (const entry of entries) await registry.askQuietly("DELETE", `${path}/${entry}`);
}

/** Writes entries one after the other; each must be answered alike, whether taken or not. */
async function putAll(registry: Recorder, bodies: readonly unknown[]): Promise<void> {
  for (const body of bodies) await registry.put(path, body);
}

/** Several chains break at once here, and Consul names any of them. */
async function refusedFor(registry: Recorder, why: RegExp, body: object): Promise<void> {
  const { status, body: said } = await registry.askQuietly("PUT", path, body);
  registry.note(`refused: ${JSON.stringify(body)}`, { status, why: why.test(said) ? String(why) : said });
}

const http = (name: string): object => ({ Kind: "service-defaults", Name: name, Protocol: "http" });
const route = (more: object): object => ({ Kind: "service-router", Name: "ce-routed", Routes: [more] });
const matched = (match: object, destination?: object): object =>
  route({ Match: { HTTP: match }, ...(destination === undefined ? {} : { Destination: destination }) });
const splits = (...parts: readonly object[]): object => ({
  Kind: "service-splitter",
  Name: "ce-split",
  Splits: parts,
});
const resolver = (more: object): object => ({ Kind: "service-resolver", Name: "ce-resolved", ...more });

export const scripts: Readonly<Record<string, Script>> = {
  "bodies that cannot be read": async (registry) => {
    const bodies = ["", "null", "[]", "[1]", "3", '"text"', "true", "{}", '{"KIND":"service-defaults"}'];
    const values = [
      { Kind: 3 },
      { Kind: "" },
      { Kind: "service-intentions", Name: "x" },
      { Kind: "Service-Defaults", Name: "x" },
      { Kind: "service-defaults", Name: "x", Bogus: 1 },
      { Kind: "service-defaults", Name: "x", kind: "service-defaults" },
      { Kind: "service-defaults", Name: "x", Namespace: "n" },
      { Kind: "service-defaults", Name: "x", protocol: "http", Protocol: "grpc" },
      { Kind: "service-defaults", Name: "x", MeshGateway: { Mode: "local" }, mesh_gateway: { Mode: "none" } },
      { Kind: "service-defaults", Name: { a: 1 }, Protocol: [1, 2], MeshGateway: "local", Expose: 5 },
      { Kind: "service-defaults", Name: "x", MeshGateway: { Mode: {} }, Meta: "m", Expose: { Checks: "perhaps" } },
      { Kind: "service-defaults", Name: "x", Expose: { Paths: { ListenerPort: "a" } } },
      { Kind: "service-resolver", Name: "x", LoadBalancer: { Policy: "random" } },
      { Kind: "service-resolver", Name: "x", ConnectTimeout: "soon" },
      { Kind: "service-resolver", Name: "x", ConnectTimeout: "" },
      { Kind: "service-resolver", Name: "x", ConnectTimeout: {} },
      { Kind: "service-resolver", Name: "x", Subsets: [{ a: {} }, { b: 3 }], Failover: { "*": { Datacenters: {} } } },
      { Kind: "service-resolver", Name: "x", Subsets: { v1: { Filtre: "" } } },
      { Kind: "service-resolver", Name: "x", Redirect: [{}, {}] },
      { Kind: "service-splitter", Name: "x", Splits: [{ Weight: "much" }] },
      { Kind: "service-splitter", Name: "x", Splits: [{ Weight: [] }, { Weight: {} }] },
      { Kind: "service-router", Name: "x", Routes: [{ Match: { HTTP: { Bogus: 1 } } }] },
      { Kind: "service-router", Name: "x", Routes: [{ Destination: { Namespaces: 1 } }] },
      { Kind: "service-router", Name: "x", Routes: [{ Destination: { NumRetries: "-1" } }] },
      { Kind: "service-router", Name: "x", Routes: [{ Destination: { NumRetries: "4294967296" } }] },
      { Kind: "service-router", Name: "x", Routes: [{ Destination: { RetryOnStatusCodes: ["5xx", {}] } }] },
      { Kind: "service-router", Name: "x", Routes: [3, "a"] },
    ];
    await putAll(registry, [...bodies, ...values]);
  },

  "entries that are wrong in themselves": async (registry) => {
    await putAll(registry, [http("ce-routed"), http("ce-split"), http("ce-resolved")]);
    const long = "x".repeat(513);
    await putAll(registry, [
      { Kind: "service-defaults" },
      { Kind: "service-router" },
      { Kind: "service-splitter" },
      { Kind: "service-resolver" },
      { Kind: "service-defaults", Name: "ce-meta", Meta: { a: long } },
      { Kind: "service-defaults", Name: "ce-meta", Meta: { [long]: "é" } },
      {
        Kind: "proxy-defaults",
        Meta: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, "v"])),
      },
      matched({ PathExact: "/a", PathPrefix: "/b" }),
      matched({ PathExact: "/a", PathRegex: "/b" }),
      matched({ PathExact: "a" }),
      matched({ PathPrefix: 'a"b' }),
      matched({ Header: [{ Exact: "1" }] }),
      matched({ Header: [{ Name: "a" }] }),
      matched({
        Header: [
          { Name: "a", Present: true },
          { Name: "b", Prefix: "a", Suffix: "b" },
        ],
      }),
      matched({ QueryParam: [{ Present: true }] }),
      matched({ QueryParam: [{ Name: "a" }] }),
      matched({ QueryParam: [{ Name: "a", Exact: "b", Regex: "c" }] }),
      matched({ Methods: ["GET", "get"] }),
      matched({ PathRegex: "/a" }, { PrefixRewrite: "/b" }),
      matched({ PathPrefix: "/a" }, { PrefixRewrite: "/b" }),
      route({ Destination: { PrefixRewrite: "/b" } }),
      splits(),
      splits({ Weight: 50, Service: "a" }, { Weight: 50, Service: "a" }),
      splits({ Weight: 50, Service: "ce-split" }, { Weight: 50 }),
      splits({ Weight: 99.99 }),
      splits({ Weight: 99.994 }, { Weight: 0.004, Service: "ce-routed" }),
      splits({ Weight: 99.996 }),
      splits({ Weight: -1 }, { Weight: 101, Service: "ce-routed" }),
      splits({ Weight: 100.005, Service: "ce-routed" }),
      splits({ Weight: 33.33 }, { Weight: 33.33, Service: "ce-routed" }, { Weight: 33.34, Service: "ce-resolved" }),
      resolver({ Subsets: { "": {} } }),
      resolver({ Subsets: { V1: {} } }),
      resolver({ Subsets: { "-a": {} } }),
      resolver({ Subsets: { ["a".repeat(64)]: {} } }),
      resolver({ DefaultSubset: "v1" }),
      resolver({ Redirect: {} }),
      resolver({ Redirect: { ServiceSubset: "v1" } }),
      resolver({ Redirect: { Namespace: "x" } }),
      resolver({ Redirect: { Service: "ce-resolved", ServiceSubset: "v1" } }),
      resolver({ Redirect: { Service: "a" }, Failover: { "*": { Service: "b" } } }),
      resolver({ Failover: { v1: { Service: "b" } } }),
      resolver({ Failover: { "*": {} } }),
      resolver({ Failover: { "*": { ServiceSubset: "v1" } } }),
      resolver({ Failover: { "*": { Service: "ce-resolved", ServiceSubset: "v1" } } }),
      resolver({ Failover: { "*": { Datacenters: [""] } } }),
      resolver({ ConnectTimeout: "-1.5s" }),
      resolver({ ConnectTimeout: -1 }),
      resolver({ ConnectTimeout: "-1h0.000000001s" }),
    ]);
    await registry.get(`${path}/service-splitter/ce-split`);
    await registry.get(`${path}/service-router/ce-routed`);
    const kinds = ["service-router", "service-splitter", "service-resolver", "service-defaults"];
    for (const kind of kinds) await forget(registry, ...["routed", "split", "resolved"].map((n) => `${kind}/ce-${n}`));
  },

  "entries that would break a chain": async (registry) => {
    const defaults = (name: string, protocol: string): object => ({
      Kind: "service-defaults",
      Name: name,
      Protocol: protocol,
    });
    const to = (name: string, more: object): object => ({ Kind: "service-resolver", Name: name, ...more });
    const split = (name: string, ...parts: readonly object[]): object => ({
      Kind: "service-splitter",
      Name: name,
      Splits: parts,
    });
    const half = (service: string, subset = ""): object => ({ Weight: 50, Service: service, ServiceSubset: subset });
    await putAll(registry, [
      split("g-a", { Weight: 100 }),
      { Kind: "service-router", Name: "g-a" },
      defaults("g-a", "http"),
      { Kind: "service-router", Name: "g-a" },
      split("g-a", half("g-a"), half("g-b")),
      defaults("g-b", "http"),
      split("g-a", half("g-a"), half("g-b")),
      defaults("g-b", "grpc"),
      defaults("g-a", "tcp"),
    ]);
    await registry.delete(`${path}/service-defaults/g-a`);
    await putAll(registry, [
      split("g-a", half("g-a", "v1"), half("g-a", "v2")),
      to("g-a", { Subsets: { v1: {} } }),
      split("g-a", half("g-a", "v1"), half("g-a", "v2")),
      to("g-a", { Subsets: { v1: {}, v2: {} } }),
      split("g-a", half("g-a", "v1"), half("g-a", "v2")),
      to("g-a", { Subsets: { v1: {} } }),
    ]);
    await registry.delete(`${path}/service-resolver/g-a`);
    await putAll(registry, [
      split("g-b", { Weight: 100, Service: "g-a" }),
      to("g-c", { Redirect: { Service: "g-d" } }),
    ]);
    await refusedFor(registry, /^detected circular reference: \[/, split("g-a", { Weight: 100, Service: "g-b" }));
    await refusedFor(registry, / uses inconsistent protocols; /, to("g-d", { Redirect: { Service: "g-a" } }));
    await refusedFor(registry, /^detected circular resolver redirect: \[/, to("g-d", { Redirect: { Service: "g-c" } }));
    await putAll(registry, [
      to("g-e", { Failover: { "*": { Service: "g-a", ServiceSubset: "v9" } } }),
      to("g-e", { Failover: { "*": { Service: "g-a", ServiceSubset: "v1" } } }),
      { Kind: "service-defaults", Name: "g-e", Protocol: "http" },
      to("g-e", { Failover: { "*": { Service: "g-a", ServiceSubset: "v1" } } }),
      { Kind: "service-defaults", Name: "g-e", Protocol: "http", ExternalSNI: "e.example" },
      { Kind: "service-defaults", Name: "g-x", ExternalSNI: "x.example" },
      to("g-x", { Redirect: { Datacenter: "dc2" } }),
      to("g-x", { Redirect: { Datacenter: "dc1" } }),
      to("g-x", { Subsets: { v1: {} } }),
      to("g-x", { Failover: { "*": { Datacenters: ["dc2"] } } }),
    ]);
    const { status } = await registry.askQuietly("DELETE", `${path}/service-defaults/g-a`);
    registry.note("removal that breaks two chains", status);
    await putAll(registry, [
      { Kind: "proxy-defaults", Name: "global", Config: { protocol: "http" } },
      split("g-p", { Weight: 100 }),
      { Kind: "proxy-defaults", Name: "global", Config: { protocol: "tcp" } },
      { Kind: "proxy-defaults", Name: "global" },
    ]);
    await registry.delete(`${path}/proxy-defaults/global`);
    await registry.get(`${path}/`);
    const left = ["service-router/g-a", ...["a", "b", "p"].map((name) => `service-splitter/g-${name}`)];
    const resolvers = ["c", "d", "e", "a", "x"].map((name) => `service-resolver/g-${name}`);
    const services = ["a", "b", "e", "x"].map((name) => `service-defaults/g-${name}`);
    await forget(registry, ...left, ...resolvers, ...services, "proxy-defaults/global");
    await registry.get(`${path}/`);
  },
};
