/**
 * Random lives of processes over one store: they acquire and release, are cut off and come back, are stopped and suspended, and
 * somebody ends the session of a lock's holder, who may not hear of it. At
 * no moment does more than the limit of them take itself for a holder, and a store that heeds tokens takes no write of one
 * who holds no more.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { describe, it } from "mocha";
import type { Coordination } from "../../../sdk/src/coordination/coordination.ts";
import type { Held } from "../../../sdk/src/coordination/hold.ts";
import type { HeldLock } from "../../../sdk/src/coordination/lock.ts";
import { CoordinationLab } from "./lab.ts";
import type { MemoryStore } from "./memory-store.ts";

const PROCESSES = 4;
const RUNS = 150;

const who = fc.nat(PROCESSES - 1);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("acquire" as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("release" as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("away", "silent", "deaf", "back"), who }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("stop", "suspend"), who, ms: fc.integer({ min: 100, max: 40_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 12_000 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Lives through the steps; check is called after every moment with what the processes take themselves to hold. */
async function live<H extends Held>(
  steps: readonly Step[],
  acquire: (coordination: Coordination, signal: AbortSignal) => Promise<H>,
  check: (held: readonly H[]) => void,
  end: (store: MemoryStore) => void,
): Promise<number> {
  const lab = new CoordinationLab();
  const lives = Array.from({ length: PROCESSES }, (_, at) => ({
    process: lab.process(`p${at}`),
    held: undefined as H | undefined,
    waits: false,
    frozen: false,
  }));
  const stop = new AbortController();
  let acquired = 0;
  const look = (): void => check(lives.flatMap(({ held, frozen }) => (!frozen && held?.held === true ? [held] : [])));
  const begin = (life: (typeof lives)[number]): void => {
    if (life.frozen || life.waits || life.held?.held === true) return;
    life.waits = true;
    acquire(life.process.coordination, stop.signal)
      .then((held) => {
        life.held = held;
        acquired++;
      })
      .catch((error: unknown) => assert.ok(stop.signal.aborted, String(error)))
      .finally(() => (life.waits = false));
  };
  const freeze = (life: (typeof lives)[number], ms: number, monotonic: "goes on" | "stands still"): void => {
    if (life.frozen) return;
    const { client, clock } = life.process;
    life.frozen = client.frozen = true;
    clock.freeze();
    lab.time.setTimer(() => {
      life.frozen = false;
      // Asked before anything that was due has run.
      clock.thaw(monotonic === "goes on" ? 0 : ms, look);
      client.thaw();
    }, ms);
  };
  for (const one of steps) {
    const life = "who" in one ? lives[one.who] : undefined;
    if (one.kind === "acquire") begin(life!);
    else if (one.kind === "release") void (life!.frozen || life!.held?.release());
    else if (one.kind === "stop") freeze(life!, one.ms, "goes on");
    else if (one.kind === "suspend") freeze(life!, one.ms, "stands still");
    else if (one.kind === "back") life!.process.client.comeBack();
    else if (one.kind === "end") end(lab.store);
    else if (one.kind !== "pass") life!.process.client.reach = one.kind;
    for (let left = one.kind === "pass" ? one.ms : 0; left >= 0; left -= 200) {
      await lab.pass(Math.min(200, left));
      look();
    }
  }
  await lab.pass(40_000);
  stop.abort();
  for (const { process } of lives) process.client.comeBack();
  const closing = Promise.all(lives.map(({ process }) => process.coordination.close()));
  await lab.pass(60_000);
  await closing;
  assert.deepEqual([lab.store.sessions.size, lab.store.looking.size, lab.time.pending], [0, 0, 0]);
  return acquired;
}

describe("random lives", () => {
  it("have one holder of a lock at most, who has the greatest token", async function () {
    this.timeout(60_000);
    let acquired = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        let greatest = 0;
        acquired += await live(
          steps,
          (coordination, signal) => coordination.lock("it", {}).acquire({ signal }),
          (held: readonly HeldLock[]) => {
            assert.ok(held.length <= 1, `${held.length} hold it`);
            for (const { token } of held) {
              assert.ok(token >= greatest, `${token} after ${greatest}`);
              greatest = token;
            }
          },
          (store) => store.end(store.keys.get("meshwork/lock/it")?.session ?? ""),
        );
      }),
      { numRuns: RUNS },
    );
    assert.ok(acquired > RUNS, `only ${acquired} acquisitions in ${RUNS} lives`);
  });

  it("have no more holders of a semaphore than its limit", async function () {
    this.timeout(60_000);
    let most = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await live(
          steps,
          (coordination, signal) => coordination.semaphore("it", { limit: 2, lockDelayMs: 0 }).acquire({ signal }),
          (held) => {
            most = Math.max(most, held.length);
            assert.ok(held.length <= 2, `${held.length} hold it`);
          },
          // A slot has no lock delay, so whoever ends its session takes it from under its holder.
          () => {},
        );
      }),
      { numRuns: RUNS },
    );
    assert.equal(most, 2);
  });
});
