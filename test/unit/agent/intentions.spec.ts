import assert from "node:assert/strict";

import * as fc from "fast-check";

import { type IntentionDraft, wildcard } from "../../../agent/src/connect/intention.ts";
import { parseConnectUri } from "../../../agent/src/connect/spiffe-id.ts";
import { IntentionError } from "../../../agent/src/state/intentions.ts";
import { agentState } from "./fixtures.ts";

const namespace = "default";

function draft(source: string, destination: string, action: "allow" | "deny"): IntentionDraft {
  const opaque = { description: "", sourceType: "consul", defaultAddress: "", defaultPort: 0, meta: {} };
  return { ...opaque, action, source: { namespace, name: source }, destination: { namespace, name: destination } };
}

describe("intentions", () => {
  it("let an exact destination decide before an exact source, and both before a wildcard", () => {
    const name = fc.constantFrom("web", "db", wildcard);
    const rule = fc.tuple(name, name, fc.constantFrom("allow" as const, "deny" as const));
    const rules = fc.uniqueArray(rule, { selector: ([source, destination]) => `${source} ${destination}` });
    const service = fc.constantFrom("web", "db", "other");
    const property = fc.property(rules, service, service, (rules, from, to) => {
      const { intentions } = agentState();
      for (const rule of rules) intentions.create(draft(...rule));
      const places = [
        [from, to],
        [wildcard, to],
        [from, wildcard],
        [wildcard, wildcard],
      ];
      const [expected] = places.flatMap(([source, destination]) =>
        rules.filter((rule) => rule[0] === source && rule[1] === destination),
      );
      const decisive = intentions.decisive({ namespace, name: to }, { namespace, name: from });
      assert.equal(decisive?.action, expected?.[2]);
    });
    fc.assert(property);
  });

  it("are one for a pair of services, whatever the case", () => {
    const { intentions } = agentState();
    const { id } = intentions.create(draft("web", "db", "allow"));
    const duplicate = new RegExp(`duplicate intention found: ALLOW default/web => default/db \\(ID: ${id}`);
    assert.throws(() => intentions.create(draft("WEB", "Db", "deny")), duplicate);
    const other = intentions.create(draft("api", "db", "allow"));
    assert.throws(() => intentions.update(other.id, draft("Web", "db", "deny")), duplicate);
    intentions.delete(id);
    assert.equal(intentions.update(other.id, draft("Web", "db", "deny")).source.name, "Web");
  });

  it("remember when they were made and when they changed", () => {
    const { intentions, clock } = agentState();
    const made = intentions.create(draft("web", "db", "allow"));
    clock.advance(1_500);
    const changed = intentions.update(made.id, draft("web", "db", "deny"));
    assert.equal(changed.createdAtMs, made.createdAtMs);
    assert.equal(changed.updatedAtMs, made.createdAtMs + 1_500);
    assert.equal(changed.createIndex, made.createIndex);
    assert.ok(changed.modifyIndex > made.modifyIndex);
  });

  it("that break a rule change nothing and wake nobody", () => {
    const { intentions, journal } = agentState();
    const { index } = journal;
    assert.throws(() => intentions.create(draft("w*", "db", "deny")), IntentionError);
    assert.throws(() => intentions.delete("00000000-0000-0000-0000-000000000000"), /non-existent/);
    assert.equal(journal.index, index);
    assert.deepEqual(intentions.list(), []);
  });
});

describe("URIs of certificates", () => {
  it("name a service, something else of a mesh, or nothing", () => {
    const service = (name: string, namespace = "default") => ({ kind: "service", service: { namespace, name } });
    const prefix = "spiffe://x.consul/ns/default/dc/dc1/svc/";
    assert.deepEqual(parseConnectUri(`${prefix}web`), service("web"));
    assert.deepEqual(parseConnectUri(`${prefix}a%2Fb`), service("a/b"));
    assert.deepEqual(parseConnectUri("spiffe:///ns/team/dc/dc1/svc/web"), service("web", "team"));
    for (const other of ["spiffe://x.consul", "spiffe://x.consul/agent/client/dc/dc1/id/y"]) {
      assert.deepEqual(parseConnectUri(other), { kind: "other" });
    }
    for (const nothing of ["", "web", prefix, `${prefix}web/`, `${prefix}%zz`, "spiffe://x.consul/", "spiffe://x"]) {
      assert.equal(parseConnectUri(nothing), undefined, nothing);
    }
  });
});
