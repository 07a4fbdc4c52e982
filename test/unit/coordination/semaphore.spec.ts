import assert from "node:assert/strict";
import { beforeEach, describe, it } from "mocha";
import { CoordinationLab, hasCode, type Process } from "./lab.ts";

const DOCUMENT = "meshwork/semaphore/reports/.holders";
const LIMIT = 2;

describe("a semaphore", () => {
  let lab: CoordinationLab;
  let ada: Process;
  let bob: Process;
  let eve: Process;

  beforeEach(() => {
    lab = new CoordinationLab();
    [ada, bob, eve] = [lab.process("ada"), lab.process("bob"), lab.process("eve")];
  });

  function semaphoreOf({ coordination }: Process, limit = LIMIT) {
    return coordination.semaphore("reports", { limit });
  }

  function listed(): readonly string[] {
    const { holders } = JSON.parse(Buffer.from(lab.store.keys.get(DOCUMENT)!.value).toString()) as {
      readonly holders: readonly string[];
    };
    return holders;
  }

  it("is held by so many at a time, and a slot that is released is had at once", async () => {
    const first = await semaphoreOf(ada).acquire();
    const second = await semaphoreOf(bob).acquire();
    assert.equal(await semaphoreOf(eve).tryAcquire(), undefined);
    let third = false;
    const had = semaphoreOf(eve)
      .acquire()
      .finally(() => (third = true));
    await lab.pass(60_000);
    assert.deepEqual([first.held, second.held, third], [true, true, false]);
    await first.release();
    const slot = await had;
    assert.deepEqual([first.held, slot.held, listed().length], [false, true, 2]);
    await Promise.all([second.release(), slot.release()]);
    assert.deepEqual(listed(), []);
    assert.deepEqual([lab.store.sessions.size, lab.store.looking.size], [0, 0]);
    assert.equal(lab.store.keys.size, 1);
  });

  it("gives a slot away only when its holder knows by its own clock that it has it no more", async () => {
    const first = await semaphoreOf(ada, 1).acquire();
    let abortedAt = Infinity;
    first.signal.addEventListener("abort", () => (abortedAt = lab.time.now()), { once: true });
    await lab.pass(5_000);
    ada.client.reach = "silent";
    let hadAt = 0;
    const had = semaphoreOf(bob, 1)
      .acquire()
      .finally(() => (hadAt = lab.time.now()));
    await lab.pass(30_000);
    await had;
    assert.ok(abortedAt + 2_000 <= hadAt, `${abortedAt} and ${hadAt}`);
    assert.equal(listed().length, 1);
  });

  it("loses a slot as soon as its session is seen to have ended", async () => {
    const first = await semaphoreOf(ada).acquire();
    await lab.pass(100);
    lab.store.end(listed()[0] ?? "");
    assert.ok(hasCode("ABORTED", /lost its slot/)(first.signal.reason));
  });

  it("is entered by many at once without one too many", async () => {
    const processes = Array.from({ length: 12 }, (_, at) => lab.process(`p${at}`));
    let holding = 0;
    let most = 0;
    const runs = processes.map((process) =>
      semaphoreOf(process, 3).run(async ({ held }) => {
        assert.equal(held, true);
        most = Math.max(most, ++holding);
        await new Promise<void>((resolve) => lab.time.setTimer(resolve, 1_000));
        holding--;
      }),
    );
    await lab.pass(60_000);
    await Promise.all(runs);
    assert.equal(most, 3);
    assert.deepEqual(listed(), []);
  });

  it("has a slot that it got without an answer", async () => {
    const commit = ada.client.commit.bind(ada.client);
    let lost = false;
    ada.client.commit = async (...request) => {
      if (!lost) ada.client.reach = "deaf";
      lost = true;
      return commit(...request);
    };
    const had = semaphoreOf(ada, 1).acquire();
    await lab.pass(4_900);
    ada.client.comeBack();
    await lab.pass(2_000);
    assert.equal((await had).held, true);
    assert.equal(listed().length, 1);
  });

  it("is not held by another limit while somebody holds it", async () => {
    const first = await semaphoreOf(ada, 2).acquire();
    await assert.rejects(semaphoreOf(bob, 3).acquire(), hasCode("FAILED_PRECONDITION", /limit of 2.*asked for with 3/));
    await first.release();
    await lab.pass(0);
    assert.equal((await semaphoreOf(bob, 3).acquire()).held, true);
    assert.deepEqual(lab.store.sessions.size, 1);
  });

  it("says so when its document is none", async () => {
    lab.store.put(DOCUMENT, '{"limit":0}');
    await assert.rejects(semaphoreOf(ada).acquire(), hasCode("FAILED_PRECONDITION", /\.holders holds what is no list/));
    await assert.rejects(semaphoreOf(ada).tryAcquire(), hasCode("FAILED_PRECONDITION"));
  });

  it("is given back when its mesh closes", async () => {
    await semaphoreOf(ada, 1).acquire();
    await ada.coordination.close();
    assert.ok((await semaphoreOf(bob, 1).tryAcquire()) !== undefined);
  });

  it("refuses a limit that cannot be", () => {
    for (const limit of [0, -1, 1.5, 1_001, Number.NaN]) {
      assert.throws(() => semaphoreOf(ada, limit), hasCode("INVALID_ARGUMENT", /limit/));
    }
  });
});
