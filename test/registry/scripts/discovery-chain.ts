/** Chains: what becomes of config entries, with and without overrides, and when they change. */
import type { Recorder, Raw } from "../../support/parity-recorder.ts";
import { longWaitMs, type Script, shortWaitMs } from "../script.ts";

const chain = "/v1/discovery-chain";

type Entry = Readonly<Record<string, unknown>> & { readonly Kind: string; readonly Name: string };

/** Writes the entries, asks, and removes them again, last first. */
async function withEntries(registry: Recorder, entries: readonly Entry[], ask: () => Promise<unknown>): Promise<void> {
  for (const entry of entries) await registry.put("/v1/config", entry);
  await ask();
  for (const { Kind, Name } of entries.toReversed()) await registry.delete(`/v1/config/${Kind}/${Name}`);
}

const defaults = (Name: string, more: object = { Protocol: "http" }): Entry => ({
  Kind: "service-defaults",
  Name,
  ...more,
});
const resolver = (Name: string, more: object): Entry => ({ Kind: "service-resolver", Name, ...more });
const splitter = (Name: string, ...Splits: readonly object[]): Entry => ({ Kind: "service-splitter", Name, Splits });
const router = (Name: string, ...Routes: readonly object[]): Entry => ({ Kind: "service-router", Name, Routes });
const global = (more: object): Entry => ({ Kind: "proxy-defaults", Name: "global", ...more });

