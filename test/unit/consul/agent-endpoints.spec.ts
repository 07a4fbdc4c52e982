import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { aclTokenSelf } from "../../../sdk/src/consul/acl-api.ts";
import { agentMembers } from "../../../sdk/src/consul/agent-members-api.ts";
import { catalogNodes } from "../../../sdk/src/consul/catalog-api.ts";
import type { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import {
  endNodeMaintenance,
  endServiceMaintenance,
  startNodeMaintenance,
  startServiceMaintenance,
} from "../../../sdk/src/consul/maintenance-api.ts";
import { consulForEach, type ScriptedConsul } from "./scripted-consul.ts";

describe("what Consul's agent says of itself and its like", () => {
  let consul: ScriptedConsul;
  let http: ConsulHttp;

  consulForEach((made) => ({ consul, http } = made));

  async function answer<T>(work: Promise<T>, body: unknown, status = 200): Promise<readonly [asked: string, T]> {
    const asked = await consul.next();
    asked.reply(status, typeof body === "string" ? body : JSON.stringify(body));
    return [`${asked.method} ${asked.path}?${asked.query.toString()}`, await work];
  }

  function fails(code: string, why: RegExp) {
    return (error: unknown): boolean => error instanceof MeshError && error.code === code && why.test(error.reason);
  }

  it("is whose token this is", async () => {
    const [asked, token] = await answer(aclTokenSelf(http), {
      AccessorID: "a-1",
      SecretID: "s-1",
      Description: "greeter's",
      Policies: [{ ID: "p-1", Name: "read" }],
      Roles: null,
      ServiceIdentities: [{ ServiceName: "greeter" }],
      ExpirationTime: "2026-01-01T00:00:00.5Z",
    });
    assert.equal(asked, "GET /v1/acl/token/self?");
    assert.deepEqual(token, {
      accessorId: "a-1",
      description: "greeter's",
      policies: ["read"],
      roles: [],
      serviceIdentities: ["greeter"],
      expiresAt: Date.UTC(2026, 0, 1, 0, 0, 0, 500),
    });
    assert.equal((await answer(aclTokenSelf(http), "ACL support disabled", 401))[1], undefined);
    await answer(assert.rejects(aclTokenSelf(http), fails("PERMISSION_DENIED", /ACL not found/)), "ACL not found", 403);
    await answer(assert.rejects(aclTokenSelf(http), fails("UNAUTHENTICATED", /401/)), "who are you", 401);
    await answer(assert.rejects(aclTokenSelf(http), fails("INTERNAL", /AccessorID/)), {});
  });

  it("is its members, with role, status and version", async () => {
    const member = { Addr: "10.0.0.1", Port: 8301, ProtocolCur: 2 };
    const [asked, members] = await answer(agentMembers(http), [
      { ...member, Name: "z", Status: 4, Tags: { role: "node", build: "1.8.7:0a1b", dc: "dc1" } },
      { ...member, Name: "a", Status: 1, Tags: { role: "consul", build: "1.8.7:" } },
      { ...member, Name: "m", Status: 3, Tags: null },
    ]);
    assert.equal(asked, "GET /v1/agent/members?");
    const place = { address: "10.0.0.1", port: 8301 };
    assert.deepEqual(members, [
      { ...place, name: "a", role: "server", status: "alive", version: "1.8.7" },
      { ...place, name: "m", role: "client", status: "left" },
      { ...place, name: "z", role: "client", status: "failed", version: "1.8.7", datacenter: "dc1" },
    ]);
    const unknown = [{ ...member, Name: "a", Status: 9 }];
    await answer(assert.rejects(agentMembers(http), fails("INTERNAL", /0.Status/)), unknown);
  });

  it("is the nodes of its datacenter", async () => {
    const [asked, nodes] = await answer(catalogNodes(http), [
      { ID: "u-1", Node: "a", Address: "10.0.0.1", Datacenter: "dc1", Meta: { rack: "7" } },
      { ID: "", Node: "b", Address: "[::1]", Meta: null },
    ]);
    assert.equal(asked, "GET /v1/catalog/nodes?");
    assert.deepEqual(nodes, [
      { name: "a", id: "u-1", address: "10.0.0.1", datacenter: "dc1", metadata: { rack: "7" } },
      { name: "b", address: "::1", metadata: {} },
    ]);
    await answer(assert.rejects(catalogNodes(http), fails("INTERNAL", /0.Address/)), [{ Node: "a" }]);
  });

  it("is out of use and in use again", async () => {
    for (const [work, expected] of [
      [() => startNodeMaintenance(http, "disk & fan"), "PUT /v1/agent/maintenance?enable=true&reason=disk+%26+fan"],
      [() => endNodeMaintenance(http), "PUT /v1/agent/maintenance?enable=false"],
      [
        () => startServiceMaintenance(http, "g/1", "deploy"),
        "PUT /v1/agent/service/maintenance/g%2F1?enable=true&reason=deploy",
      ],
      [() => endServiceMaintenance(http, "g/1"), "PUT /v1/agent/service/maintenance/g%2F1?enable=false"],
    ] as const) {
      assert.equal((await answer(work(), ""))[0], expected);
    }
    const missing = assert.rejects(endServiceMaintenance(http, "x"), fails("NOT_FOUND", /No service registered .*\)$/));
    await answer(missing, 'No service registered with ID "x"', 404);
  });
});
