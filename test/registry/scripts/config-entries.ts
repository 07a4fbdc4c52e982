/** Config entries: written, read, removed, watched. What a script writes it removes: entries change other scripts' chains. */
import type { Recorder, Raw } from "../../support/parity-recorder.ts";
import { longWaitMs, type Script, shortWaitMs } from "../script.ts";

const path = "/v1/config";

async function forget(registry: Recorder, ...entries: readonly string[]): Promise<void> {
  for (const entry of entries) await registry.askQuietly("DELETE", `${path}/${entry}`);
}

function entryIndex({ json }: Raw): number {
  return (json as { ModifyIndex: number }).ModifyIndex;
}

export const scripts: Readonly<Record<string, Script>> = {
  "written and read": async (registry) => {
    const everything = [
      {
        Kind: "service-defaults",
        Name: "ce-all",
        Protocol: "HTTP2",
        MeshGateway: { Mode: "local" },
        Expose: { Checks: true, Paths: [{ ListenerPort: 1, Path: "/x", LocalPathPort: 2, Protocol: "http" }, {}] },
        Meta: { b: "2", a: "1" },
      },
      {
        Kind: "service-resolver",
        Name: "ce-all",
        DefaultSubset: "v1",
        Subsets: { v1: { Filter: "Service.Meta.version == v1", OnlyPassing: true }, v2: {} },
        Failover: { "*": { Datacenters: ["dc2", "dc3"] }, v2: { ServiceSubset: "v1" } },
        ConnectTimeout: "1500ms",
        Meta: { owner: "us" },
      },
      {
        Kind: "service-splitter",
        Name: "ce-all",
        Splits: [
          { Weight: 33.333, ServiceSubset: "v1" },
          { Weight: 66.667, ServiceSubset: "v2" },
        ],
      },
      {
        Kind: "service-router",
        Name: "ce-all",
        Routes: [
          {
            Match: {
              HTTP: {
                PathPrefix: "/a",
                Header: [
                  { Name: "x", Present: true },
                  { Name: "y", Exact: "1", Invert: true },
                  { Name: "z", Regex: "a+" },
                ],
                QueryParam: [{ Name: "q", Present: true }],
                Methods: ["get", "Put"],
              },
            },
            Destination: {
              Service: "ce-all",
              ServiceSubset: "v2",
              PrefixRewrite: "/",
              RequestTimeout: "1m30.5s",
              NumRetries: 3,
              RetryOnConnectFailure: true,
              RetryOnStatusCodes: [500, 503],
            },
          },
          { Match: { HTTP: { PathExact: "/b", Methods: ["GET"] } }, Destination: { ServiceSubset: "v1" } },
          { Match: { HTTP: { PathRegex: "[" } } },
        ],
      },
      { Kind: "proxy-defaults", Name: "global", Config: { protocol: "http", nested: { list: [1, 2] } } },
    ];
    for (const entry of everything) await registry.put(path, entry);
    const kinds = everything.map(({ Kind }) => Kind);
    for (const kind of kinds) await registry.get(`${path}/${kind}/${kind === "proxy-defaults" ? "global" : "ce-all"}`);
    for (const kind of kinds) await registry.get(`${path}/${kind}`);
    await registry.get(`${path}/`);
    await registry.get(`${path}/service-defaults/CE-ALL`);
    await registry.put(path, { Kind: "service-defaults", Name: "CE-all", Protocol: "http2" });
    await registry.get(`${path}/service-defaults`);
    await registry.get(`${path}/service-resolver/ce-all?pretty`);
    for (const kind of kinds.toReversed()) await registry.delete(`${path}/${kind}/ce-ALL`);
    for (const kind of kinds) await registry.delete(`${path}/${kind}/ce-all`);
    await registry.get(`${path}/`);
    await registry.get(`${path}/service-defaults/ce-all`);
  },

  "other spellings": async (registry) => {
    const bodies = [
      { kind: "service-defaults", name: "ce-snake", protocol: "grpc", mesh_gateway: { mode: "none" } },
      {
        kind: "service-resolver",
        NAME: "ce-snake",
        default_subset: "v1",
        subsets: { v1: { only_passing: "true", filter: 5 } },
        failover: { "*": { service: "ce-snake", service_subset: "v1" } },
        connect_timeout: 2_000_000_000,
      },
      {
        kind: "service-router",
        name: "ce-snake",
        routes: {
          match: { http: { path_prefix: "/", query_param: { name: "a", exact: true }, methods: "get" } },
          destination: [{ service_subset: "v1", prefix_rewrite: "/x", request_timeout: "1s", num_retries: "0x3" }],
        },
      },
      {
        Kind: "service-router",
        Name: "ce-snake",
        Routes: [{ Destination: { retry_on_connect_failure: 1, retry_on_status_codes: 503 } }, {}, { Match: {} }],
        CreateIndex: 7,
        ModifyIndex: 8,
      },
      { Kind: "service-splitter", Name: "ce-snake", Splits: { Weight: "100", service_subset: "v1" } },
      { kind: "service-defaults", Name: "ce-snake", Protocol: "grpc", external_sni: null, Meta: { a: 1.5, b: null } },
      {
        Kind: "proxy-defaults",
        Config: { a: [1], b: { c: [1] }, d: [{ e: [1], f: [{ g: [2] }], h: [[3]] }], i: [], j: {}, l: 1e21 },
        expose: { paths: [{ listener_port: 1.9, local_path_port: true }] },
      },
    ];
    for (const body of bodies) {
      await registry.put(path, body);
      const kind = "kind" in body ? body.kind : body.Kind;
      await registry.get(`${path}/${kind}`);
    }
    const taken = ["service-router", "service-splitter", "service-resolver", "service-defaults"];
    await forget(registry, ...taken.map((kind) => `${kind}/ce-snake`), "proxy-defaults/global");
  },

  "compare-and-set": async (registry) => {
    const body = (protocol: string): object => ({ Kind: "service-defaults", Name: "ce-cas", Protocol: protocol });
    await registry.put(`${path}?cas=5`, body("tcp"));
    await registry.put(`${path}?cas=0`, body("http"));
    await registry.put(`${path}?cas=0`, body("http2"));
    const found = await registry.get(`${path}/service-defaults/ce-cas`);
    await registry.put(`${path}?cas=${entryIndex(found) + 1}`, body("grpc"));
    await registry.put(`${path}?cas=${entryIndex(found)}`, body("tcp"));
    await registry.put(`${path}?cas=`, body("http"));
    await registry.put(`${path}?cas=5`, { ...body("http2"), Meta: { a: "x".repeat(513) } });
    await registry.put(`${path}?cas=5`, { Kind: "service-splitter", Name: "ce-cas", Splits: [{ Weight: 100 }] });
    await registry.put(`${path}?cas=0`, { Kind: "service-splitter", Name: "ce-cas", Splits: [{ Weight: 100 }] });
    for (const odd of ["x", "-1", "18446744073709551616"]) await registry.put(`${path}?cas=${odd}`, body("grpc"));
    await registry.get(`${path}/service-defaults/ce-cas`);
    await forget(registry, "service-defaults/ce-cas");
  },

  "requests that are refused": async (registry) => {
    const body = { Kind: "service-defaults", Name: "ce-odd" };
    for (const odd of ["", "/", "/bogus", "/bogus/x", "/bogus/", "/service-defaults/", "/service-defaults/a/b"]) {
      await registry.get(`${path}${odd}`);
      await registry.delete(`${path}${odd}`);
    }
    await registry.delete(`${path}/service-defaults`);
    for (const kind of ["ingress-gateway", "terminating-gateway"]) {
      await registry.get(`${path}/${kind}`);
      await registry.get(`${path}/${kind}/x`);
      await registry.delete(`${path}/${kind}/x`);
    }
    for (const method of ["POST", "OPTIONS", "PATCH"] as const) {
      await registry.ask(method, path, body);
      await registry.ask(method, `${path}/service-defaults/x`);
    }
    await registry.ask("PUT", `${path}/service-defaults/x`, body);
    for (const query of [
      "ns=x",
      "dc=elsewhere",
      "index=a",
      "wait=x",
      "stale&consistent",
      "stale",
      "consistent",
      "dc=dc1",
    ]) {
      await registry.get(`${path}/service-defaults?${query}`);
      await registry.get(`${path}/service-defaults/ce-none?${query}`);
      await registry.put(`${path}?${query}`, body);
      await registry.delete(`${path}/service-defaults/ce-odd?${query}`);
    }
  },

  watched: async (registry) => {
    const put = (name: string, protocol: string) => (): Promise<Raw> =>
      registry.askQuietly("PUT", path, { Kind: "service-defaults", Name: name, Protocol: protocol });
    await put("ce-seen", "http")();
    await put("ce-else", "http")();
    const one = `${path}/service-defaults/ce-seen`;
    await registry.watch("a change to the entry", one, longWaitMs, put("ce-seen", "grpc"));
    await registry.watch("a change to one of the kind", `${path}/service-defaults`, longWaitMs, put("ce-else", "grpc"));
    await registry.watch("a change to any", `${path}/`, longWaitMs, put("ce-else", "http"));
    await registry.watch("the same again", one, longWaitMs, put("ce-seen", "grpc"));
    await registry.watch("an entry to come", `${path}/service-defaults/ce-new`, longWaitMs, put("ce-new", "http"));
    await registry.watch("removal", `${path}/service-defaults`, longWaitMs, () => registry.askQuietly("DELETE", one));
    await registry.get(one);
    await registry.watch("nothing", `${path}/service-defaults`, shortWaitMs, () => registry.askQuietly("DELETE", one));
    await forget(registry, "service-defaults/ce-else", "service-defaults/ce-new");
  },
};
