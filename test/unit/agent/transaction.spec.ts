import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { AgentState } from "../../../agent/src/agent-state.ts";
import type { Operation } from "../../../agent/src/state/operation.ts";
import { keyValueTopic } from "../../../agent/src/state/key-value.ts";
import { type Outcome, transact } from "../../../agent/src/state/transaction.ts";
import { agentState, service } from "./fixtures.ts";

function kv(verb: string, key: string, more: { value?: string; index?: number; session?: string } = {}): Operation {
  const { value = "", index = 0, session = "" } = more;
  return { kind: "KV", verb, draft: { key, value: Buffer.from(value), flags: 0n }, index: BigInt(index), session };
}

function reasons(outcome: Outcome): [position: number, why: string][] {
  assert.ok("failures" in outcome, "the transaction was to fail");
  return outcome.failures.map(({ position, why }) => [position, why]);
}

function contents({ keyValue }: AgentState): [key: string, value: string][] {
  return keyValue.list("").entries.map(({ key, value }) => [key, value.toString()]);
}

describe("a transaction", () => {
  it("writes everything under one index and wakes a watcher once", () => {
    const state = agentState();
    let woken = 0;
    state.journal.watch(keyValueTopic, () => (woken += 1));
    const outcome = transact(state, [
      kv("set", "a", { value: "1" }),
      kv("cas", "b", { value: "2" }),
      { kind: "Service", verb: "set", node: "laptop", service: service("shop"), index: 0n },
    ]);
    assert.ok("results" in outcome);
    const indexes = [state.keyValue.get("a").index, state.keyValue.get("b").index, state.catalog.serviceIndex("shop")];
    assert.deepEqual(indexes, Array<number>(3).fill(state.journal.index));
    assert.equal(woken, 1);
  });

  it("reads what it wrote before, and shows values only where they were asked for", () => {
    const outcome = transact(agentState(), [kv("set", "a", { value: "new" }), kv("get", "a")]);
    assert.ok("results" in outcome);
    const seen = outcome.results.map((result) => result.kind === "KV" && [result.value, result.entry.value.toString()]);
    assert.deepEqual(seen, [
      ["left out", "new"],
      ["shown", "new"],
    ]);
  });

  it("tells of everything that is wrong, and changes nothing then", () => {
    const state = agentState();
    transact(state, [kv("set", "a", { value: "old" })]);
    const { index } = state.journal;
    state.journal.watch(keyValueTopic, () => assert.fail("woken"));
    const outcome = transact(state, [
      kv("get", "none"),
      kv("set", "a", { value: "new" }),
      kv("check-index", "a", { index }),
      kv("lock", "a"),
    ]);
    assert.deepEqual(reasons(outcome), [
      [0, `key "none" doesn't exist`],
      [2, `failed index check for key "a", current modify index ${index + 1} != ${index}`],
      [3, "missing session"],
    ]);
    assert.deepEqual(contents(state), [["a", "old"]]);
  });

  it("keeps a lock that its session lost from being taken until the delay is over", () => {
    const state = agentState();
    const draft = { name: "", node: "laptop", behavior: "release", ttl: "", checks: [] };
    const bare = { ...draft, nodeChecks: null, serviceChecks: null };
    const lost = state.sessions.create({ ...bare, lockDelayNs: 1_000_000_000n });
    const next = state.sessions.create({ ...bare, lockDelayNs: 0n });
    transact(state, [kv("lock", "a", { session: lost.id })]);
    state.sessions.destroy(lost.id);
    const take = (): Outcome => transact(state, [kv("lock", "a", { session: next.id })]);
    assert.deepEqual(reasons(take()), [[0, `failed to lock key "a" due to lock delay`]]);
    state.clock.advance(1_000);
    assert.ok("results" in take());
  });

  it("lets a fenced write pass only while the fence stands", () => {
    const state = agentState();
    const draft = { name: "", node: "laptop", behavior: "delete", ttl: "10s", checks: [], lockDelayNs: 0n };
    const { id } = state.sessions.create({ ...draft, nodeChecks: null, serviceChecks: null });
    transact(state, [kv("lock", "leader", { session: id })]);
    const fence = state.keyValue.get("leader").index;
    const write = (value: string): Outcome =>
      transact(state, [kv("check-index", "leader", { index: fence }), kv("set", "data", { value })]);
    assert.ok("results" in write("mine"));
    state.clock.advance(20_000);
    assert.ok("failures" in write("too late"));
    assert.equal(state.keyValue.get("data").entry?.value.toString(), "mine");
  });

  it("is like its operations one by one, or like none of them", () => {
    const key = fc.constantFrom("a", "b", "a/b");
    const verb = fc.constantFrom("set", "cas", "delete", "delete-tree", "get", "check-not-exists", "delete-cas");
    const step = fc.record({ verb, key, value: fc.constantFrom("x", "y") });
    fc.assert(
      fc.property(fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 8 }), (transactions) => {
        const [together, oneByOne] = [agentState(), agentState()];
        for (const steps of transactions) {
          const operations = steps.map(({ verb, key, value }) => kv(verb, key, { value }));
          const before = contents(together);
          const outcome = transact(together, operations);
          if ("failures" in outcome) {
            assert.deepEqual(contents(together), before);
            continue;
          }
          for (const operation of operations) assert.ok("results" in transact(oneByOne, [operation]));
          assert.deepEqual(contents(together), contents(oneByOne));
        }
      }),
    );
  });
});
