import assert from "node:assert/strict";
import type { Draft, Entry } from "../../../agent/src/state/key-value.ts";
import { acquireLock, releaseLock } from "../../../agent/src/state/locks.ts";
import type { Session, SessionDraft } from "../../../agent/src/state/sessions.ts";
import { agentState, service, ttl } from "./fixtures.ts";

const secondMs = 1_000;

/** An agent with what a test of locks asks of it. */
function open() {
  const state = agentState();
  const { sessions, keyValue, journal, clock } = state;
  const draft = (key: string): Draft => ({ key, value: Buffer.from(key), flags: 0n });
  return {
    ...state,
    /** A session of this node that rests on nothing but the node. */
    session: (more: Partial<SessionDraft> = {}): Session => {
      const bare = { name: "", node: "laptop", lockDelayNs: 0n, behavior: "release", ttl: "", checks: [] };
      return sessions.create({ ...bare, nodeChecks: null, serviceChecks: null, ...more });
    },
    lock: (key: string, session: Session): boolean =>
      journal.write((write) => acquireLock(state, write, draft(key), session.id)),
    unlock: (key: string, session: Session): boolean =>
      journal.write((write) => releaseLock(state, write, draft(key), session.id)),
    entry: (key: string): Entry => {
      const { entry } = keyValue.get(key);
      assert.ok(entry !== undefined, `no key ${key}`);
      return entry;
    },
    lives: ({ id }: Session): boolean => sessions.get(id) !== undefined,
    seconds: (count: number): void => clock.advance(count * secondMs),
  };
}

describe("a session with a TTL", () => {
  it("ends after twice its TTL and not before", () => {
    const { session, lives, seconds, clock } = open();
    const one = session({ ttl: "10s" });
    clock.advance(20 * secondMs - 1);
    assert.ok(lives(one));
    clock.advance(1);
    assert.ok(!lives(one));
    seconds(3_600);
  });

  it("lives on as long as it is renewed", () => {
    const { session, sessions, lives, seconds } = open();
    const one = session({ ttl: "15s" });
    for (let renewal = 0; renewal < 10; renewal++) {
      seconds(29);
      assert.equal(sessions.renew(one.id)?.id, one.id);
    }
    seconds(30);
    assert.ok(!lives(one));
    assert.equal(sessions.renew(one.id), undefined);
  });

  it("frees what it holds when it ends, under one index", () => {
    const { session, lock, entry, seconds, keyValue, sessions } = open();
    const one = session({ ttl: "10s" });
    for (const key of ["a", "b"]) assert.ok(lock(key, one));
    seconds(20);
    assert.deepEqual([entry("a").session, entry("b").session], ["", ""]);
    assert.equal(entry("a").modifyIndex, sessions.index);
    assert.equal(entry("b").modifyIndex, keyValue.list("").index);
  });

  it("leaves no timer behind, however it ends", () => {
    const { session, sessions, catalog, registry, clock } = open();
    registry.close();
    assert.equal(clock.pending, 0);
    sessions.destroy(session({ ttl: "10s" }).id);
    assert.equal(clock.pending, 0);
    session({ ttl: "10s" });
    catalog.deregisterNode("laptop");
    assert.equal(clock.pending, 0);
  });

  it("stops ticking when the agent is closed", () => {
    const { session, sessions, registry, clock } = open();
    registry.close();
    session({ ttl: "10s" });
    sessions.close();
    assert.equal(clock.pending, 0);
  });
});

describe("a session without a TTL", () => {
  it("never ends by itself", () => {
    const { session, lives, seconds } = open();
    const all = ["", "0", "0s"].map((ttl) => session({ ttl }));
    seconds(100 * 24 * 3_600);
    assert.ok(all.every(lives));
  });
});

