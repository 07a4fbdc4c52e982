import assert from "node:assert/strict";
import { beforeEach, describe, it } from "mocha";
import { runInContext } from "../../../sdk/src/call/call-context.ts";
import { Cancellation } from "../../../sdk/src/call/cancellation.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import type { HeldLock } from "../../../sdk/src/coordination/lock.ts";
import { CoordinationLab, hasCode, type Process } from "./lab.ts";

const KEY = "meshwork/lock/nightly";
const TTL_MS = 10_000;
const MARGIN_MS = 2_000;
const LOCK_DELAY_MS = 10_000;

describe("a lock", () => {
  let lab: CoordinationLab;
  let ada: Process;
  let bob: Process;

  beforeEach(() => {
    lab = new CoordinationLab();
    ada = lab.process("ada");
    bob = lab.process("bob");
  });

  function lockOf({ coordination }: Process) {
    return coordination.lock("nightly", {});
  }

  /** Waits, and tells when it was had. */
  function waiting(process: Process) {
    const seen: { held?: HeldLock; at?: number; error?: unknown } = {};
    const had = lockOf(process)
      .acquire()
      .then((held) => Object.assign(seen, { held, at: lab.time.now() }))
      .catch((error: unknown) => Object.assign(seen, { error }));
    return { seen, had };
  }

  it("has one holder at a time, and a token that grows with every one", async () => {
    const first = await lockOf(ada).acquire();
    const { seen, had } = waiting(bob);
    await lab.pass(60_000);
    assert.equal("held" in seen, false);
    assert.equal(first.held, true);
    await first.release();
    await had;
    assert.ok(seen.held !== undefined && seen.held.token > first.token);
    assert.equal(first.held, false);
    await seen.held.release();
    const third = await lockOf(ada).acquire();
    assert.ok(third.token > seen.held.token);
    await third.release();
    assert.equal(lab.store.sessions.size, 0);
  });

  it("grows its token across a deletion of its key", async () => {
    const first = await lockOf(ada).acquire();
    await first.release();
    lab.store.delete(KEY);
    const second = await lockOf(ada).acquire();
    assert.ok(second.token > first.token);
  });

  it("tells a try that another has it, and by whom it was waited for in vain", async () => {
    await lockOf(ada).acquire();
    assert.equal(await lockOf(bob).tryAcquire(), undefined);
    const late = lockOf(bob).acquire({ timeoutMs: 3_000 });
    const rejected = assert.rejects(late, hasCode("DEADLINE_EXCEEDED", /lock nightly was not had within 3000 ms: ada/));
    await lab.pass(2_999);
    await lab.pass(1);
    await rejected;
    await lab.pass(0);
    assert.equal(lab.store.sessions.size, 1);
    assert.equal(lab.store.looking.size, 1);
  });

  it("counts two who wait in one process as two", async () => {
    const first = await lockOf(ada).acquire();
    assert.equal(await lockOf(ada).tryAcquire(), undefined);
    assert.equal(first.held, true);
  });

  it("is waited for until the signal aborts, and leaves nothing behind", async () => {
    await lockOf(ada).acquire();
    const stop = new AbortController();
    const waits = lockOf(bob).acquire({ signal: stop.signal });
    const rejected = assert.rejects(waits, hasCode("CANCELLED"));
    await lab.pass(1_000);
    stop.abort();
    await rejected;
    await lab.pass(0);
    assert.equal(lab.store.sessions.size, 1);
    assert.equal(lab.store.looking.size, 1);
    await assert.rejects(lockOf(bob).acquire({ signal: stop.signal }), hasCode("CANCELLED"));
  });

  it("is waited for in a handler until the call it serves has ended", async () => {
    await lockOf(ada).acquire();
    const cancellation = new Cancellation();
    const ambient = { deadline: Infinity, cancellation, trace: undefined as never, criticality: "DEFAULT" as never };
    const waits = runInContext({ ...ambient, previousAttempts: 0 }, () => lockOf(bob).acquire());
    const rejected = assert.rejects(waits, hasCode("DEADLINE_EXCEEDED", /lock nightly was cancelled: too late/));
    await lab.pass(1_000);
    cancellation.cancel(new MeshError("DEADLINE_EXCEEDED", "too late"));
    await rejected;
  });

  it("asks for no more than it needs when it is had and released at once", async () => {
    const held = await lockOf(ada).acquire();
    await held.release();
    assert.deepEqual(ada.client.asked, ["open", "lock", "unlock", "end"]);
  });

  it("lets go of what it was given without knowing, when it is not wanted any more", async () => {
    const lock = bob.client.lock.bind(bob.client);
    bob.client.lock = (...request) => {
      bob.client.reach = "deaf";
      return lock(...request);
    };
    const rejected = assert.rejects(lockOf(bob).acquire({ timeoutMs: 1_000 }), hasCode("DEADLINE_EXCEEDED"));
    await lab.pass(999);
    assert.ok(lab.store.keys.get(KEY)?.session !== undefined);
    await lab.pass(1);
    await rejected;
    const session = lab.store.open({ name: "", keys: "release", ttlMs: TTL_MS, lockDelayMs: 0 });
    assert.equal(lab.store.lock(KEY, Buffer.from("x"), session).outcome, "acquired");
  });

  it("is held for hours while renewals succeed, and through those that fail now and then", async () => {
    const held = await lockOf(ada).acquire();
    for (let round = 0; round < 100; round++) {
      ada.client.reach = "away";
      await lab.pass(3_000);
      ada.client.comeBack();
      await lab.pass(60_000);
      assert.equal(held.held, true);
    }
    assert.equal(held.signal.aborted, false);
    assert.ok(held.remainingMs > 0 && held.remainingMs <= TTL_MS - MARGIN_MS);
  });

  for (const reach of ["away", "silent", "deaf"] as const) {
    it(`is given up by the holder's own clock before anybody else can have it (store ${reach})`, async () => {
      const held = await lockOf(ada).acquire();
      let abortedAt = Infinity;
      held.signal.addEventListener("abort", () => (abortedAt = lab.time.now()), { once: true });
      await lab.pass(30_000);
      const { seen, had } = waiting(bob);
      await lab.pass(100);
      ada.client.reach = reach;
      await lab.pass(TTL_MS + LOCK_DELAY_MS + 10_000);
      await had;
      assert.ok(seen.at !== undefined && seen.held !== undefined);
      assert.ok(abortedAt + MARGIN_MS <= seen.at, `${abortedAt} and ${seen.at}`);
      assert.ok(hasCode("ABORTED", /last renewal/)(held.signal.reason), String(held.signal.reason));
      assert.throws(() => held.check(), hasCode("ABORTED"));
      assert.equal(held.remainingMs, 0);
      assert.ok(seen.held.token > held.token);
    });
  }

  it("is known to be lost at once after a pause, before any timer has fired", async () => {
    const held = await lockOf(ada).acquire();
    await lab.pass(1_000);
    ada.clock.skip(TTL_MS);
    assert.equal(held.signal.aborted, false);
    assert.equal(held.held, false);
    assert.equal(held.signal.aborted, true);
  });

  it("is known to be lost after the machine slept, which its monotonic clock does not show", async () => {
    const held = await lockOf(ada).acquire();
    ada.clock.sleep(TTL_MS - MARGIN_MS);
    assert.throws(() => held.check(), hasCode("ABORTED"));
  });

  it("is counted from when a renewal was sent, however late its answer comes", async () => {
    const held = await lockOf(ada).acquire();
    const renew = ada.client.renewSession.bind(ada.client);
    ada.client.renewSession = async (...request) => {
      const answer = await renew(...request);
      await new Promise<void>((resolve) => lab.time.setTimer(resolve, 2_500));
      ada.client.reach = "away";
      return answer;
    };
    // The next renewal is due a third of the lease after the last.
    await lab.pass((TTL_MS - MARGIN_MS) / 3);
    const sentAt = lab.time.now();
    await lab.pass(TTL_MS - MARGIN_MS - 1);
    assert.equal(held.held, true);
    await lab.pass(2);
    assert.equal(held.signal.aborted, true, `sent at ${sentAt}`);
  });

  it("is not brought back by the answer to a renewal that was sent before a pause", async () => {
    const held = await lockOf(ada).acquire();
    const renew = ada.client.renewSession.bind(ada.client);
    ada.client.renewSession = async (...request) => {
      const answer = await renew(...request);
      ada.clock.skip(TTL_MS);
      return answer;
    };
    await lab.pass(4_000);
    assert.equal(held.held, false);
    ada.client.renewSession = renew;
    await lab.pass(10_000);
    assert.equal(held.held, false);
  });

  it("is lost as soon as its session is seen to have ended", async () => {
    const held = await lockOf(ada).acquire();
    const session = lab.store.keys.get(KEY)?.session ?? "";
    await lab.pass(500);
    lab.store.end(session);
    assert.ok(hasCode("ABORTED", /taken from its holder/)(held.signal.reason));
    await held.release();
    assert.equal(ada.lines.filter(({ msg }) => msg === "lock nightly is lost").length, 1);
  });

  it("is lost when the store loses its data, with the token of the next beginning anew", async () => {
    const held = await lockOf(ada).acquire();
    await lab.pass(500);
    lab.store.loseData();
    assert.ok(hasCode("ABORTED", /its key/)(held.signal.reason));
  });

  it("is lost when a renewal finds no session, though the watch hears nothing", async () => {
    const held = await lockOf(ada).acquire();
    await lab.pass(500);
    lab.store.looking.clear();
    lab.store.loseData();
    await lab.pass(3_000);
    assert.ok(hasCode("ABORTED", /lost its session/)(held.signal.reason));
  });

  it("takes no earlier state of its key for a loss", async () => {
    const held = await lockOf(ada).acquire();
    const watch = ada.client.watchKey.bind(ada.client);
    ada.client.watchKey = (key, listener) => {
      listener.changed({ key, value: Buffer.from("old"), index: 1, session: "another" }, "steady");
      return watch(key, listener);
    };
    await held.release();
    const again = await lockOf(ada).acquire();
    assert.equal(again.held, true);
  });

  it("is had only after the lock delay when it was lost, at once when it was released", async () => {
    await lockOf(ada).acquire();
    const { seen, had } = waiting(bob);
    await lab.pass(1_000);
    const endedAt = lab.time.now();
    lab.store.end(lab.store.keys.get(KEY)?.session ?? "");
    await lab.pass(LOCK_DELAY_MS - 1);
    assert.equal(seen.at, undefined);
    await lab.pass(1_000);
    await had;
    assert.ok(seen.at !== undefined && seen.at >= endedAt + LOCK_DELAY_MS);
    await seen.held?.release();
    assert.ok((await lockOf(ada).tryAcquire()) !== undefined);
  });

  it("is waited for longer than a session lives", async () => {
    const first = await lockOf(ada).acquire();
    const { seen, had } = waiting(bob);
    await lab.pass(10 * TTL_MS);
    await first.release();
    await had;
    assert.equal(seen.held?.held, true);
  });

  it("is waited for while the store is away, and no longer when it refuses", async () => {
    bob.client.reach = "away";
    const { seen, had } = waiting(bob);
    await lab.pass(60_000);
    assert.equal("held" in seen, false);
    bob.client.comeBack();
    await lab.pass(2_000);
    await had;
    assert.equal(seen.held?.held, true);
    ada.client.refusal = new MeshError("PERMISSION_DENIED", "no");
    await assert.rejects(lockOf(ada).acquire(), hasCode("PERMISSION_DENIED"));
    ada.client.refusal = undefined;
    ada.client.reach = "away";
    await assert.rejects(lockOf(ada).tryAcquire(), hasCode("UNAVAILABLE"));
  });

  it("is not taken for held when the answer comes after the session may have ended", async () => {
    const lock = ada.client.lock.bind(ada.client);
    let late = true;
    ada.client.lock = async (...request) => {
      const attempt = await lock(...request);
      if (late) ada.clock.skip(TTL_MS);
      late = false;
      return attempt;
    };
    const { seen, had } = waiting(ada);
    await lab.pass(20_000);
    await had;
    assert.equal(seen.held?.held, true);
    assert.equal(lab.store.sessions.size, 1);
  });

  it("is held while work runs, and released however it ends", async () => {
    const lock = lockOf(ada);
    const told = await lock.run((held) => {
      assert.equal(held.held, true);
      return "done";
    });
    assert.equal(told, "done");
    await assert.rejects(
      lock.run(() => {
        throw new Error("broken");
      }),
      /broken/,
    );
    const lost = lock.run(async () => {
      lab.store.end(lab.store.keys.get(KEY)?.session ?? "");
    });
    await assert.rejects(lost, hasCode("ABORTED"));
    await lab.pass(0);
    assert.equal(lab.store.sessions.size, 0);
  });

  it("resolves its release without the store, and says what that costs", async () => {
    const held = await lockOf(ada).acquire();
    ada.client.reach = "silent";
    const released = held.release();
    assert.equal(held.held, false);
    await lab.pass(4_000);
    await released;
    assert.match(ada.lines.at(-1)?.msg ?? "", /others get it when its session ends/);
    await held.release();
  });

  it("is released when its mesh closes, and waiting ends", async () => {
    const held = await lockOf(ada).acquire();
    const { seen, had } = waiting(bob);
    await lab.pass(100);
    await bob.coordination.close();
    await had;
    assert.ok(hasCode("CANCELLED")(seen.error));
    await ada.coordination.close();
    assert.ok(hasCode("CANCELLED")(held.signal.reason));
    assert.equal(lab.store.sessions.size, 0);
    assert.equal(lab.store.looking.size, 0);
    assert.equal(lab.time.pending, 0);
  });

  it("is kept, when its mesh closes, until work has heeded the signal", async () => {
    let end = (): void => {};
    const running = lockOf(ada).run(async (held) => {
      await new Promise<void>((resolve) => (end = resolve));
      assert.equal(held.signal.aborted, true);
      return held.held;
    });
    await lab.pass(100);
    const closing = ada.coordination.close();
    await lab.pass(3_000);
    assert.equal(await lockOf(bob).tryAcquire(), undefined);
    end();
    assert.equal(await running, true);
    await closing;
    assert.ok((await lockOf(bob).tryAcquire()) !== undefined);
  });

  it("refuses names and options that cannot be, all at once", () => {
    for (const name of ["", "/a", "a/", "a//b", "../a", "a/.", "a\nb", "a".repeat(257)]) {
      assert.throws(() => ada.coordination.lock(name, {}), hasCode("INVALID_ARGUMENT"), name);
    }
    assert.throws(
      () => ada.coordination.lock("a", { ttlMs: 5, lockDelayMs: 61_000 }),
      hasCode("INVALID_ARGUMENT", /ttlMs.*lockDelayMs/),
    );
    assert.throws(() => ada.coordination.lock("a", { marginMs: 6_000 }), hasCode("INVALID_ARGUMENT", /marginMs/));
    assert.throws(() => ada.coordination.lock("a", { ttl: 5 } as never), hasCode("INVALID_ARGUMENT", /ttl/));
    assert.equal(ada.coordination.lock("a/b c..", { ttlMs: 86_400_000, lockDelayMs: 0 }).name, "a/b c..");
  });
});
