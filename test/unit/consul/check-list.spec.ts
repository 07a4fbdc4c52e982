import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { changedServices, checkFilter, nodesChanged, readCheckList } from "../../../sdk/src/consul/check-list.ts";

interface CheckFields {
  readonly node?: string;
  readonly id?: string;
  readonly status?: string;
  readonly service?: string;
  readonly created?: number;
}

function check({ node = "n1", id = "c1", status = "passing", service = "greeter", created = 7 }: CheckFields): object {
  return { Node: node, CheckID: id, Status: status, ServiceName: service, CreateIndex: created, ModifyIndex: 9 };
}

const list = (...checks: readonly CheckFields[]) => readCheckList(JSON.stringify(checks.map(check)));

describe("what a list of checks tells of services", () => {
  const before = list(
    { id: "serf", service: "" },
    { id: "serf", service: "", node: "n2" },
    { id: "a" },
    { id: "b", node: "n2" },
    { id: "t", node: "n2", service: "Translator" },
  );
  const changes = (...checks: readonly CheckFields[]) => [...changedServices(before, list(...checks))].sort();
  const same: readonly CheckFields[] = [
    { id: "serf", service: "" },
    { id: "serf", service: "", node: "n2" },
    { id: "a" },
    { id: "b", node: "n2" },
    { id: "t", node: "n2", service: "Translator" },
  ];

  it("names nobody when nothing has changed", () => assert.deepEqual(changes(...same), []));

  for (const [what, changed, names] of [
    ["a check that fails", same.with(2, { id: "a", status: "critical" }), ["greeter"]],
    ["an instance that came", [...same, { id: "c" }], ["greeter"]],
    ["an instance that went", same.toSpliced(2, 1), ["greeter"]],
    ["an instance that was replaced", same.with(2, { id: "a", created: 8 }), ["greeter"]],
    ["a service that came", [...same, { id: "x", service: "x" }], ["x"]],
    ["a service that went, in lower case", same.toSpliced(4, 1), ["translator"]],
    [
      "a node that fails: all on it",
      same.with(1, { id: "serf", service: "", node: "n2", status: "critical" }),
      ["greeter", "translator"],
    ],
    ["a node that went", same.slice(0, 1).concat(same.slice(2, 3)), ["greeter", "translator"]],
  ] as const) {
    it(`names the service of ${what}`, () => assert.deepEqual(changes(...changed), names));
  }

  it("tells whether something happened to a node, on which there may be instances without checks", () => {
    assert.equal(nodesChanged(before, list(...same)), false);
    assert.equal(nodesChanged(before, list(...same.toSpliced(0, 1))), true);
  });

  for (const text of ["", "{}", "[1]", '[{"Node":"n"}]', "<html>"]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => readCheckList(text),
        (error) => error instanceof MeshError && error.code === "INTERNAL",
      );
    });
  }

  it("is asked for by names alone, of which a dot is no wildcard", () => {
    assert.equal(
      checkFilter(["greeter", "shop.v2"]),
      'ServiceName == "" or ServiceName matches "(?i)^(?:greeter|shop[.]v2)$"',
    );
  });

  it("is asked for whole when the names would be too many", () => {
    assert.equal(checkFilter(Array.from({ length: 3_000 }, (_, at) => `service-${at}`)), undefined);
  });
});
