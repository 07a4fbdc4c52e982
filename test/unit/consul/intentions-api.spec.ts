import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import {
  deleteIntention,
  listIntentions,
  matchIntentions,
  putIntention,
} from "../../../sdk/src/consul/intentions-api.ts";
import { agentSelfOf, consulForEach, type ScriptedConsul } from "./scripted-consul.ts";

const RULE = { source: "web", destination: "greeter", action: "allow" } as const;
const STORED = {
  ID: "id-1",
  SourceNS: "default",
  SourceName: "web",
  DestinationNS: "default",
  DestinationName: "greeter",
};
const ALLOW = { ...STORED, Action: "allow", Precedence: 9, Description: "" };

describe("intentions", () => {
  let consul: ScriptedConsul;
  let http: ConsulHttp;

  consulForEach((made) => ({ consul, http } = made));

  /** Answers requests in their order, and gives what was asked. */
  async function play(...replies: readonly (readonly [status: number, body: unknown])[]): Promise<string[]> {
    const asked: string[] = [];
    for (const [status, body] of replies) {
      const request = await consul.next();
      const query = request.query.toString();
      asked.push(`${request.method} ${request.path}${query === "" ? "" : `?${query}`}`);
      request.reply(status, typeof body === "string" ? body : JSON.stringify(body));
    }
    return asked;
  }

  it("are listed, for connections and for requests", async () => {
    const listed = listIntentions(http);
    const Permissions = [{ Action: "deny", HTTP: { PathPrefix: "/a/" } }, { Action: "allow" }];
    const forRequests = {
      ...STORED,
      ID: "",
      Action: "",
      Permissions,
      Precedence: 8,
      SourcePeer: "p",
      SourcePartition: "q",
    };
    await play([200, [ALLOW, forRequests]]);
    const pair = {
      source: "web",
      sourceNamespace: "default",
      destination: "greeter",
      destinationNamespace: "default",
      destinationPartition: "default",
      description: "",
    };
    assert.deepEqual(await listed, [
      { ...pair, sourcePartition: "default", rule: "allow", precedence: 9, id: "id-1" },
      {
        ...pair,
        sourcePartition: "q",
        sourcePeer: "p",
        rule: [
          { action: "deny", match: { path: { kind: "prefix", value: "/a/" }, headers: [], query: [] } },
          { action: "allow", match: { headers: [], query: [] } },
        ],
        precedence: 8,
      },
    ]);
  });

  it("are matched by side, none being an empty list", async () => {
    const matched = matchIntentions(http, "destination", "greeter");
    assert.deepEqual(await play([200, { greeter: [ALLOW] }]), [
      "GET /v1/connect/intentions/match?by=destination&name=greeter",
    ]);
    assert.equal((await matched)[0]?.rule, "allow");
    const none = matchIntentions(http, "source", "web");
    await play([200, { web: null }]);
    assert.deepEqual(await none, []);
  });

  it("are refused when they neither allow nor deny", async () => {
    for (const [body, why] of [
      [[{ ...STORED, Precedence: 9 }], /the intention of web to greeter has neither Action nor Permissions/],
      [[{ ...ALLOW, Action: "maybe" }], /0.Action/],
      [[{ ...ALLOW, SourceName: undefined }], /0.SourceName/],
      [{}, /expected array/],
    ] as const) {
      const refused = assert.rejects(
        listIntentions(http),
        (error) => error instanceof MeshError && error.code === "INTERNAL" && why.test(error.reason),
      );
      await play([200, body]);
      await refused;
    }
  });

  it("are written and deleted by their pair from 1.9 on", async () => {
    const written = putIntention(http, RULE);
    assert.deepEqual(await play([200, agentSelfOf("1.9.0")], [200, "true"]), [
      "GET /v1/agent/self",
      "PUT /v1/connect/intentions/exact?source=web&destination=greeter",
    ]);
    await written;
    const deleted = deleteIntention(http, RULE);
    assert.deepEqual(await play([404, ""]), ["DELETE /v1/connect/intentions/exact?source=web&destination=greeter"]);
    await deleted;
  });

  it("are created or replaced by their id before", async () => {
    const created = putIntention(http, RULE);
    assert.deepEqual((await play([200, agentSelfOf("1.8.7")], [200, "[]"], [200, { ID: "id-1" }])).slice(1), [
      "GET /v1/connect/intentions",
      "POST /v1/connect/intentions",
    ]);
    await created;
    const replaced = putIntention(http, { ...RULE, action: "deny", description: "no more" });
    await play([200, [ALLOW]]);
    const asked = await consul.next();
    assert.equal(`${asked.method} ${asked.path}`, "PUT /v1/connect/intentions/id-1");
    assert.deepEqual(JSON.parse(asked.body), {
      SourceName: "web",
      DestinationName: "greeter",
      SourceType: "consul",
      Action: "deny",
      Description: "no more",
    });
    asked.reply(200, '{"ID":"id-1"}');
    await replaced;
  });

  it("are written all the same when somebody else is faster, and given up when that goes on", async () => {
    const duplicate = [500, "duplicate intention found: ALLOW default/web => default/greeter"] as const;
    const written = putIntention(http, RULE);
    await play([200, agentSelfOf("1.8.7")], [200, "[]"], duplicate, [200, [ALLOW]], [200, '{"ID":"id-1"}']);
    await written;
    const beaten = assert.rejects(
      putIntention(http, RULE),
      (error) => error instanceof MeshError && error.code === "INVALID_ARGUMENT" && /duplicate/.test(error.reason),
    );
    await play([200, "[]"], duplicate, [200, "[]"], duplicate, [200, "[]"], duplicate);
    await beaten;
    assert.equal(consul.waiting, 0);
  });

  it("are deleted by their id before 1.9, whoever deletes them first", async () => {
    const deleted = deleteIntention(http, RULE);
    await play([200, agentSelfOf("1.8.7")], [200, [ALLOW]], [500, "Cannot delete non-existent intention: 'id-1'"]);
    await deleted;
    const none = deleteIntention(http, { ...RULE, source: "nobody" });
    await play([200, [ALLOW]]);
    await none;
    const denied = assert.rejects(deleteIntention(http, RULE), /PERMISSION_DENIED/);
    await play([200, [ALLOW]], [403, "Permission denied"]);
    await denied;
  });
});
