/** Consul's filter language at every endpoint that has it. */
import { isNotEmpty, names, type Script } from "../script.ts";
import type { Recorder } from "../../support/parity-recorder.ts";

async function ask(registry: Recorder, path: string, expressions: readonly string[]): Promise<void> {
  for (const expression of expressions) await registry.get(`${path}?filter=${encodeURIComponent(expression)}`);
}

export const scripts: Readonly<Record<string, Script>> = {
  "of instances with their health": async (registry) => {
    await registry.put("/v1/agent/service/register", {
      Name: "sieve",
      ID: "sieve-1",
      Tags: ["v1", "blue"],
      Meta: { zone: "a", "two-words": "b" },
      Address: "10.0.0.1",
      Port: 8080,
      Weights: { Passing: 5, Warning: 2 },
      EnableTagOverride: true,
      Checks: [{ TTL: "1h", Status: "passing", CheckID: "sieve-alive", Notes: "first\nsecond" }],
    });
    await registry.put("/v1/agent/service/register", {
      Name: "sieve",
      ID: "sieve-2",
      Port: 1,
      Connect: { Native: true },
    });
    await registry.until("/v1/health/service/sieve", (json) => (json as unknown[]).length === 2);
    await registry.until("/v1/health/checks/sieve", isNotEmpty);
    await ask(registry, "/v1/health/service/sieve", [
      "",
      "Service.ID == `sieve-1`",
      'Service.ID != "sieve-1"',
      "Service.ID matches `-[12]$`",
      "Service.ID not matches `-1$`",
      "`eve-1` in Service.ID",
      'Service.ID contains "2"',
      "v1 in Service.Tags",
      "Service.Tags not contains v1",
      "Service.Tags is empty",
      "Service.Meta.zone == a",
      'Service.Meta["two-words"] == b',
      "Service.Meta.zone != a",
      "Service.Meta.absent matches x",
      "Service.Meta.absent not matches x",
      "x in Service.Meta.absent",
      "x not in Service.Meta.absent",
      "zone in Service.Meta",
      "Service.Meta is not empty",
      "Service.Port == 8080",
      'Service.Port == "0x1f90"',
      "Service.Weights.Passing == 5",
      "Service.Weights.Warning != 2",
      "Service.EnableTagOverride == true",
      "Service.Connect.Native == t",
      "Service.Kind == ``",
      "Service.TaggedAddresses.lan_ipv4.Port == 8080",
      "Service.TaggedAddresses is empty",
      "Service.Proxy.Upstreams is empty",
      "Service.Proxy.Upstreams.DestinationName == x",
      "Service.Proxy.Expose.Checks == false",
      "Checks.Status == critical",
      "Checks.Status != passing",
      "Checks.CheckID == `sieve-alive` and Checks.Type == ttl",
      "Checks.Notes matches `first.second`",
      "Checks.Notes matches `(?s)first.second`",
      "Checks.ServiceTags contains blue",
      "Checks is empty",
      "Node.Datacenter == dc1",
      "Node.Meta is not empty",
      'Node.Meta["consul-network-segment"] == ``',
      "Node.TaggedAddresses.lan == `127.0.0.1`",
      "v1 in Service.Tags and Service.Port == 8080 or Service.ID == `sieve-2`",
      "not (v1 in Service.Tags and (Service.Port == 80 or Service.Port == 8080))",
    ]);
    await registry.get("/v1/health/service/sieve?passing&filter=Service.Port==8080");
    await registry.get("/v1/health/service/sieve?filter=Service.Port==1&filter=Service.Port==8080");
  },

  "that are refused": async (registry) => {
    const expressions = [
      "Service",
      "Service.ID",
      "Service.ID =",
      "Service.ID == ",
      "Service.ID == a b",
      "Service.ID == 'a'",
      'Service.ID == "a',
      "Service.ID == `a",
      String.raw`Service.ID == "\q"`,
      "Service.Port == 1x",
      "Service.Port == 01",
      "(Service.ID == a",
      "Service.ID == a)",
      "((Service.ID == a) or Service.ID == b",
      "Service.Meta[zone] == a",
      'Service.Meta["zone" == a',
      "Service.Meta[",
      "a in 5",
      "Service.Tags is full",
      "Service.ID < 5",
      "any Service.Tags as t { t == a }",
      "Service.ID == a AND Service.ID == b",
      "Service.ID == a\nand\n",
      "\n\n  é == a",
      "Service.Nope == a",
      "Nope == a",
      "Service.Tags.x == a",
      "Service == a",
      "Service.Tags == a",
      "Service.Port in a",
      "Service.Port matches a",
      "Checks contains a",
      "Service.Meta == a",
      "Service.ID is empty",
      "Service.Port == a",
      "Service.Port == 1.5",
      "Service.Port == 99999999999999999999",
      "Service.EnableTagOverride == yes",
      "Service.ID matches `[`",
      "Service.ID matches `a{1001}`",
      "Service.ID matches `(?=a)`",
      "Service.ID matches `\\1`",
      "Service.Nope == a or Service.Port == b",
      "Checks.Definition.HTTP == a",
      "Service.CreateIndex == 1",
    ];
    await ask(registry, "/v1/health/service/absent", expressions);
    await registry.get("/v1/health/service/absent?dc=elsewhere&filter=nonsense");
    await registry.get("/v1/health/service/absent?index=x&filter=nonsense");
    await registry.get("/v1/health/service/absent?stale&filter=nonsense");
    await registry.get("/v1/health/service/?filter=nonsense");
  },

  "at every other endpoint": async (registry) => {
    await registry.put("/v1/agent/service/register", {
      Name: "strain",
      Tags: ["x"],
      Port: 1,
      Check: { CheckID: "strain-alive", TTL: "1h", Status: "warning" },
    });
    await registry.until("/v1/health/checks/strain", isNotEmpty);
    await ask(registry, "/v1/health/checks/strain", [
      "Status == warning",
      "Status == passing",
      "Nope == x",
      "CheckId == x",
    ]);
    await ask(registry, "/v1/health/state/any", ["ServiceName == strain", "ServiceTags contains x", "Nope == x", "x"]);
    await ask(registry, "/v1/catalog/service/strain", [
      "ServicePort == 1",
      "ServiceTags is empty",
      "ServiceConnect.Native == true",
      "ServiceWeights.Passing == 1",
      "ServiceMeta is empty",
      "Service.Port == 1",
      "NodeMeta is empty",
    ]);
    await ask(registry, "/v1/catalog/nodes", [
      "Datacenter == dc1",
      "Datacenter == dc2",
      "Meta is empty",
      "Service == x",
    ]);
    await ask(registry, "/v1/catalog/services", ["nonsense"]);
    const { json } = await registry.askQuietly("GET", "/v1/agent/self");
    const node = (json as { Config: { NodeName: string } }).Config.NodeName;
    const only = "ServiceID == strain";
    await ask(registry, `/v1/health/node/${node}`, [only, `${only} and Status == passing`, "Nope == x"]);
    await ask(registry, `/v1/catalog/node/${node}`, ["Service == strain", "Port == 77777", "Nope == x", "x"]);
    await ask(registry, `/v1/catalog/node-services/${node}`, ["Service == strain", "Port == 77777", "Nope == x"]);
    await ask(registry, "/v1/catalog/node/absent", ["Service == strain", "x"]);
    await ask(registry, "/v1/catalog/node-services/absent", ["Service == strain", "x"]);
    await ask(registry, "/v1/health/node/absent", ["ServiceID == strain", "x"]);
    await ask(registry, "/v1/agent/services", [
      "Service == strain",
      "Port == 77777",
      "Nope == x",
      "x",
      "Tags contains x and Port == 1",
    ]);
    await ask(registry, "/v1/agent/checks", [
      "ServiceName == strain",
      "Status == nothing",
      "Nope == x",
      "Node is empty",
      "x",
    ]);
    await registry.get("/v1/agent/services?ns=x");
    await registry.get("/v1/agent/checks?ns=x");
  },

  "and watches": async (registry) => {
    const path = "/v1/health/service/filtered?filter=v2+in+Service.Tags";
    const register = (id: string, tag: string) => () =>
      registry.askQuietly("PUT", "/v1/agent/service/register", { Name: "filtered", ID: id, Tags: [tag] });
    await registry.watch("an instance that is filtered out", path, 5_000, register("a", "v1"));
    await registry.watch("an instance that is not", path, 5_000, register("b", "v2"));
    await registry.until(path, names('"ID":"b"'));
    await registry.get(path);
  },
};
