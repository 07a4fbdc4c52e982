import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Journal } from "../../../agent/src/state/journal.ts";
import { agentState, service, ttl } from "./fixtures.ts";

describe("a write", () => {
  it("takes one index, and only when something changes", () => {
    const journal = new Journal();
    const before = journal.index;
    journal.write(() => undefined);
    assert.equal(journal.index, before);
    const seen = journal.write((write) => [write.index(), write.index()]);
    assert.deepEqual(seen, [before + 1, before + 1]);
  });

  it("wakes watchers once, when everything is in place", () => {
    const journal = new Journal();
    const map = new Map<string, number>();
    const found: (number | undefined)[] = [];
    for (const topic of ["a", "b"]) journal.watch(topic, wake);
    function wake(): void {
      found.push(map.get("key"));
    }
    journal.write((write) => {
      write.wake("a").wake("b");
      write.set(map, "key", 1);
    });
    assert.deepEqual(found, [1]);
  });

  it("is taken back when it fails, and nobody hears of it", () => {
    const journal = new Journal();
    const map = new Map([["kept", 1]]);
    journal.watch("topic", () => assert.fail("woken"));
    const failing = (): void =>
      journal.write((write) => {
        write.wake("topic").afterCommit(() => assert.fail("committed"));
        write.set(map, "kept", 2);
        write.set(map, "new", 2);
        write.set(map, "new", 3);
        write.delete(map, "kept");
        throw new Error("no");
      });
    assert.throws(failing, /no/);
    assert.deepEqual([...map], [["kept", 1]]);
  });

  it("leaves the catalog, keys and sessions as they were when it is taken back, whatever it did", () => {
    const name = fc.constantFrom("a", "b", "c");
    const step = fc.record({ kind: fc.constantFrom("node", "service", "check", "key", "drop", "lose", "cut"), name });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.array(step, { maxLength: 12 }), (first, second) => {
        const state = agentState();
        const { journal, catalog, keyValue, sessions } = state;
        const holder = { name: "", node: "laptop", lockDelayNs: 1n, behavior: "release", ttl: "", checks: [] };
        const session = sessions.create({ ...holder, nodeChecks: null, serviceChecks: null });
        const play = (steps: typeof first): void =>
          journal.write((write) => {
            for (const { kind, name } of steps) {
              const node = { id: "", name, datacenter: "dc1", address: "10.0.0.1", taggedAddresses: null, meta: null };
              const content = { id: name, name, notes: "", type: "", serviceId: "", serviceName: "", serviceTags: [] };
              const check = { ...content, status: "critical", output: String(write.index()) };
              const draft = { key: name, value: Buffer.from(kind), flags: 0n };
              if (kind === "node") catalog.registerIn(write, { node: { ...node, address: String(write.index()) } });
              if (kind === "service") catalog.registerIn(write, { node, keepNode: true, service: service(name) });
              if (kind === "check") catalog.registerIn(write, { node, keepNode: true, checks: [check] });
              if (kind === "key") keyValue.acquire(write, draft, session.id);
              if (kind === "drop") catalog.deregisterNodeIn(write, name);
              if (kind === "lose") catalog.deregisterNodeIn(write, "laptop");
              if (kind === "cut") keyValue.deleteUnder(write, name === "a" ? "" : name);
            }
            if (steps === second) throw new Error("no");
          });
        const seen = (): object => ({
          nodes: catalog.nodes(),
          instances: catalog.instances(),
          checks: catalog.checks(),
          indexes: [catalog.nodesIndex, catalog.servicesIndex, catalog.checksIndex, sessions.index],
          services: ["a", "b", "c", "consul"].map((one) => [catalog.serviceIndex(one), catalog.instances(one)]),
          keys: ["", "a", "b", "c"].map((prefix) => keyValue.list(prefix)),
          sessions: sessions.list(),
          delayed: ["a", "b", "c"].map((key) => sessions.lockDelays.isDelayed(key)),
        });
        play(first);
        const before = seen();
        assert.throws(() => play(second), /no/);
        assert.deepEqual(seen(), before);
        state.registry.close();
      }),
    );
  });

  it("keeps a session's timer when its end is taken back", () => {
    const { journal, catalog, registry, sessions, clock } = agentState();
    registry.register(service("shop"), [ttl(3_600_000)], "keep");
    const draft = { name: "", node: "laptop", lockDelayNs: 0n, behavior: "release", ttl: "10s", checks: [] };
    const { id } = sessions.create({ ...draft, nodeChecks: ["service:shop"], serviceChecks: null });
    const failing = (): void =>
      journal.write((write) => {
        catalog.removeCheckIn(write, "laptop", "service:shop");
        throw new Error("no");
      });
    assert.throws(failing, /no/);
    assert.equal(sessions.get(id)?.id, id);
    clock.advance(20_000);
    assert.equal(sessions.get(id), undefined);
  });
});
