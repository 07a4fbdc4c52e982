import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type { ErrorCode } from "../../../sdk/src/call/status.ts";
import {
  deleteConfigEntry,
  getConfigEntry,
  listConfigEntries,
  putConfigEntry,
} from "../../../sdk/src/consul/config-entry-api.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { agentSelfOf, ScriptedConsul } from "./scripted-consul.ts";

const DEFAULTS = { Kind: "service-defaults", Name: "greeter", Protocol: "grpc" } as const;

describe("config entries", () => {
  let consul: ScriptedConsul;
  let http: ConsulHttp;

  beforeEach(async () => {
    consul = await ScriptedConsul.start();
    http = new ConsulHttp({ url: consul.url, namespace: "team", partition: "part" }, new VirtualClock());
  });

  afterEach(async () => {
    http.close();
    await consul.close();
  });

  async function atVersion(version: string): Promise<void> {
    (await consul.next()).reply(200, agentSelfOf(version));
  }

  function failsWith(code: ErrorCode, reason: RegExp) {
    return (error: unknown): boolean => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, code);
      assert.match(error.reason, reason);
      return true;
    };
  }

  it("are read with all that they hold, but for Consul's own bookkeeping", async () => {
    const stored = { ...DEFAULTS, FromTheFuture: { A: 1 }, CreateIndex: 4, ModifyIndex: 9, Hash: 12_345 };
    const got = getConfigEntry(http, "service-defaults", "gree/ter");
    const asked = await consul.next();
    assert.equal(asked.path, "/v1/config/service-defaults/gree%2Fter");
    assert.equal(asked.query.toString(), "ns=team&partition=part");
    asked.reply(200, JSON.stringify(stored));
    assert.deepEqual(await got, { entry: { ...DEFAULTS, FromTheFuture: { A: 1 } }, modifyIndex: 9 });

    const listed = listConfigEntries(http, "service-defaults");
    (await consul.next()).reply(200, JSON.stringify([stored]));
    assert.equal((await listed)[0]?.modifyIndex, 9);
    const none = listConfigEntries(http, "service-splitter");
    (await consul.next()).reply(200, "null");
    assert.deepEqual(await none, []);
  });

  it("that are not there are undefined, which a 404 of somebody else is not", async () => {
    const missing = getConfigEntry(http, "service-router", "greeter");
    (await consul.next()).reply(404, 'Config entry not found for "service-router" / "greeter"\n');
    assert.equal(await missing, undefined);
    const elsewhere = getConfigEntry(http, "service-router", "greeter");
    (await consul.next()).reply(404, "<html>");
    await assert.rejects(elsewhere, failsWith("NOT_FOUND", /check that CONSUL_HTTP_ADDR names a Consul agent/));
  });

  it("that lack what they must have are refused", async () => {
    for (const [kind, json, why] of [
      ["service-defaults", { Kind: "service-defaults", CreateIndex: 1, ModifyIndex: 1 }, /Name/],
      ["service-defaults", DEFAULTS, /CreateIndex/],
      ["service-router", { ...DEFAULTS, CreateIndex: 1, ModifyIndex: 1 }, /Kind/],
      ["service-splitter", { Kind: "service-splitter", Name: "g", CreateIndex: 1, ModifyIndex: 1 }, /Splits/],
    ] as const) {
      const got = getConfigEntry(http, kind, "greeter");
      (await consul.next()).reply(200, JSON.stringify(json));
      await assert.rejects(got, failsWith("INTERNAL", why));
    }
  });

  it("are written, with what is expected there when that is said", async () => {
    const written = putConfigEntry(http, DEFAULTS);
    await atVersion("1.8.7");
    const asked = await consul.next();
    assert.equal(`${asked.method} ${asked.path} ${asked.query.toString()}`, "PUT /v1/config ns=team&partition=part");
    assert.deepEqual(JSON.parse(asked.body), DEFAULTS);
    asked.reply(200, "true\n");
    assert.equal(await written, true);

    const beaten = putConfigEntry(http, DEFAULTS, { expected: 0 });
    const conditional = await consul.next();
    assert.equal(conditional.query.get("cas"), "0");
    conditional.reply(200, "false\n");
    assert.equal(await beaten, false);
  });

  it("are written once when they are conditional, again when they are not", async () => {
    const conditional = putConfigEntry(http, DEFAULTS, { expected: 3 });
    await atVersion("1.8.7");
    (await consul.next()).breakOff();
    await assert.rejects(conditional, failsWith("UNAVAILABLE", /ECONNRESET/));
    const plain = putConfigEntry(http, DEFAULTS);
    await atVersion("1.8.7");
    (await consul.next()).breakOff();
    (await consul.next()).reply(200, "true");
    assert.equal(await plain, true);
  });

  it("that break Consul's rules are the writer's fault, unlike a lost leader", async () => {
    const refused = putConfigEntry(http, DEFAULTS);
    await atVersion("1.8.7");
    (await consul.next()).reply(500, 'service "greeter" does not have a subset named "v1"');
    await assert.rejects(refused, failsWith("INVALID_ARGUMENT", /500: service "greeter" does not have a subset/));
    const leaderless = putConfigEntry(http, DEFAULTS);
    (await consul.next()).reply(500, "No cluster leader");
    await assert.rejects(leaderless, failsWith("UNAVAILABLE", /No cluster leader/));
  });

  it("are not sent to a Consul that does not know all of them", async () => {
    const entry = { Kind: "service-resolver", Name: "greeter", LoadBalancer: { Policy: "maglev" } } as const;
    const refused = putConfigEntry(http, entry);
    await atVersion("1.8.7");
    await assert.rejects(
      refused,
      failsWith("UNIMPLEMENTED", /is 1.8.7, but LoadBalancer of service-resolver greeter came with 1.9.0: upgrade it/),
    );
    assert.equal(consul.waiting, 0);
  });

  it("are deleted, on a condition only where Consul knows it", async () => {
    const deleted = deleteConfigEntry(http, "service-router", "greeter");
    const asked = await consul.next();
    assert.equal(`${asked.method} ${asked.path}`, "DELETE /v1/config/service-router/greeter");
    asked.reply(200, "{}\n");
    assert.equal(await deleted, true);

    const old = deleteConfigEntry(http, "service-router", "greeter", { expected: 7 });
    await atVersion("1.10.12");
    await assert.rejects(old, failsWith("UNIMPLEMENTED", /conditional deletion of config entries came with 1.11.0/));

    const lost = http.exchange({ method: "GET", path: "/x" });
    (await consul.next()).breakOff();
    await lost;
    const beaten = deleteConfigEntry(http, "service-router", "greeter", { expected: 7 });
    await atVersion("1.11.0");
    const conditional = await consul.next();
    assert.equal(conditional.query.get("cas"), "7");
    conditional.reply(200, "false");
    assert.equal(await beaten, false);
  });
});