export const scripts: Readonly<Record<string, Script>> = {
  "of a service that nothing is said about": async (registry) => {
    await registry.get(`${chain}/dc-none`);
    await registry.get(`${chain}/dc-none?compile-dc=dc2`);
    await registry.get(`${chain}/a/b`);
    await withEntries(registry, [defaults("dc-said", {})], () => registry.get(`${chain}/dc-said`));
    await withEntries(registry, [global({ Config: { Protocol: "GRPC" } })], async () => {
      await registry.get(`${chain}/dc-none`);
      await withEntries(registry, [defaults("dc-said", {})], () => registry.get(`${chain}/dc-said`));
    });
    await withEntries(registry, [global({ Config: { protocol: [["http"]] } })], () => registry.get(`${chain}/dc-none`));
    await withEntries(registry, [global({ Config: { protocol: 5 } })], () => registry.get(`${chain}/dc-none`));
  },

  "with a router, splitters and resolvers": async (registry) => {
    const entries = [
      defaults("dc-a", { Protocol: "grpc" }),
      defaults("dc-b", { Protocol: "grpc" }),
      defaults("dc-c", { Protocol: "grpc" }),
      resolver("dc-a", {
        DefaultSubset: "v1",
        Subsets: { v1: { Filter: "Service.Port == 1" }, v2: { OnlyPassing: true } },
        ConnectTimeout: "3s",
      }),
      resolver("dc-b", { Redirect: { Service: "dc-a", ServiceSubset: "v2" } }),
      splitter("dc-c", { Weight: 33.33, Service: "dc-b" }, { Weight: 66.67, Service: "dc-a", ServiceSubset: "v1" }),
      splitter(
        "dc-a",
        { Weight: 12.35, ServiceSubset: "v2" },
        { Weight: 87.65, Service: "dc-c" },
        { Weight: 0, Service: "dc-b" },
      ),
      router(
        "dc-a",
        { Match: { HTTP: { PathExact: "/x/Y", Methods: ["post"] } }, Destination: { RequestTimeout: "30s" } },
        {
          Match: { HTTP: { Header: [{ Name: "a", Present: true }] } },
          Destination: { ServiceSubset: "v2", NumRetries: 2 },
        },
        { Match: { HTTP: { PathPrefix: "/" } }, Destination: { Service: "dc-c" } },
        { Destination: { Service: "dc-b", Namespace: "elsewhere" } },
        {},
      ),
    ];
    await withEntries(registry, entries, async () => {
      for (const name of ["dc-a", "dc-b", "dc-c", "DC-A"]) await registry.get(`${chain}/${name}`);
      await registry.get(`${chain}/dc-a?compile-dc=dc2`);
      for (const OverrideProtocol of ["tcp", "http", "grpc", "GRPC"]) {
        await registry.ask("POST", `${chain}/dc-a`, { OverrideProtocol });
        await registry.ask("POST", `${chain}/dc-none`, { OverrideProtocol });
      }
    });
  },

  "with redirects and failover to other places": async (registry) => {
    const entries = [
      global({ MeshGateway: { Mode: "remote" } }),
      defaults("dc-local", { MeshGateway: { Mode: "local" } }),
      defaults("dc-out", { ExternalSNI: "out.example", MeshGateway: { Mode: "local" } }),
      resolver("dc-far", { Redirect: { Datacenter: "dc2" } }),
      resolver("dc-again", { Redirect: { Service: "dc-far" } }),
      resolver("dc-safe", {
        Subsets: { v1: {}, v2: {} },
        Failover: {
          "*": { Datacenters: ["dc1", "dc2", "dc3"] },
          v2: { ServiceSubset: "v1" },
        },
      }),
      resolver("dc-local", { Failover: { "*": { Service: "dc-safe", ServiceSubset: "v2", Datacenters: ["dc2"] } } }),
      resolver("dc-self", { Failover: { "*": { Service: "dc-self" } } }),
      resolver("dc-via", { DefaultSubset: "v1", Subsets: { v1: {} }, Failover: { v1: { Service: "dc-again" } } }),
      resolver("dc-named", { Redirect: { Service: "dc-local", Namespace: "other", Datacenter: "dc9" } }),
      resolver("dc-v2", { Redirect: { Service: "dc-safe", ServiceSubset: "v2" } }),
    ];
    await withEntries(registry, entries, async () => {
      for (const { Name } of entries.slice(1)) {
        await registry.get(`${chain}/${Name}`);
        await registry.get(`${chain}/${Name}?compile-dc=dc2`);
        await registry.ask("POST", `${chain}/${Name}`, { OverrideMeshGateway: { Mode: "none" } });
      }
    });
  },

  "with overrides": async (registry) => {
    const entries = [
      resolver("dc-over", { ConnectTimeout: "2s", Redirect: { Datacenter: "dc2" } }),
      defaults("dc-over", { MeshGateway: { Mode: "local" } }),
    ];
    const bodies = [
      {},
      null,
      { OverrideConnectTimeout: "2s" },
      { OverrideConnectTimeout: "7s" },
      { OverrideConnectTimeout: 7_000_000_000 },
      { OverrideConnectTimeout: "-7s" },
      { override_connect_timeout: "1h0m0.5s", override_protocol: "grpc", override_mesh_gateway: { mode: "remote" } },
      { OverrideMeshGateway: { Mode: "local" } },
      { OverrideMeshGateway: { Mode: "remote" } },
      { OverrideProtocol: "http" },
      { OverrideProtocol: "tcp" },
      { OverrideProtocol: "HTTP" },
      { OverrideProtocol: "http", OverrideConnectTimeout: "250us", Unknown: 1 },
      { OverrideMeshGateway: { Mode: "sideways" } },
      { OverrideMeshGateway: "local" },
      { OverrideConnectTimeout: "soon", OverrideProtocol: {} },
    ];
    await withEntries(registry, entries, async () => {
      for (const body of bodies) await registry.ask("POST", `${chain}/dc-over`, JSON.stringify(body));
      await registry.ask("POST", `${chain}/dc-over`, "");
      await registry.ask("POST", `${chain}/dc-over`);
    });
  },

  "that broke further up, where nobody checks": async (registry) => {
    const subsets = { DefaultSubset: "v1", Subsets: { v1: {}, v2: {} } };
    const entries = [
      defaults("dc-near"),
      defaults("dc-next"),
      defaults("dc-last"),
      resolver("dc-next", { ...subsets, Failover: { v2: { Service: "dc-last" } } }),
      splitter("dc-near", { Weight: 100, Service: "dc-next", ServiceSubset: "v2" }),
    ];
    await withEntries(registry, entries, async () => {
      const change = defaults("dc-last", { Protocol: "tcp" });
      const { index } = await registry.askQuietly("GET", `${chain}/dc-near`);
      const blocked = registry.ask("GET", `${chain}/dc-near?index=${index}&wait=${longWaitMs}ms`);
      await registry.askQuietly("PUT", "/v1/config", change);
      await blocked;
      await registry.get(`${chain}/dc-near`);
      await registry.get(`${chain}/dc-next`);
    });
  },

  "requests that are refused": async (registry) => {
    await registry.get(`${chain}/`);
    await registry.get(chain);
    await registry.put(`${chain}/dc-none`, {});
    await registry.ask("OPTIONS", `${chain}/dc-none`);
    for (const body of ["[]", "3", '"a"', "{}"]) await registry.ask("POST", `${chain}/dc-none`, body);
    for (const query of [
      "ns=x",
      "dc=elsewhere",
      "dc=dc1",
      "index=a",
      "wait=x",
      "stale&consistent",
      "stale",
      "consistent",
    ]) {
      await registry.get(`${chain}/dc-none?${query}`);
      await registry.ask("POST", `${chain}/dc-none?${query}`, {});
    }
  },

  watched: async (registry) => {
    const put = (entry: Entry) => (): Promise<Raw> => registry.askQuietly("PUT", "/v1/config", entry);
    await put(defaults("dc-seen"))();
    const path = `${chain}/dc-seen`;
    await registry.watch("a resolver of its own", path, longWaitMs, put(resolver("dc-seen", { ConnectTimeout: "1s" })));
    await registry.watch("somebody else's entry", path, longWaitMs, put(defaults("dc-other")));
    await registry.watch("nothing", path, shortWaitMs, () => registry.askQuietly("PUT", "/v1/kv/dc-unrelated", "x"));
    for (const gone of ["service-resolver/dc-seen", "service-defaults/dc-seen", "service-defaults/dc-other"]) {
      await registry.watch("removal", path, longWaitMs, () => registry.askQuietly("DELETE", `/v1/config/${gone}`));
    }
  },
};
