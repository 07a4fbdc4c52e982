import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Endpoint } from "../../../sdk/src/balancing/endpoint.ts";
import { inOrder, sameEndpoint, sameView } from "../../../sdk/src/discovery/endpoint-view.ts";

const one: Endpoint = {
  id: "a",
  address: { host: "10.0.0.1", port: 1 },
  weight: 1,
  zone: "z",
  version: "v",
  metadata: { team: "x" },
};
const variations: readonly Partial<Endpoint>[] = [
  { id: "b" },
  { address: { host: "10.0.0.2", port: 1 } },
  { address: { host: "10.0.0.1", port: 2 } },
  { weight: 2 },
  { zone: "y" },
  { zone: undefined },
  { version: "w" },
  { metadata: { team: "y" } },
  { metadata: { crew: "x" } },
  { metadata: { team: "x", more: "" } },
  { metadata: {} },
];

describe("comparing endpoints", () => {
  it("takes equal content for the same, whatever object holds it", () => {
    assert.ok(sameEndpoint(one, { ...one, address: { ...one.address }, metadata: { ...one.metadata } }));
  });

  for (const variation of variations) {
    it(`sees ${JSON.stringify(variation)} ${"zone" in variation && variation.zone === undefined ? "(no zone)" : ""}`, () => {
      const other = { ...one, ...variation };
      assert.ok(!sameEndpoint(one, other));
      assert.ok(!sameEndpoint(other, one));
      assert.ok(!sameView({ endpoints: [one], freshness: "live" }, { endpoints: [other], freshness: "live" }));
    });
  }

  it("orders by id and keeps an id once", () => {
    const b = { ...one, id: "b" };
    const again = { ...one, weight: 9 };
    assert.deepEqual(inOrder([b, one, again]), [again, b]);
  });
});

describe("comparing views", () => {
  it("counts freshness and the text of the error, not its object", () => {
    const stale = { endpoints: [one], freshness: "stale", error: new Error("gone") } as const;
    assert.ok(sameView(stale, { ...stale, error: new Error("gone") }));
    assert.ok(!sameView(stale, { ...stale, error: new Error("refused") }));
    assert.ok(!sameView(stale, { endpoints: [one], freshness: "live" }));
    assert.ok(!sameView(stale, { ...stale, endpoints: [] }));
  });
});
