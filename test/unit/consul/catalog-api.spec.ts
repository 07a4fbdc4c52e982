import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { catalogServices, healthService, readHealth } from "../../../sdk/src/consul/catalog-api.ts";
import { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { checkOf, healthEntry, ScriptedConsul } from "./scripted-consul.ts";

describe("what Consul tells of services", () => {
  let consul: ScriptedConsul;
  let http: ConsulHttp;

  before(async () => {
    consul = await ScriptedConsul.start();
    http = new ConsulHttp({ url: consul.url }, new VirtualClock());
  });

  after(async () => {
    http.close();
    await consul.close();
  });

  const read = (...entries: object[]) => readHealth(http, JSON.stringify(entries)).endpoints;

  it("becomes endpoints: weight, zone, version and the rest of the metadata", () => {
    const Meta = { zone: "a", version: "1.2", team: "x" };
    assert.deepEqual(read(healthEntry("g-1", { Meta, Weights: { Passing: 3, Warning: 1 } })), [
      {
        id: "g-1",
        address: { host: "127.0.0.1", port: 50_051 },
        weight: 3,
        zone: "a",
        version: "1.2",
        metadata: { team: "x" },
      },
    ]);
  });

  it("does without what Consul leaves out", () => {
    assert.deepEqual(read(healthEntry("g-1", { Meta: null, Weights: null })), [
      { id: "g-1", address: { host: "127.0.0.1", port: 50_051 }, weight: 1, metadata: {} },
    ]);
  });

  it("takes the node's address for a service without one, and IPv6 with or without brackets", () => {
    const hosts = read(
      healthEntry("a", { Address: "" }),
      healthEntry("b", { Address: "::1" }),
      healthEntry("c", { Address: "[::1]" }),
    ).map(({ address }) => address.host);
    assert.deepEqual(hosts, ["10.0.0.1", "::1", "::1"]);
  });

  it("leaves out what has no port, orders by id and tells equal ids on two nodes apart", () => {
    const ids = read(
      healthEntry("z"),
      healthEntry("same", {}, { Node: "n2" }),
      healthEntry("same", {}, { Node: "n1" }),
      healthEntry("portless", { Port: 0 }),
    ).map(({ id }) => id);
    assert.deepEqual(ids, ["same@n1", "same@n2", "z"]);
  });

  it("tells the well from the silent, and how many there are with the ill", () => {
    const unheard = checkOf("critical", "TTL expired (last output before timeout follows): fine");
    const entries = [
      { ...healthEntry("well"), Checks: [checkOf("passing", "TTL expired")] },
      { ...healthEntry("silent"), Checks: [checkOf("passing"), unheard] },
      { ...healthEntry("warned"), Checks: [checkOf("warning")] },
      { ...healthEntry("ill"), Checks: [unheard, checkOf("critical", "disk full")] },
    ];
    const { endpoints, silent, registered } = readHealth(http, JSON.stringify(entries));
    assert.deepEqual([endpoints.map(({ id }) => id), [...silent], registered], [["well"], ["silent"], 4]);
  });

  it("is refused when it is something else, with what was wrong", () => {
    for (const [text, why] of [
      ["<html>", "is not JSON"],
      ["null", "expected array"],
      ['[{"Node":{"Node":"n","Address":"a"}}]', "0.Service"],
      [JSON.stringify([healthEntry("a", { Port: 70_000 })]), "0.Service.Port"],
    ] as const) {
      assert.throws(
        () => readHealth(http, text),
        (error) => error instanceof MeshError && error.code === "INTERNAL" && error.reason.includes(why),
        text,
      );
    }
  });

  it("lists an instance list once", async () => {
    const listed = healthService(http, "greeter");
    const asked = await consul.next();
    assert.equal(`${asked.path}?${asked.query.toString()}`, "/v1/health/service/greeter?passing=1");
    asked.answer([healthEntry("g-1")], 3);
    assert.equal((await listed)[0]?.id, "g-1");
  });

  it("lists services with their tags", async () => {
    const listed = catalogServices(http);
    (await consul.next()).answer({ consul: [], greeter: ["v1"], bare: null }, 3);
    assert.deepEqual(
      [...(await listed)],
      [
        ["consul", []],
        ["greeter", ["v1"]],
        ["bare", []],
      ],
    );
  });

  it("turns a refusal into an error with Consul's words and the way out", async () => {
    const listed = catalogServices(http);
    (await consul.next()).reply(403, "Permission denied\n");
    await assert.rejects(listed, (error) => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, "PERMISSION_DENIED");
      assert.equal(
        error.reason,
        `consul at ${consul.url} refused to list services (403: Permission denied); set CONSUL_HTTP_TOKEN to a token that may`,
      );
      return true;
    });
  });
});
