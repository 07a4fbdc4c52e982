import assert from "node:assert/strict";
import { readListing } from "../../../services/demo/src/listing.ts";

describe("what the registry lists", () => {
  const service = (id: string, changes: object = {}): object => ({
    ID: id,
    Address: "127.0.0.1",
    Port: 4000,
    Meta: { admin: "127.0.0.1:4001" },
    ...changes,
  });
  const entry = (Service: object, ...statuses: string[]): object => ({
    Node: { Address: "10.0.0.1" },
    Service,
    Checks: statuses.map((Status) => ({ Status })),
  });

  it("is in the order of ids, and passes when every check does", () => {
    const entries = [entry(service("b"), "passing", "critical"), entry(service("a"), "passing", "passing")];
    assert.deepEqual(readListing(JSON.stringify(entries)), [
      { id: "a", address: "127.0.0.1:4000", passing: true, admin: "127.0.0.1:4001" },
      { id: "b", address: "127.0.0.1:4000", passing: false, admin: "127.0.0.1:4001" },
    ]);
  });

  it("has the node's address where the service has none, and no admin port without metadata", () => {
    const [listed] = readListing(JSON.stringify([entry(service("a", { Address: "", Meta: null }), "passing")]));
    assert.deepEqual(listed, { id: "a", address: "10.0.0.1:4000", passing: true, admin: undefined });
  });

  it("is refused when it is none", () => {
    assert.throws(() => readListing("rpc error"), SyntaxError);
    assert.throws(() => readListing('[{"Service":null}]'), TypeError);
  });
});
