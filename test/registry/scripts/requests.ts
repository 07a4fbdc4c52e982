/** What belongs to no family: paths, methods, parameters, the cluster itself. */
import { type Script } from "../script.ts";

export const scripts: Readonly<Record<string, Script>> = {
  "paths, methods and parameters that are refused": async (registry) => {
    for (const path of ["/nope", "/v1/nope", "/v1/", "/v1/agent", "/v1/agent/check/odd/x", "/v1/peerings"]) {
      await registry.get(path);
      await registry.put(path, {});
    }
    for (const path of ["/v1/kv", "/v1//kv/a", "/v1/kv/../status/leader", "/v1/kv/a/./b?raw", "/v1/agent/check/pass"]) {
      await registry.get(path);
      await registry.put(path, "v");
    }
    const methods = ["POST", "PATCH", "HEAD", "OPTIONS", "DELETE"] as const;
    for (const method of methods) await registry.ask(method, "/v1/status/leader");
    await registry.ask("GET", "/v1/agent/service/register");
    await registry.ask("GET", "/v1/agent/check/pass/x");
    await registry.ask("POST", "/v1/kv/a", "v");
    await registry.ask("OPTIONS", "/v1/kv/a");
    for (const path of ["/v1/health/service/", "/v1/health/checks/", "/v1/health/state/", "/v1/catalog/service/"]) {
      await registry.get(path);
    }
    await registry.get("/v1/health/service/%zz");
    await registry.get("/v1/acl/token/self");
    await registry.ask("POST", "/v1/internal/acl/authorize", []);
    const queries = [
      "index=abc",
      "index=-1",
      "index=18446744073709551616",
      "index=1&wait=abc",
      "wait=5",
      "passing=odd",
    ];
    for (const query of [...queries, "stale&consistent", "dc=elsewhere", "dc=dc1", "ns=x"]) {
      await registry.get(`/v1/health/service/absent?${query}`);
      await registry.get(`/v1/catalog/services?${query}`);
    }
  },

  "the cluster": async (registry) => {
    for (const path of ["/v1/status/leader", "/v1/status/peers", "/v1/catalog/datacenters", "/v1/status/leader?dc=x"]) {
      await registry.get(path);
    }
    const self = (await registry.askQuietly("GET", "/v1/agent/self")).json as Record<string, Record<string, unknown>>;
    registry.note("sections of self", Object.keys(self).sort());
    registry.note("configuration", {
      keys: Object.keys(self["Config"] ?? {}).sort(),
      version: self["Config"]?.["Version"],
    });
    registry.note("member", Object.keys(self["Member"] ?? {}).sort());
  },
};
