/** What no agent looks after: nodes, services and checks that somebody else puts into the catalog. */
import { isEmpty, isNotEmpty, longWaitMs, names, type Script } from "../script.ts";

const register = "/v1/catalog/register";
const deregister = "/v1/catalog/deregister";

export const scripts: Readonly<Record<string, Script>> = {
  "external nodes and everything that shows them": async (registry) => {
    await registry.put(register, { Node: "ext-bare", Address: "10.0.0.9" });
    await registry.put(register, {
      Node: "ext-full",
      ID: "aaaaaaaa-0000-1111-2222-333333333333",
      Address: "10.0.0.8",
      TaggedAddresses: { lan: "10.0.0.8", wan: "1.2.3.4" },
      NodeMeta: { rack: "r1", external: "yes" },
      Service: {
        ID: "db-1",
        Service: "ext-db",
        Tags: ["primary"],
        Meta: { engine: "x" },
        Address: "db.example",
        Port: 5432,
        TaggedAddresses: { wan: { Address: "1.2.3.4", Port: 1 } },
        Weights: { Passing: 3, Warning: 1 },
        EnableTagOverride: true,
      },
      Check: { Name: "node check", Status: "passing", Notes: "n", Output: "o" },
      Checks: [
        { CheckID: "db-alive", Name: "alive", ServiceID: "db-1", Status: "warning" },
        {
          CheckID: "db-probed",
          Name: "probed",
          ServiceID: "db-1",
          Definition: { TCP: "10.0.0.8:5432", Interval: "90s", Timeout: "1.5s", Unknown: 1 },
        },
        {
          Name: "http",
          ServiceID: "db-1",
          Definition: {
            http: "http://10.0.0.8",
            Header: { a: ["b"] },
            TLSSkipVerify: true,
            Interval: 5e9,
            DeregisterCriticalServiceAfter: "100ms",
          },
        },
        { Name: "odd", ServiceID: "db-1", Status: "unheard-of", Type: "own" },
      ],
    });
    await registry.put(register, { Node: "ext-bare", SkipNodeUpdate: true, Service: { Service: "ext-db", Port: 1 } });
    await registry.put(register, { node: "ext-empty", address: "10.0.0.7", NodeMeta: {}, TaggedAddresses: {} });
    await registry.get("/v1/catalog/nodes");
    await registry.get("/v1/catalog/nodes?near=ext-full");
    for (const name of ["ext-bare", "EXT-full", "ext-empty", "aaaaaaaa", "aaaaaaaa-0000-1111", "aaa", "a", "absent"]) {
      await registry.get(`/v1/catalog/node/${name}`);
      await registry.get(`/v1/catalog/node-services/${name}`);
      await registry.get(`/v1/health/node/${name}`);
    }
    for (const query of ["", "?tag=primary", "?near=ext-full", "?near=absent", "?node-meta=rack:r1"]) {
      await registry.get(`/v1/catalog/service/ext-db${query}`);
      await registry.get(`/v1/health/service/ext-db${query}`);
      await registry.get(`/v1/health/checks/ext-db${query.includes("tag") ? "" : query}`);
    }
    await registry.get("/v1/health/service/ext-db?passing");
    await registry.get("/v1/health/state/unheard-of");
    await registry.get("/v1/agent/services");
    await registry.get("/v1/agent/checks");
    for (const query of [
      "rack:r1",
      "rack:r2",
      "rack:r1&node-meta=external:yes",
      "rack",
      "external:yes&node-meta=rack:x",
    ]) {
      for (const path of ["catalog/nodes", "catalog/services", "catalog/service/ext-db", "health/state/any"]) {
        await registry.get(`/v1/${path}?node-meta=${query}`);
      }
    }
    await registry.get("/v1/catalog/nodes?node-meta=consul-network-segment:");
    await registry.get("/v1/catalog/node/");
    await registry.get("/v1/catalog/node-services/");
    await registry.get("/v1/health/node/");
    for (const node of ["ext-bare", "ext-full", "ext-empty"]) await registry.put(deregister, { Node: node });
  },

  "external registrations, again and away": async (registry) => {
    const node = { Node: "ext-again", Address: "10.0.0.5" };
    const service = { Service: "again", ID: "again-1", Port: 1 };
    const check = { CheckID: "again-check", Name: "c", ServiceID: "again-1", Status: "passing" };
    const show = async (): Promise<void> => {
      await registry.get("/v1/health/service/again");
      await registry.get("/v1/health/node/ext-again");
      await registry.get("/v1/catalog/node/ext-again");
      await registry.get("/v1/catalog/nodes?node-meta=v:2");
    };
    await registry.put(register, { ...node, Service: service, Check: check });
    await show();
    await registry.put(register, {
      ...node,
      Address: "10.0.0.6",
      NodeMeta: { v: "2" },
      Service: { ...service, Port: 2 },
    });
    await show();
    await registry.put(register, {
      ...node,
      SkipNodeUpdate: true,
      Check: { ...check, Status: "critical", Output: "x" },
    });
    await show();
    await registry.put(register, { ...node, SkipNodeUpdate: true, Check: { Name: "whole node", Status: "warning" } });
    await show();
    await registry.put(deregister, { Node: "ext-again", CheckID: "whole node", Address: "obsolete" });
    await show();
    await registry.put(deregister, { Node: "ext-again", ServiceID: "again-1", CheckID: "whole node" });
    await show();
    await registry.put(deregister, { Node: "EXT-again" });
    await show();
    for (const gone of [{}, { ServiceID: "x" }, { CheckID: "x" }]) {
      await registry.put(deregister, { Node: "ext-again", ...gone });
    }
  },

  "external registrations that are refused": async (registry) => {
    const node = { Node: "ext-bad", Address: "10.0.0.4" };
    const bodies: unknown[] = [
      "",
      "null",
      {},
      { Address: "x" },
      { Node: "ext-bad" },
      { ...node, Datacenter: "elsewhere" },
      { ...node, ID: "short" },
      { ...node, ID: "g".repeat(36) },
      { ...node, ID: "gggggggg-0000-1111-2222-333333333333" },
      { ...node, Bogus: 1 },
      { ...node, Node: 1 },
      { ...node, NodeMeta: { a: 1 } },
      { ...node, TaggedAddresses: [] },
      { ...node, Service: { Bogus: 1 } },
      { ...node, Service: { ID: "x" } },
      { ...node, Service: { Service: "x", Address: "0.0.0.0" } },
      { ...node, Service: { Service: "x", Port: "y" } },
      { ...node, Service: { Service: "x", Tags: "y" } },
      { ...node, Service: { Service: "x", Meta: { "a b": "c" } } },
      { ...node, Service: [] },
      { ...node, Check: { Bogus: 1 } },
      { ...node, Check: { Name: "c", ServiceID: "absent" } },
      { ...node, Check: { Name: "c", Node: "another" } },
      { ...node, Check: { Name: "c", Status: 1 } },
      { ...node, Checks: {} },
      { ...node, Check: { Name: "c", Definition: { Interval: "x" } } },
    ];
    for (const body of bodies) await registry.put(register, body);
    await registry.put(`${register}?ns=x`, node);
    await registry.put(register, {
      ...node,
      Service: { Service: "ext-odd", Weights: { Passing: 0, Warning: 9 } },
      Token: "t",
    });
    await registry.get("/v1/catalog/service/ext-odd");
    for (const body of ["", "null", {}, { Node: 1 }, { Node: "x", Bogus: 1 }, { Node: "x", Datacenter: "y" }]) {
      await registry.put(deregister, body);
    }
    await registry.put(`${deregister}?ns=x`, { Node: "ext-bad" });
    await registry.put(deregister, { Node: "ext-bad" });
    await registry.ask("GET", register);
    await registry.ask("GET", deregister);
  },

  "nodes that claim a name or an ID of another": async (registry) => {
    const { json } = await registry.askQuietly("GET", "/v1/agent/self");
    const own = (json as { Config: { NodeName: string } }).Config.NodeName;
    const id = (digit: string): string => `${digit.repeat(8)}-0000-1111-2222-333333333333`;
    const taken = await registry.askQuietly("PUT", register, { Node: own, ID: id("c"), Address: "10.9.9.9" });
    registry.note("the name of a healthy node", [taken.status, taken.body.replace(/node [\da-f-]{36}/, "node <uuid>")]);
    await registry.put(register, { Node: "claim-a", Address: "10.0.0.1", Service: { Service: "claimed" } });
    await registry.put(register, { Node: "claim-a", ID: id("a"), Address: "10.0.0.1" });
    await registry.get("/v1/catalog/node/claim-a");
    await registry.put(register, { Node: "claim-b", ID: id("a"), Address: "10.0.0.2" });
    await registry.get("/v1/catalog/node/claim-a");
    await registry.get("/v1/catalog/node/claim-b");
    await registry.put(register, { Node: "claim-b", ID: id("b"), Address: "10.0.0.3" });
    await registry.get("/v1/catalog/node/claim-b");
    await registry.get("/v1/catalog/service/claimed");
    await registry.put(deregister, { Node: "claim-b" });
  },

  "watches of external nodes": async (registry) => {
    const put = (body: object) => () =>
      registry.askQuietly("PUT", register, { Node: "ext-w", Address: "10.0.0.3", ...body });
    const remove = (body: object) => () => registry.askQuietly("PUT", deregister, { Node: "ext-w", ...body });
    const nodes = "/v1/catalog/nodes";
    await registry.watch("a node appears", nodes, longWaitMs, put({}));
    await registry.watch("a node changes", nodes, longWaitMs, put({ NodeMeta: { a: "b" } }));
    await registry.watch(
      "a service appears",
      "/v1/catalog/node/ext-w",
      longWaitMs,
      put({ Service: { Service: "ext-ws" } }),
    );
    const check = { Name: "c", ServiceID: "ext-ws" };
    const health = "/v1/health/service/ext-ws";
    await registry.watch("a check appears", "/v1/health/node/ext-w", longWaitMs, put({ Check: check }));
    await registry.watch("a check passes", health, longWaitMs, put({ Check: { ...check, Status: "passing" } }));
    await registry.watch("a node's check appears", health, longWaitMs, put({ Check: { Name: "whole" } }));
    await registry.watch("a node moves", health, longWaitMs, put({ Address: "10.0.0.99" }));
    await registry.watch("a node's check goes", health, longWaitMs, remove({ CheckID: "whole" }));
    await registry.watch("a service goes", "/v1/catalog/node/ext-w", longWaitMs, remove({ ServiceID: "ext-ws" }));
    await registry.watch("a node goes", nodes, longWaitMs, remove({}));
  },

  "one service here and elsewhere": async (registry) => {
    await registry.put("/v1/agent/service/register", { Name: "spread", ID: "here", Tags: ["a"] });
    await registry.put(register, {
      Node: "a-ext",
      Address: "10.0.0.2",
      Service: { Service: "spread", ID: "there", Tags: ["b"] },
    });
    await registry.until("/v1/health/service/spread", (json) => (json as unknown[]).length === 2);
    await registry.get("/v1/health/service/spread");
    await registry.get("/v1/catalog/service/spread?tag=b");
    await registry.until("/v1/catalog/services", names("spread"));
    await registry.get("/v1/catalog/services");
    await registry.put("/v1/agent/service/deregister/here");
    await registry.until("/v1/health/service/spread?tag=a", isEmpty);
    await registry.until("/v1/health/service/spread?tag=b", isNotEmpty);
    await registry.get("/v1/health/service/spread");
    await registry.put(deregister, { Node: "a-ext" });
  },

  members: async (registry) => {
    for (const query of ["", "?wan=1", "?segment=_all", "?wan=1&segment=x"]) {
      const { status, json, body } = await registry.askQuietly("GET", `/v1/agent/members${query}`);
      const shown = Array.isArray(json) ? json.map((member) => Object.keys(member as object)) : body;
      registry.note(`members${query}`, [status, shown]);
    }
  },
};
