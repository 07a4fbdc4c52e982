/** Heartbeats, TTLs that run out, maintenance. */
import { isEmpty, isNotEmpty, names, type Script } from "../script.ts";

export const scripts: Readonly<Record<string, Script>> = {
  "heartbeats and their errors": async (registry) => {
    await registry.put("/v1/agent/service/register", { Name: "beat", ID: "b1", Check: { TTL: "1h" } });
    for (const [verb, status] of Object.entries({ pass: "passing", warn: "warning", fail: "critical" })) {
      await registry.put(`/v1/agent/check/${verb}/service:b1?note=it+is+${verb}`);
      await registry.until("/v1/health/checks/beat", names(`"Status":"${status}"`));
      await registry.get("/v1/agent/checks");
      await registry.get("/v1/health/checks/beat");
      await registry.get("/v1/health/service/beat?passing");
      await registry.get("/v1/agent/health/service/id/b1?format=text");
    }
    await registry.put("/v1/agent/check/fail/service:b1?note=output+alone+stays+local");
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/health/checks/beat");
    await registry.put("/v1/agent/check/update/service:b1", { Status: "passing", Output: "fine" });
    await registry.put("/v1/agent/check/update/service:b1", { status: "passing", Output: "é".repeat(5_000).slice(1) });
    await registry.get("/v1/agent/checks");
    await registry.put("/v1/agent/check/update/service:b1", { Status: "odd" });
    await registry.put("/v1/agent/check/update/service:b1", {});
    await registry.put("/v1/agent/check/update/service:b1", { Status: "passing", Colour: 1 });
    await registry.put("/v1/agent/check/update/service:b1");
    await registry.put("/v1/agent/check/update/absent", { Status: "passing" });
    for (const verb of ["pass", "warn", "fail"]) await registry.put(`/v1/agent/check/${verb}/absent`);
    await registry.put("/v1/agent/check/pass/a%22b");
    await registry.put("/v1/agent/check/pass/");
  },

  "a TTL that runs out": async (registry) => {
    const body = { Name: "mortal", Check: { TTL: "200ms", Status: "passing" } };
    const critical = names('"Status":"critical"');
    await registry.put("/v1/agent/service/register", body);
    await registry.until("/v1/health/checks/mortal", critical);
    await registry.get("/v1/health/checks/mortal");
    await registry.put("/v1/agent/check/pass/service:mortal?note=still+here");
    await registry.until("/v1/health/checks/mortal", names("still here"));
    await registry.until("/v1/health/checks/mortal", critical);
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/health/service/mortal");
    await registry.get("/v1/health/service/mortal?passing");
    await registry.put("/v1/agent/service/deregister/mortal");
  },

  maintenance: async (registry) => {
    await registry.put("/v1/agent/service/register", {
      Name: "shut",
      ID: "s1",
      Check: { TTL: "1h", Status: "passing" },
    });
    await registry.until("/v1/health/service/shut?passing", isNotEmpty);
    await registry.put("/v1/agent/service/maintenance/s1?enable=true&reason=deploy");
    await registry.put("/v1/agent/service/maintenance/s1?enable=true&reason=again");
    await registry.until("/v1/health/service/shut?passing", isEmpty);
    await registry.get("/v1/agent/checks");
    await registry.get("/v1/health/service/shut");
    await registry.get("/v1/agent/health/service/id/s1");
    await registry.put("/v1/agent/check/pass/_service_maintenance:s1");
    await registry.put("/v1/agent/service/maintenance/s1?enable=false");
    await registry.until("/v1/health/service/shut?passing", isNotEmpty);
    await registry.put("/v1/agent/service/maintenance/s1?enable=false");
    await registry.get("/v1/agent/checks");
    await registry.put("/v1/agent/service/maintenance/s1?enable=1");
    await registry.get("/v1/agent/checks");
    await registry.put("/v1/agent/service/register?replace-existing-checks", { Name: "shut", ID: "s1" });
    await registry.get("/v1/agent/checks");
    await registry.put("/v1/agent/service/maintenance/s1");
    await registry.put("/v1/agent/service/maintenance/s1?enable=perhaps");
    await registry.put("/v1/agent/service/maintenance/?enable=true");
    await registry.put("/v1/agent/service/maintenance/absent?enable=true");
  },
};
