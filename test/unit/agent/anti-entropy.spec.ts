import assert from "node:assert/strict";

import { outputIntervalMs, syncIntervalMs } from "../../../agent/src/state/anti-entropy.ts";
import type { CheckContent } from "../../../agent/src/state/service.ts";
import { agentState, nodeId, service, ttl } from "./fixtures.ts";

/** Chance gives one half. */
const compareAfterMs = syncIntervalMs * 1.5;
const publishAfterMs = outputIntervalMs;
const hourMs = 3_600_000;

function node(id: string) {
  return { id, name: "laptop", datacenter: "dc1", address: "10.0.0.9", taggedAddresses: null, meta: null };
}

/** With one service, `shop`, whose heartbeat is heard of for an hour. */
function withShop() {
  const state = agentState();
  state.registry.register(service("shop", { tags: ["v1"] }), [ttl(hourMs)], "keep");
  return state;
}

describe("what the catalog says of the agent's node", () => {
  it("is put right a minute and a half after somebody deregistered a service", () => {
    const { catalog, clock } = withShop();
    catalog.deregister("laptop", "shop");
    clock.advance(compareAfterMs - 1);
    assert.equal(catalog.instance("laptop", "shop"), undefined);
    clock.advance(1);
    assert.equal(catalog.instance("laptop", "shop")?.service.port, 1);
    assert.equal(catalog.check("laptop", "service:shop")?.status, "passing");
  });

  it("is compared again and again", () => {
    const { catalog, clock } = withShop();
    for (let time = 0; time < 3; time++) {
      catalog.removeCheck("laptop", "service:shop");
      clock.advance(compareAfterMs);
      assert.notEqual(catalog.check("laptop", "service:shop"), undefined);
    }
  });

  it("is the agent's own status, not what somebody wrote over it", () => {
    const { catalog, clock, registry } = withShop();
    const known = registry.check("service:shop") as CheckContent;
    catalog.register({ node: node(nodeId), keepNode: true, checks: [{ ...known, status: "critical" }] });
    assert.equal(catalog.check("laptop", "service:shop")?.status, "critical");
    clock.advance(compareAfterMs);
    assert.equal(catalog.check("laptop", "service:shop")?.status, "passing");
  });

  it("is nothing that the agent does not know", () => {
    const { catalog, clock } = withShop();
    const stray: CheckContent = { ...strayCheck, id: "stray" };
    catalog.register({ node: node(nodeId), keepNode: true, service: service("ghost"), checks: [stray] });
    clock.advance(compareAfterMs);
    assert.deepEqual(
      catalog.instancesOn("laptop").map(({ service: { id } }) => id),
      ["consul", "shop"],
    );
    assert.deepEqual(
      catalog.checksOn("laptop").map(({ id }) => id),
      ["serfHealth", "service:shop"],
    );
  });

  it("comes back as a whole when the node was deregistered, the service consul and its health with it", () => {
    const { catalog, clock } = withShop();
    catalog.deregisterNode("laptop");
    assert.equal(catalog.node("laptop"), undefined);
    clock.advance(compareAfterMs);
    assert.deepEqual(
      catalog.instancesOn("laptop").map(({ service: { id } }) => id),
      ["consul", "shop"],
    );
    assert.equal(catalog.check("laptop", "serfHealth")?.status, "passing");
  });

  it("comes back at once when something is registered after the node was", () => {
    const { catalog, registry } = withShop();
    catalog.deregisterNode("laptop");
    registry.register(service("other"), [], "keep");
    assert.deepEqual(
      catalog.instancesOn("laptop").map(({ service: { id } }) => id),
      ["consul", "other"],
    );
  });

  it("is taken back from another machine of its name that has come in between", () => {
    const { catalog, clock } = withShop();
    catalog.deregisterNode("laptop");
    const healthy = { ...strayCheck, id: "serfHealth", status: "passing" };
    const other = node("99999999-2222-3333-4444-555555555555");
    catalog.register({ node: other, service: service("theirs"), checks: [healthy] });
    clock.advance(compareAfterMs);
    assert.equal(catalog.node("laptop")?.id, nodeId);
    assert.equal(catalog.node("laptop")?.address, "127.0.0.1");
    assert.equal(catalog.instance("laptop", "theirs"), undefined);
  });

  it("wakes nobody when it is right already", () => {
    const { journal, clock } = withShop();
    const before = journal.index;
    clock.advance(10 * compareAfterMs);
    assert.equal(journal.index, before);
  });

  it("is left alone once the agent is closed", () => {
    const { registry, catalog, clock } = withShop();
    registry.heartbeat("service:shop", "passing", "an output that waits");
    registry.close();
    catalog.deregister("laptop", "shop");
    clock.advance(10 * compareAfterMs);
    assert.equal(catalog.instance("laptop", "shop"), undefined);
    assert.equal(clock.pending, 0);
  });
});

describe("tags that somebody else has changed", () => {
  function retagged(enableTagOverride: boolean) {
    const { registry, catalog, clock } = agentState();
    const shop = service("shop", { tags: ["v1"], enableTagOverride });
    registry.register(shop, [], "keep");
    catalog.register({ node: node(nodeId), keepNode: true, service: { ...shop, tags: ["v2"] } });
    clock.advance(compareAfterMs);
    return [registry.service("shop")?.tags, catalog.instance("laptop", "shop")?.service.tags];
  }

  it("are taken over where the owner allows it", () => {
    assert.deepEqual(retagged(true), [["v2"], ["v2"]]);
  });

  it("are put right where the owner does not", () => {
    assert.deepEqual(retagged(false), [["v1"], ["v1"]]);
  });
});

describe("output that changes without the status", () => {
  const shown = ({ catalog }: ReturnType<typeof agentState>): string | undefined =>
    catalog.check("laptop", "service:shop")?.output;

  it("is published once, some minutes later, as it is then", () => {
    const state = withShop();
    state.registry.heartbeat("service:shop", "passing", "first");
    state.clock.advance(publishAfterMs - 1);
    state.registry.heartbeat("service:shop", "passing", "latest");
    assert.equal(shown(state), "");
    const before = state.journal.index;
    state.clock.advance(1);
    assert.equal(shown(state), "latest");
    assert.equal(state.journal.index, before + 1);
    state.clock.advance(publishAfterMs);
    assert.equal(state.journal.index, before + 1);
  });

  it("is published at once with the next status, and the one after it waits as long as any", () => {
    const state = withShop();
    state.registry.heartbeat("service:shop", "passing", "waits");
    state.clock.advance(publishAfterMs - 1);
    state.registry.heartbeat("service:shop", "warning", "hurries");
    assert.equal(shown(state), "hurries");
    state.registry.heartbeat("service:shop", "warning", "waits again");
    state.clock.advance(publishAfterMs - 1);
    assert.equal(shown(state), "hurries");
    state.clock.advance(1);
    assert.equal(shown(state), "waits again");
  });

  it("is forgotten with its check", () => {
    const state = withShop();
    state.registry.heartbeat("service:shop", "passing", "waits");
    state.registry.removeCheck("service:shop");
    state.clock.advance(publishAfterMs);
    assert.equal(shown(state), undefined);
  });
});

const strayCheck = {
  name: "stray",
  notes: "",
  type: "",
  serviceId: "",
  serviceName: "",
  serviceTags: [],
  status: "critical",
  output: "",
};
