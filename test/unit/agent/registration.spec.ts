import assert from "node:assert/strict";

import * as fc from "fast-check";

import { RequestError } from "../../../agent/src/http/reply.ts";
import { decodeRegistration, type Registration } from "../../../agent/src/json/registration.ts";

function decode(body: unknown): Registration {
  return decodeRegistration(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)));
}

function refusal(body: unknown): string {
  try {
    decode(body);
  } catch (error) {
    if (error instanceof RequestError) return `${error.status} ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("a registration", () => {
  it("needs only a name, which is then its ID", () => {
    const { service, checks } = decode({ Name: "shop" });
    assert.equal(service.id, "shop");
    assert.deepEqual(service.weights, { passing: 1, warning: 1 });
    assert.deepEqual(checks, []);
  });

  it("is read without regard to case, and with underscores where Consul reads them", () => {
    const { service, checks } = decode({
      NAME: "shop",
      enable_tag_override: true,
      check: { ttl: "1m", deregister_critical_service_after: "2m" },
    });
    assert.equal(service.name, "shop");
    assert.ok(service.enableTagOverride);
    assert.deepEqual(checks[0]?.method, { kind: "ttl", ttlMs: 60_000 });
    assert.equal(checks[0]?.deregisterAfterMs, 120_000);
  });

  it("counts a TTL that is a bare number in nanoseconds", () => {
    const { checks } = decode({ Name: "a", Check: { TTL: 5e9 } });
    assert.deepEqual(checks[0]?.method, { kind: "ttl", ttlMs: 5_000 });
  });

  it("refuses a field that it does not know, at every depth, by name", () => {
    const unknown = 'Request decode failed: json: unknown field "Bogus"';
    for (const body of [{ Bogus: 1 }, { Check: { Bogus: 1 } }, { Checks: [{ Bogus: 1 }] }, { Weights: { Bogus: 1 } }]) {
      assert.equal(refusal({ Name: "a", ...body }), `400 ${unknown}`);
    }
  });

  it("never runs scripts, and says so in the words of a Consul that is not told to", () => {
    const why = "to enable, configure 'enable_script_checks' to true";
    assert.equal(
      refusal({ Name: "a", Check: { Args: ["true"], Interval: "1s" } }),
      `500 Scripts are disabled on this agent from remote calls; ${why}`,
    );
  });

  it("is refused when it nests too deep to mean anything", () => {
    const deep = "[".repeat(500_000) + "]".repeat(500_000);
    for (const field of ["Proxy", "Tags", "Check", "Name"]) {
      assert.match(refusal(`{"Name":"a","${field}":${deep}}`), /^400 /, field);
    }
  });

  it("keeps field names that mean something to JavaScript as data", () => {
    const { service } = decode('{"Name":"a","Meta":{"__proto__":"x","constructor":"y"}}');
    assert.deepEqual(Object.entries(service.meta), [
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  it("is decoded or refused with 400, whatever it is", () => {
    const fields = fc.constantFrom(
      "Name",
      "ID",
      "Tags",
      "Meta",
      "Port",
      "Check",
      "Checks",
      "Weights",
      "TTL",
      "Connect",
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ depthSize: "small" }, fc.jsonValue(), fc.constant("1s"), fc.dictionary(fields, tie("tree"))),
    }));
    fc.assert(
      fc.property(
        fc.oneof(
          tree.map((value) => JSON.stringify(value)),
          fc.string(),
        ),
        (body) => {
          assert.match(refusal(body), /^(accepted|400 .+)$/s);
        },
      ),
      { numRuns: 500 },
    );
  });
});
