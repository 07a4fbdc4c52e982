import assert from "node:assert/strict";

import type { Reply } from "../../../agent/src/http/reply.ts";
import { createAgentRouter } from "../../../agent/src/routes/agent-router.ts";
import { ConfigEntries, configTopics } from "../../../agent/src/state/config-entries.ts";
import { Journal } from "../../../agent/src/state/journal.ts";
import { ChainError } from "../../../agent/src/discovery-chain/chain.ts";
import { decoded, http, resolver, splitter } from "./discovery-chain/fixtures.ts";
import { agentState } from "./fixtures.ts";

function open(): { journal: Journal; entries: ConfigEntries } {
  const journal = new Journal();
  return { journal, entries: new ConfigEntries(journal) };
}

describe("config entries", () => {
  it("are found without regard to case and keep their creation index", () => {
    const { entries } = open();
    entries.put(decoded(http("web")), undefined);
    entries.put(decoded(http("WEB")), undefined);
    const [only, ...others] = entries.list();
    assert.deepEqual(others, []);
    assert.equal(only?.entry.name, "WEB");
    assert.ok(only !== undefined && only.createIndex < only.modifyIndex);
    assert.equal(entries.index, only.modifyIndex);
  });

  it("are written only at the index that a compare-and-set names", () => {
    const { entries } = open();
    assert.equal(entries.put(decoded(http("web")), 5n), false);
    assert.equal(entries.put(decoded(http("web")), 0n), true);
    assert.equal(entries.put(decoded(http("web")), 0n), false);
    assert.equal(entries.put(decoded(http("web")), BigInt(entries.index)), true);
  });

  it("wake those who watch them, their kind, or all", () => {
    const { journal, entries } = open();
    const woken: string[] = [];
    const topics = [
      configTopics.all,
      configTopics.kind("service-defaults"),
      configTopics.kind("service-resolver"),
      configTopics.entry("service-defaults", "web"),
      configTopics.entry("service-defaults", "other"),
    ];
    for (const topic of topics) journal.watch(topic, () => woken.push(topic));
    entries.put(decoded(http("Web")), undefined);
    assert.deepEqual(woken, ["config", "config service-defaults", "config service-defaults web"]);
    entries.delete("service-defaults", "absent");
    assert.equal(woken.length, 3);
  });

  it("stay as they are when a change would break a chain", () => {
    const { entries } = open();
    entries.put(decoded(http("web")), undefined);
    entries.put(decoded(resolver("web", { Subsets: { v1: {} } })), undefined);
    entries.put(decoded(splitter("web", { Weight: 100, ServiceSubset: "v1" })), undefined);
    const before = entries.list();
    assert.throws(() => entries.put(decoded(resolver("web", {})), undefined), ChainError);
    assert.throws(() => entries.delete("service-resolver", "web"), ChainError);
    assert.throws(() => entries.delete("service-defaults", "web"), ChainError);
    assert.deepEqual(entries.list(), before);
  });

  it("end a blocked query for a chain, also one that they broke unnoticed", async () => {
    const state = agentState();
    const route = createAgentRouter(state);
    const { signal } = new AbortController();
    const ask = (method: string, target: string, body: object = {}): Promise<Reply> =>
      route({ method, target, headers: {}, body: Buffer.from(JSON.stringify(body)), signal });
    const blocked = (): Promise<Reply> => ask("GET", `/v1/discovery-chain/up?index=${state.configEntries.index}`);
    const subsets = { DefaultSubset: "v1", Subsets: { v1: {}, v2: {} } };
    const entries = [
      ...["up", "mid", "down"].map(http),
      resolver("mid", { ...subsets, Failover: { v2: { Service: "down" } } }),
      splitter("up", { Weight: 100, Service: "mid", ServiceSubset: "v2" }),
    ];
    for (const entry of entries) assert.equal((await ask("PUT", "/v1/config", entry)).status, 200);

    const before = blocked();
    await ask("PUT", "/v1/config", http("unrelated"));
    assert.equal((await before).status, 200);

    const during = blocked();
    const changed = { Kind: "service-defaults", Name: "down", Protocol: "tcp" };
    assert.equal((await ask("PUT", "/v1/config", changed)).status, 200);
    const { status, body, headers } = await during;
    assert.equal(status, 500);
    assert.match(String(body), /^discovery chain "up" uses inconsistent protocols/);
    assert.equal(headers["X-Consul-Index"], "1");
    assert.equal(state.journal.waiting, 0);
  });

  it("of gateways are refused in words that tell the way", async () => {
    const route = createAgentRouter(agentState());
    const { signal } = new AbortController();
    const body = Buffer.from(JSON.stringify({ Kind: "ingress-gateway", Name: "edge" }));
    const reply = await route({ method: "PUT", target: "/v1/config", headers: {}, body, signal });
    assert.equal(reply.status, 501);
    assert.match(String(reply.body), /ingress-gateway are not supported by the meshwork agent/);
  });
});
