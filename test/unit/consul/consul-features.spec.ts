import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { consulFeatures, requireFeature } from "../../../sdk/src/consul/consul-features.ts";
import type { ConsulHttp } from "../../../sdk/src/consul/consul-http.ts";
import { isAtLeast, parseVersion } from "../../../sdk/src/consul/consul-version.ts";
import { agentSelfOf, consulForEach, type ScriptedConsul } from "./scripted-consul.ts";

describe("a version of Consul", () => {
  for (const [text, numbers] of [
    ["1.8.7", [1, 8, 7]],
    ["1.17.0+ent", [1, 17, 0]],
    ["1.22.0-dev", [1, 22, 0]],
    ["2.0.4-rc1+ent.fips1402", [2, 0, 4]],
    ["v1.9.0", [1, 9, 0]],
  ] as const) {
    it(`is read from ${text}`, () => {
      const version = parseVersion(text);
      assert.deepEqual([version?.major, version?.minor, version?.patch], numbers);
    });
  }

  it("is not read from anything else", () => {
    for (const text of ["", "1.8", "one", "1.8.7.6", "Consul 1.8.7"]) assert.equal(parseVersion(text), undefined);
  });

  it("is compared by numbers", () => {
    const at = (text: string, since: string) => isAtLeast(parseVersion(text)!, since);
    assert.deepEqual(
      [
        at("1.8.7", "1.9.0"),
        at("1.10.0", "1.9.0"),
        at("2.0.0", "1.22.3"),
        at("1.15.1", "1.15.1"),
        at("1.15.0", "1.15.1"),
      ],
      [false, true, true, true, false],
    );
  });
});

describe("what a Consul can do", () => {
  let consul: ScriptedConsul;
  let http: ConsulHttp;

  consulForEach((made) => ({ consul, http } = made));

  it("is asked for once", async () => {
    const first = consulFeatures(http);
    (await consul.next()).reply(200, agentSelfOf("1.9.0"));
    assert.equal((await first).has("intentions by name"), true);
    assert.equal((await consulFeatures(http)).has("conditional deletion of config entries"), false);
    assert.equal(consul.waiting, 0);
  });

  it("is asked for again after an answer that did not come, for another may be back", async () => {
    const before = consulFeatures(http);
    (await consul.next()).reply(200, agentSelfOf("1.11.0"));
    await before;
    const lost = http.exchange({ method: "GET", path: "/status/leader" });
    (await consul.next()).breakOff();
    await lost;
    const after = consulFeatures(http);
    (await consul.next()).reply(200, agentSelfOf("1.8.7"));
    assert.equal((await after).version.text, "1.8.7");
    assert.equal((await consulFeatures(http)).version.text, "1.8.7");
    assert.equal(consul.waiting, 0);
  });

  it("is taken for the least while the token may not know, and asked for again", async () => {
    const denied = consulFeatures(http);
    (await consul.next()).reply(403, "Permission denied");
    const least = await denied;
    assert.equal(least.source, "assumed");
    assert.equal(least.has("intentions by name"), false);
    const allowed = requireFeature(http, "intentions by name");
    (await consul.next()).reply(200, agentSelfOf("1.20.1"));
    await allowed;
  });

  for (const [status, body, reason] of [
    [200, agentSelfOf("1.8.7"), "is 1.8.7, but intentions by name came with 1.9.0: upgrade it or do without"],
    [
      403,
      "",
      "does not tell its version, and intentions by name came with 1.9.0: give the token agent:read or do without",
    ],
  ] as const) {
    it(`is refused when missing (${status}), with what it would take`, async () => {
      const required = requireFeature(http, "intentions by name");
      (await consul.next()).reply(status, body);
      await assert.rejects(required, (error) => {
        assert.ok(error instanceof MeshError);
        assert.equal(error.code, "UNIMPLEMENTED");
        assert.equal(error.reason, `consul at ${consul.url} ${reason}`);
        return true;
      });
    });
  }

  it("is not guessed from an answer that is wrong", async () => {
    for (const [status, body, code] of [
      [200, agentSelfOf("newest"), "INTERNAL"],
      [200, "{}", "INTERNAL"],
      [500, "No cluster leader", "UNAVAILABLE"],
    ] as const) {
      const asked = consulFeatures(http);
      (await consul.next()).reply(status, body);
      await assert.rejects(asked, (error) => error instanceof MeshError && error.code === code, body);
    }
  });
});
