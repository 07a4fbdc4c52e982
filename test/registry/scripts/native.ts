/** Instances that speak the mesh's TLS themselves. */
import { isEmpty, isNotEmpty, longWaitMs, type Script, shortWaitMs } from "../script.ts";

export const scripts: Readonly<Record<string, Script>> = {
  "native instances beside others": async (registry) => {
    const register = (id: string, more: object) =>
      registry.put("/v1/agent/service/register", { Name: "talk", ID: id, Port: 1, ...more });
    const health = "/v1/health/connect/talk";
    await registry.get("/v1/health/connect/");
    await registry.get("/v1/catalog/connect/");
    await registry.get(health);
    await register("talk-plain", {});
    await registry.until("/v1/health/service/talk", isNotEmpty);
    await registry.get(health);
    await registry.get("/v1/catalog/connect/talk");
    await register("talk-native", {
      Tags: ["a"],
      Meta: { v: "1" },
      Connect: { Native: true },
      Check: { TTL: "1h", Status: "warning" },
    });
    await registry.until(health, isNotEmpty);
    const filters = ["v%20%3D%3D%20x", 'Service.Meta.v%20%3D%3D%20"1"', 'ServiceMeta.v%20%3D%3D%20"2"'];
    const queries = [
      "tag=a",
      "tag=b",
      "node-meta=x:y",
      "passing",
      "passing=odd",
      "near=_agent",
      "stale",
      "ns=x",
      "dc=x",
    ];
    for (const query of ["", ...queries, ...filters.map((filter) => `filter=${filter}`)]) {
      await registry.get(`${health}?${query}`);
      await registry.get(`/v1/catalog/connect/talk?${query}`);
    }
    await registry.put("/v1/agent/service/deregister/talk-native");
    await registry.until(health, isEmpty);
    await registry.get("/v1/catalog/connect/talk");
    await registry.get("/v1/health/connect/TALK");
    await registry.put("/v1/agent/service/deregister/talk-plain");
  },

  "what wakes those who wait for native instances": async (registry) => {
    const register = (id: string, more: object) => () =>
      registry.askQuietly("PUT", "/v1/agent/service/register", { Name: "tell", ID: id, Port: 1, ...more });
    const deregister = (id: string) => () => registry.askQuietly("PUT", `/v1/agent/service/deregister/${id}`);
    const health = "/v1/health/connect/tell";
    const catalog = "/v1/catalog/connect/tell";
    const native = { Connect: { Native: true }, Check: { TTL: "1h", Status: "passing" } };
    // From here on some service has vanished, in whatever order scripts are played.
    await register("tell-before", {})();
    await registry.until("/v1/catalog/service/tell", isNotEmpty);
    await deregister("tell-before")();
    await registry.until("/v1/catalog/service/tell", isEmpty);

    await registry.watch("the first", health, longWaitMs, register("tell-1", native));
    const fail = () => registry.askQuietly("PUT", "/v1/agent/check/fail/service:tell-1");
    await registry.watch("a status", health, longWaitMs, fail);
    await registry.watch("another", catalog, longWaitMs, register("tell-2", native));
    await registry.watch("one of two leaves", health, longWaitMs, deregister("tell-1"));
    await registry.watch("another service", health, shortWaitMs, register("tell-4", { Name: "tell-other" }));
    await registry.watch("the last one leaves", health, longWaitMs, deregister("tell-2"));
    await deregister("tell-4")();
  },
};