describe("what a session rests on", () => {
  it("ends it when a check turns critical, and not when it warns", () => {
    const { session, registry, lives } = open();
    registry.register(service("shop"), [ttl(3_600_000)], "keep");
    const one = session({ checks: ["SERVICE:shop".toLowerCase()] });
    registry.heartbeat("service:shop", "warning", "");
    assert.ok(lives(one));
    registry.heartbeat("service:shop", "critical", "");
    assert.ok(!lives(one));
  });

  it("ends it when the heartbeat of its check fails to come", () => {
    const { session, registry, lives, seconds } = open();
    registry.register(service("shop"), [ttl(5 * secondMs)], "keep");
    const one = session({ nodeChecks: ["service:shop"] });
    const other = session();
    seconds(6);
    assert.deepEqual([lives(one), lives(other)], [false, true]);
  });

  it("ends it when its service, and its check with it, is deregistered", () => {
    const { session, registry, lives } = open();
    registry.register(service("shop"), [ttl(3_600_000)], "keep");
    const one = session({ serviceChecks: [{ id: "service:shop", namespace: "" }] });
    registry.deregister("shop");
    assert.ok(!lives(one));
  });

  it("does not end it when the check is described anew", () => {
    const { session, registry, lives } = open();
    registry.register(service("shop"), [ttl(3_600_000)], "keep");
    const one = session({ checks: ["service:shop"] });
    registry.register(service("shop", { port: 9 }), [ttl(60_000, { notes: "new" })], "replace");
    assert.ok(lives(one));
  });

  it("must be there and not critical from the start", () => {
    const { session, registry } = open();
    registry.register(service("shop"), [ttl(3_600_000, { status: "critical" })], "keep");
    assert.throws(() => session({ checks: ["service:shop"] }), /^SessionError: Check 'service:shop' is in critical/);
    assert.throws(() => session({ checks: ["absent"] }), /^SessionError: Missing check 'absent' registration/);
    assert.throws(() => session({ node: "absent" }), /^SessionError: Missing node registration/);
  });
});

describe("a lock", () => {
  it("is one session's at a time, and counts its owners", () => {
    const { session, lock, unlock, entry } = open();
    const [a, b] = [session(), session()];
    assert.ok(lock("k", a));
    assert.ok(lock("k", a));
    assert.equal(entry("k").lockIndex, 1);
    assert.ok(!lock("k", b));
    assert.ok(!unlock("k", b));
    assert.ok(unlock("k", a));
    assert.ok(lock("k", b));
    assert.equal(entry("k").lockIndex, 2);
    assert.equal(entry("k").session, b.id);
  });

  it("gives every owner a higher modify index than the last, deletions and all", () => {
    const { session, lock, unlock, entry, keyValue, journal } = open();
    const [a, b] = [session(), session()];
    let fence = 0;
    for (let round = 0; round < 6; round++) {
      const owner = round % 2 === 0 ? a : b;
      assert.ok(lock("k", owner));
      assert.ok(entry("k").modifyIndex > fence);
      fence = entry("k").modifyIndex;
      if (round % 3 === 0) journal.write((write) => keyValue.delete(write, "k", undefined));
      else assert.ok(unlock("k", owner));
    }
  });

  it("can be written past, which keeps its owner and forgets its count", () => {
    const { session, lock, entry, keyValue, journal } = open();
    const owner = session();
    lock("k", owner);
    journal.write((write) => keyValue.set(write, { key: "k", value: Buffer.from("new"), flags: 1n }, undefined));
    assert.deepEqual([entry("k").session, entry("k").lockIndex], [owner.id, 0]);
  });

  it("goes with its session where the session says so", () => {
    const { session, sessions, lock, keyValue } = open();
    const owner = session({ behavior: "delete" });
    lock("k", owner);
    sessions.destroy(owner.id);
    assert.equal(keyValue.get("k").entry, undefined);
  });

  it("cannot be taken for a session that is not there", () => {
    const { session, sessions, lock } = open();
    const gone = session();
    sessions.destroy(gone.id);
    assert.throws(() => lock("k", gone), { message: `invalid session "${gone.id}"` });
  });
});

describe("a lock delay", () => {
  const oneSecond = { lockDelayNs: 1_000_000_000n };

  it("keeps a lost lock from everybody until it is over", () => {
    const { session, sessions, lock, clock } = open();
    const [lost, next] = [session(oneSecond), session()];
    lock("k", lost);
    sessions.destroy(lost.id);
    clock.advance(secondMs - 1);
    assert.ok(!lock("k", next));
    clock.advance(1);
    assert.ok(lock("k", next));
  });

  it("does not keep a lock that was given back", () => {
    const { session, sessions, lock, unlock } = open();
    const [leaving, next] = [session(oneSecond), session()];
    lock("k", leaving);
    unlock("k", leaving);
    sessions.destroy(leaving.id);
    assert.ok(lock("k", next));
  });

  it("lasts a minute at most", () => {
    const { session, sessions, lock, seconds } = open();
    const [lost, next] = [session({ lockDelayNs: 7_200_000_000_000n }), session()];
    lock("k", lost);
    sessions.destroy(lost.id);
    seconds(59);
    assert.ok(!lock("k", next));
    seconds(1);
    assert.ok(lock("k", next));
  });
});
