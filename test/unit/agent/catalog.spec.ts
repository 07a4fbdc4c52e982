import assert from "node:assert/strict";

import { topics } from "../../../agent/src/state/catalog.ts";
import { agentState, service, ttl } from "./fixtures.ts";

/** What a change announces, and which indexes it moves. */
function observe(): ReturnType<typeof agentState> & { readonly woken: (change: () => void) => string[] } {
  const state = agentState();
  const woken = (change: () => void): string[] => {
    const heard = new Set<string>();
    const listened = [
      topics.services,
      topics.nodes,
      ...["shop", "other"].flatMap((name) => [topics.health(name), topics.instances(name), topics.checks(name)]),
      ...["any", "passing", "warning", "critical"].map((status) => topics.state(status)),
    ];
    const cancels = listened.map((topic) => state.journal.watch(topic, () => heard.add(topic)));
    change();
    for (const cancel of cancels) cancel();
    return [...heard].sort();
  };
  return { ...state, woken };
}

describe("the catalog's indexes", () => {
  it("wake everything about a new service and nothing else", () => {
    const { registry, woken } = observe();
    const heard = woken(() => registry.register(service("shop"), [ttl(1_000)], "keep"));
    assert.deepEqual(heard, ["checks shop", "health shop", "instances shop", "services", "state any", "state passing"]);
  });

  it("stand still when the same is registered again", () => {
    const { registry, catalog, journal, woken } = observe();
    registry.register(service("shop"), [ttl(1_000)], "keep");
    const before = [journal.index, catalog.serviceIndex("shop"), catalog.checksIndex];
    assert.deepEqual(
      woken(() => registry.register(service("shop"), [ttl(1_000)], "replace")),
      [],
    );
    assert.deepEqual([journal.index, catalog.serviceIndex("shop"), catalog.checksIndex], before);
  });

  it("move a service's health, not its list of instances, with the status of a check", () => {
    const { registry, catalog, woken } = observe();
    registry.register(service("shop"), [ttl(1_000)], "keep");
    const { servicesIndex } = catalog;
    const before = catalog.serviceIndex("shop");
    const heard = woken(() => registry.heartbeat("service:shop", "warning", ""));
    assert.deepEqual(heard, ["checks shop", "health shop", "state any", "state passing", "state warning"]);
    assert.equal(catalog.serviceIndex("shop"), before + 1);
    assert.equal(catalog.servicesIndex, servicesIndex);
  });

  it("stand still when only a check's output changes, which is published with the next status", () => {
    const { registry, catalog, journal, woken } = observe();
    registry.register(service("shop"), [ttl(1_000)], "keep");
    const before = journal.index;
    assert.deepEqual(
      woken(() => registry.heartbeat("service:shop", "passing", "beat 1")),
      [],
    );
    assert.equal(journal.index, before);
    assert.equal(registry.check("service:shop")?.output, "beat 1");
    assert.equal(catalog.check("laptop", "service:shop")?.output, "");
    registry.heartbeat("service:shop", "warning", "beat 2");
    assert.equal(catalog.check("laptop", "service:shop")?.output, "beat 2");
  });

  it("of another service do not move", () => {
    const { registry, catalog } = observe();
    registry.register(service("shop"), [], "keep");
    const before = catalog.serviceIndex("shop");
    registry.register(service("other"), [ttl(1_000)], "keep");
    registry.deregister("other");
    assert.equal(catalog.serviceIndex("shop"), before);
  });

  it("of a service that vanished are those of the last service to vanish", () => {
    const { registry, catalog, journal, woken } = observe();
    registry.register(service("shop"), [ttl(1_000)], "keep");
    assert.deepEqual(
      woken(() => registry.deregister("shop")),
      ["checks shop", "health shop", "instances shop", "services", "state any", "state passing"],
    );
    assert.equal(catalog.serviceIndex("shop"), journal.index);
    registry.register(service("other"), [], "keep");
    assert.ok(catalog.serviceIndex("shop") < journal.index, "a registration does not move what is missing");
    registry.deregister("other");
    assert.equal(catalog.serviceIndex("shop"), journal.index);
  });

  it("of a service stay when one of its two instances leaves", () => {
    const { registry, catalog, journal } = observe();
    registry.register(service("shop", { id: "a" }), [], "keep");
    registry.register(service("shop", { id: "b" }), [], "keep");
    registry.deregister("a");
    assert.equal(catalog.serviceIndex("shop"), journal.index);
    assert.deepEqual(
      catalog.instances("SHOP").map((instance) => instance.service.id),
      ["b"],
    );
  });

  it("of both names move when an instance is renamed", () => {
    const { registry, catalog, journal } = observe();
    registry.register(service("shop", { id: "x" }), [ttl(1_000)], "keep");
    registry.register(service("other", { id: "x" }), [ttl(1_000)], "keep");
    assert.deepEqual(catalog.instances("shop"), []);
    assert.equal(catalog.serviceIndex("shop"), journal.index);
    assert.equal(catalog.serviceIndex("other"), journal.index);
    assert.equal(catalog.check("laptop", "service:x")?.serviceName, "other");
  });

  it("take one number for a service and all its checks", () => {
    const { registry, catalog, journal } = observe();
    const before = journal.index;
    registry.register(service("shop"), [ttl(1_000), ttl(2_000)], "keep");
    assert.equal(journal.index, before + 1);
    const numbers = catalog
      .checksOn("laptop")
      .filter(({ serviceId }) => serviceId === "shop")
      .map(({ modifyIndex }) => modifyIndex);
    assert.deepEqual(numbers, [journal.index, journal.index]);
  });
});

describe("the agent's own service", () => {
  it("is in the catalog and cannot be deregistered or put into maintenance", () => {
    const { registry, catalog } = observe();
    registry.deregister("consul");
    assert.equal(catalog.instances("consul").length, 1);
    assert.equal(registry.service("consul"), undefined);
  });
});
