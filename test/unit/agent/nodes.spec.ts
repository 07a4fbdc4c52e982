import assert from "node:assert/strict";

import { CatalogError, topics } from "../../../agent/src/state/catalog.ts";
import { acquireLock } from "../../../agent/src/state/locks.ts";
import type { CheckContent, NodeDescription } from "../../../agent/src/state/service.ts";
import { agentState, service } from "./fixtures.ts";

const uuid = (digit: string): string => `${digit.repeat(8)}-2222-3333-4444-555555555555`;

function node(name: string, more: Partial<NodeDescription> = {}): NodeDescription {
  return { id: "", name, datacenter: "dc1", address: "10.0.0.1", taggedAddresses: null, meta: null, ...more };
}

function check(id: string, status: string, serviceId = ""): CheckContent {
  return { id, name: id, notes: "", type: "", serviceId, serviceName: "", serviceTags: [], status, output: "" };
}

const shop = service("shop");

describe("a service on several nodes", () => {
  function onTwoNodes() {
    const state = agentState();
    state.catalog.register({ node: node("b"), service: shop, checks: [check("disk", "passing")] });
    state.catalog.register({ node: node("A"), service: shop, checks: [check("beat", "passing", "shop")] });
    return state;
  }

  const places = ({ catalog }: ReturnType<typeof agentState>): string[] =>
    catalog.instances("shop").map((instance) => `${instance.node.name}/${instance.service.id}`);

  it("has one instance on each, by the names of the nodes, even under one ID", () => {
    assert.deepEqual(places(onTwoNodes()), ["A/shop", "b/shop"]);
  });

  it("is as healthy on a node as that node's checks and its own there", () => {
    const { catalog } = onTwoNodes();
    const health = catalog.instances("shop").map((instance) => catalog.checksOf(instance).map(({ id }) => id));
    assert.deepEqual(health, [["beat"], ["disk"]]);
  });

  it("is told of when a check of one of the nodes changes, and not of those of a node without it", () => {
    const state = onTwoNodes();
    let woken = 0;
    state.journal.watch(topics.health("shop"), () => woken++);
    const before = state.catalog.serviceIndex("shop");
    state.catalog.register({ node: node("c"), checks: [check("disk", "critical")] });
    assert.deepEqual([woken, state.catalog.serviceIndex("shop")], [0, before]);
    state.catalog.register({ node: node("B"), keepNode: true, checks: [check("disk", "critical")] });
    assert.equal(woken, 1);
    assert.ok(state.catalog.serviceIndex("shop") > before);
  });

  it("has the new address of a node that moved", () => {
    const state = onTwoNodes();
    let woken = 0;
    state.journal.watch(topics.instances("shop"), () => woken++);
    state.catalog.register({ node: node("b", { address: "10.0.0.2" }) });
    assert.equal(woken, 1);
    const addresses = state.catalog.instances("shop").map((instance) => instance.node.address);
    assert.deepEqual(addresses, ["10.0.0.1", "10.0.0.2"]);
  });

  it("stays on the others when one node goes, with its index told", () => {
    const state = onTwoNodes();
    state.catalog.deregisterNode("B");
    assert.deepEqual(places(state), ["A/shop"]);
    assert.equal(state.catalog.serviceIndex("shop"), state.journal.index);
    assert.equal(state.catalog.check("b", "disk"), undefined);
    state.catalog.deregisterNode("b");
    assert.deepEqual(places(state), ["A/shop"]);
  });

  it("is deregistered on the node that is named, and nowhere else", () => {
    const state = onTwoNodes();
    state.catalog.deregister("a", "shop");
    assert.deepEqual(places(state), ["b/shop"]);
    assert.equal(state.catalog.check("A", "beat"), undefined);
  });
});

describe("a node", () => {
  it("that brings its ID under another name is renamed, and leaves behind what was on it", () => {
    const { catalog } = agentState();
    catalog.register({ node: node("old", { id: uuid("a") }), service: shop });
    catalog.register({ node: node("new", { id: uuid("a") }) });
    assert.equal(catalog.node("old"), undefined);
    assert.equal(catalog.node("new")?.id, uuid("a"));
    assert.deepEqual(catalog.instances("shop"), []);
  });

  it("keeps its name from others while it is healthy, and nothing of theirs is written", () => {
    const { catalog, journal } = agentState();
    catalog.register({ node: node("mine", { id: uuid("a") }), checks: [check("serfHealth", "passing")] });
    const before = journal.index;
    const taken = { node: node("MINE", { id: uuid("b") }), service: shop };
    assert.throws(() => catalog.register(taken), {
      name: "CatalogError",
      message: `failed inserting node: Error while renaming Node ID: "${uuid("b")}": Node name MINE is reserved by node ${uuid("a")} with name mine (10.0.0.1)`,
    });
    assert.deepEqual([journal.index, catalog.instances("shop").length], [before, 0]);
    catalog.register({ node: node("mine", { id: uuid("a") }), checks: [check("serfHealth", "critical")] });
    catalog.register(taken);
    assert.equal(catalog.node("mine")?.id, uuid("b"));
  });

  it("is not made by a check of a service that it does not have", () => {
    const { catalog, journal } = agentState();
    const before = journal.index;
    assert.throws(
      () => catalog.register({ node: node("fresh"), checks: [check("beat", "passing", "absent")] }),
      CatalogError,
    );
    assert.deepEqual([catalog.node("fresh"), journal.index], [undefined, before]);
  });

  it("takes the sessions on it along, and the locks that they held", () => {
    const state = agentState();
    const { catalog, sessions, keyValue, journal } = state;
    catalog.register({ node: node("worker") });
    const { id } = sessions.create({
      name: "",
      node: "worker",
      lockDelayNs: 0n,
      behavior: "release",
      ttl: "",
      checks: [],
      nodeChecks: [],
      serviceChecks: null,
    });
    const job = { key: "job", value: Buffer.alloc(0), flags: 0n };
    assert.ok(journal.write((write) => acquireLock(state, write, job, id)));
    assert.equal(keyValue.get("job").entry?.session, id);
    catalog.deregisterNode("worker");
    assert.deepEqual(sessions.list(), []);
    assert.equal(keyValue.get("job").entry?.session, "");
  });

  it("is counted once, whatever the case of its name", () => {
    const { catalog } = agentState();
    catalog.register({ node: node("Hall") });
    catalog.register({ node: node("hall") });
    assert.deepEqual(
      catalog.nodes().map(({ name }) => name),
      ["hall", "laptop"],
    );
  });
});
