/** Registering services, again and wrongly, and everything that shows them. */
import { isEmpty, isNotEmpty, names, type Script } from "../script.ts";

export const scripts: Readonly<Record<string, Script>> = {
  "a registration and everything that shows it": async (registry) => {
    await registry.put("/v1/agent/service/register", {
      Name: "shop",
      ID: "shop-1",
      Tags: ["v1", "blue", "v1"],
      Meta: { zone: "a" },
      Address: "127.0.0.1",
      Port: 8080,
      Weights: { Passing: 5, Warning: 2 },
      EnableTagOverride: true,
      Check: { Name: "alive", CheckID: "shop-alive", TTL: "1h", Status: "passing", Notes: "beats" },
      Checks: [{ TTL: "2h" }, { TTL: "90m", DeregisterCriticalServiceAfter: "90m", Status: "warning" }],
    });
    await registry.put("/v1/agent/service/register", {
      name: "snake",
      enable_tag_override: true,
      check: { ttl: "10m" },
    });
    await registry.put("/v1/agent/service/register", { Name: "bare", Connect: { Native: true } });
    await registry.put("/v1/agent/service/register", { Name: "named", Address: "shop.example", Port: 1 });
    await registry.put("/v1/agent/service/register", {
      Name: "six",
      Address: "::1",
      Port: 2,
      TaggedAddresses: { lan: { Address: "::2", Port: 3 } },
    });
    await registry.put("/v1/agent/service/register", { Name: "nulls", ID: null, Tags: null, Meta: null, Check: null });
    await registry.until("/v1/catalog/services", names("nulls"));
    await registry.until("/v1/health/checks/shop", (json) => (json as unknown[]).length === 3);
    await registry.get("/v1/agent/services");
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/agent/service/shop-1");
    await registry.get("/v1/agent/service/absent");
    await registry.get("/v1/catalog/services");
    await registry.get("/v1/catalog/nodes");
    for (const name of ["shop", "SHOP", "bare", "named", "six", "absent"]) {
      await registry.get(`/v1/catalog/service/${name}`);
      await registry.get(`/v1/health/service/${name}`);
      await registry.get(`/v1/health/checks/${name}`);
    }
    for (const query of ["tag=v1", "tag=V1&tag=blue", "tag=red", "passing", "passing=1", "passing=false", "stale"]) {
      await registry.get(`/v1/health/service/shop?${query}`);
    }
    await registry.get("/v1/catalog/service/shop?tag=blue&consistent");
    for (const state of ["any", "passing", "warning", "critical", "unheard-of"]) {
      await registry.get(`/v1/health/state/${state}`);
    }
    for (const id of ["shop-1", "snake", "bare", "absent"]) {
      await registry.get(`/v1/agent/health/service/id/${id}`);
      await registry.get(`/v1/agent/health/service/id/${id}?format=text`);
    }
    await registry.get("/v1/agent/health/service/name/shop");
    await registry.get("/v1/agent/health/service/name/absent");
    await registry.get("/v1/agent/health/service/name/absent?format=text");
    await registry.get("/v1/agent/health/service/name/shop?format=text");
    await registry.get("/v1/agent/health/service/name/");
    await registry.get("/v1/agent/health/service/id/");
  },

  "registering again": async (registry) => {
    const again = async (query: string, more: object): Promise<void> => {
      await registry.put(`/v1/agent/service/register${query}`, { Name: "twice", ID: "t1", Port: 2, ...more });
      await registry.get("/v1/agent/checks");
    };
    await again("", { Check: { TTL: "1h" } });
    await registry.put("/v1/agent/check/pass/service:t1?note=kept");
    await again("", {});
    await again("", { Check: { TTL: "2h", Status: "warning" } });
    await again("", { Check: { CheckID: "other", TTL: "2h", Status: "warning" } });
    await again("?replace-existing-checks=false", {});
    await again("?replace-existing-checks=true", { Check: { CheckID: "other", TTL: "2h" } });
    await again("?replace-existing-checks", {
      Checks: [
        { CheckID: "x", TTL: "2h" },
        { CheckID: "y", TTL: "2h" },
      ],
    });
    await again("?replace-existing-checks=nonsense", {});
    await again("?replace-existing-checks", {});
    await registry.put("/v1/agent/service/register", { Name: "renamed", ID: "t1", Check: { TTL: "2h" } });
    await registry.until("/v1/health/service/renamed", isNotEmpty);
    await registry.get("/v1/health/service/twice");
    await registry.get("/v1/health/service/renamed");
    await registry.put("/v1/agent/service/register", { Name: "thief", Check: { CheckID: "service:t1", TTL: "1h" } });
    await registry.until("/v1/health/checks/thief", isNotEmpty);
    await registry.get("/v1/health/checks/thief");
    await registry.get("/v1/health/checks/renamed");
    await registry.put("/v1/agent/service/deregister/t1");
    await registry.put("/v1/agent/service/deregister/t1");
    await registry.put("/v1/agent/service/deregister/");
    await registry.until("/v1/health/service/renamed", isEmpty);
    await registry.get("/v1/agent/services");
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/catalog/services");
  },

  "registrations that are refused": async (registry) => {
    const bodies = [
      "",
      "null",
      {},
      { Name: "" },
      { ID: "x" },
      { Name: 3 },
      { Name: "a", Port: "x" },
      { Name: "a", Port: 1.5 },
      { Name: "a", Tags: "x" },
      { Name: "a", Tags: [1] },
      { Name: "a", Meta: { a: 1 } },
      { Name: "a", Meta: { "a b": "1" } },
      { Name: "a", Meta: { "consul-x": "1" } },
      { Name: "a", Meta: { "": "1" } },
      { Name: "a", Meta: { k: "v".repeat(513) } },
      { Name: "a", Meta: { ["k".repeat(129)]: "v" } },
      { Name: "a", Meta: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, "v"])) },
      { Name: "a", EnableTagOverride: "x" },
      { Name: "a", Weights: { Passing: 0 } },
      { Name: "a", Weights: { Warning: 3 } },
      { Name: "a", Weights: { Passing: -1 } },
      { Name: "a", Weights: { Passing: 2, Warning: -1 } },
      { Name: "a", Weights: { Passing: 70_000, Warning: 1 } },
      { Name: "a", Weights: { Passing: "1" } },
      { Name: "a", Address: "0.0.0.0" },
      { Name: "a", Address: "[::]" },
      { Name: "a", Bogus: 1 },
      { Name: "a", Namespace: "x" },
      { Name: "a", Ports: [] },
      { Name: "a", Check: { Bogus: 1 } },
      { Name: "a", Check: { TTL: "1h", Type: "ttl" } },
      { Name: "a", Weights: { Bogus: 1 } },
      { Name: "a", Check: { TTL: "x" } },
      { Name: "a", Check: { TTL: "-1s" } },
      { Name: "a", Check: { Name: "no TTL" } },
      { Name: "a", Check: { TTL: "10s", Status: "odd" } },
      { Name: "a", Check: { TTL: "10s", Interval: "1s" } },
      { Name: "a", Check: { TTL: "10s", DeregisterCriticalServiceAfter: "x" } },
      { Name: "a", Check: { HTTP: "http://127.0.0.1:1" } },
      { Name: "a", Checks: {} },
      { Name: "a", Checks: [{}] },
    ];
    for (const body of bodies) await registry.put("/v1/agent/service/register", body);
    await registry.put("/v1/agent/service/register?ns=x", { Name: "a" });
    await registry.put("/v1/agent/service/register", { Name: "accepted", Check: {} });
    await registry.put("/v1/agent/service/register", { Name: "accepted", Check: { TTL: "0s" } });
    await registry.put("/v1/agent/service/register", { Name: "accepted", Port: 70_000, Token: "x" });
    await registry.get("/v1/agent/service/accepted");
    await registry.get("/v1/agent/service/a");
  },
};
