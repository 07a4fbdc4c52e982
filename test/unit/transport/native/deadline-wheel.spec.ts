import assert from "node:assert/strict";
import * as fc from "fast-check";
import { VirtualClock } from "../../../../sdk/src/testing/virtual-clock.ts";
import { DeadlineWheel, type Expiring, NO_SLOT } from "../../../../sdk/src/transport/native/deadline-wheel.ts";

/** How late the wheel may be. */
const TICK_MS = 5;

class Entry implements Expiring {
  readonly deadline: number;
  wheelSlot = NO_SLOT;
  wheelBefore: Expiring | undefined = undefined;
  wheelAfter: Expiring | undefined = undefined;
  /** When it expired. */
  expiredAt: number | undefined;
  readonly #clock: VirtualClock;
  readonly #then: () => void;

  constructor(clock: VirtualClock, deadline: number, then: () => void = () => {}) {
    this.#clock = clock;
    this.deadline = deadline;
    this.#then = then;
  }

  expire(): void {
    assert.equal(this.expiredAt, undefined, "it expired twice");
    this.expiredAt = this.#clock.now();
    this.#then();
  }
}

describe("the wheel of deadlines", () => {
  let clock: VirtualClock;
  let wheel: DeadlineWheel;
  beforeEach(() => {
    clock = new VirtualClock();
    wheel = new DeadlineWheel(clock);
  });

  function add(deadline: number, then?: () => void): Entry {
    const entry = new Entry(clock, deadline, then);
    wheel.add(entry);
    return entry;
  }

  it("lets an entry expire at its deadline or at most a tick later", () => {
    clock.advance(3.7);
    const entries = [4, 7.5, 10, 12.3, 19_999, 20_480, 123_456.7].map((deadline) => add(deadline));
    clock.advance(200_000);
    for (const { deadline, expiredAt = -1 } of entries) {
      assert.ok(expiredAt >= deadline && expiredAt <= deadline + TICK_MS, `${deadline} expired at ${expiredAt}`);
    }
    assert.equal(wheel.size, 0);
  });

  it("lets what is late already expire with the next tick", () => {
    clock.advance(1_000);
    const entry = add(10);
    assert.equal(entry.expiredAt, undefined);
    clock.advance(TICK_MS);
    assert.equal(entry.expiredAt, 1_005);
  });

  it("lets nothing expire that was removed", () => {
    const [first, middle, last] = [add(50), add(50), add(50)] as const;
    wheel.remove(middle);
    wheel.remove(middle);
    clock.advance(100);
    assert.deepEqual([first.expiredAt, middle.expiredAt, last.expiredAt], [50, undefined, 50]);
  });

  it("keeps no entry that has no deadline", () => {
    const entry = add(Infinity);
    assert.equal(wheel.size, 0);
    wheel.remove(entry);
    assert.equal(clock.pending, 0);
  });

  it("has one timer, and none once it is empty and that has come", () => {
    for (let at = 1; at <= 100; at++) add(at * 10);
    assert.equal(clock.pending, 1);
    clock.advance(10_000);
    assert.equal(clock.pending, 0);
  });

  it("sets its timer anew for what expires sooner", () => {
    add(10_000);
    const soon = add(20);
    clock.advance(20);
    assert.equal(soon.expiredAt, 20);
  });

  it("expires what comes round the wheel again only in its own turn", () => {
    // 4,096 slots of 5 ms: all three share a slot.
    const turn = 4096 * TICK_MS;
    const entries = [add(50), add(50 + turn), add(50 + 2 * turn)];
    clock.advance(50);
    assert.deepEqual(
      entries.map(({ expiredAt }) => expiredAt),
      [50, undefined, undefined],
    );
    clock.advance(2 * turn);
    assert.deepEqual(
      entries.map(({ expiredAt }) => expiredAt),
      [50, 50 + turn, 50 + 2 * turn],
    );
  });

  it("lets what expires remove and add others", () => {
    const victims: Entry[] = [];
    const born: Entry[] = [];
    const kill = (): void => {
      for (const victim of victims) wheel.remove(victim);
      born.push(add(clock.now() + 30));
    };
    const killers = [add(50, kill), add(50, kill)];
    victims.push(add(50), add(50), add(52), killers[0]!);
    victims.push(add(50, kill));
    clock.advance(1_000);
    // The last that was added is first in its slot: it takes every other out but one.
    const expired = [...killers, ...victims].filter(({ expiredAt }) => expiredAt !== undefined);
    assert.ok(expired.length > 0);
    for (const { expiredAt } of born) assert.notEqual(expiredAt, undefined);
    assert.equal(wheel.size, 0);
  });

  it("makes up for a timer that came late", () => {
    class LateClock extends VirtualClock {
      lateMs = 0;
      override now(): number {
        return super.now() + this.lateMs;
      }
    }
    const late = new LateClock();
    const wheel = new DeadlineWheel(late);
    const entries = [5, 300, 29_000, 61_000].map((deadline) => new Entry(late, deadline));
    for (const entry of entries) wheel.add(entry);
    late.lateMs = 30_000;
    late.advance(5);
    assert.deepEqual(
      entries.map(({ expiredAt }) => expiredAt !== undefined),
      [true, true, true, false],
    );
    late.advance(40_000);
    assert.equal(wheel.size, 0);
  });

  it("does what a list of all deadlines would", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("add" as const), afterMs: fc.double({ min: -50, max: 60_000, noNaN: true }) }),
      fc.record({ do: fc.constant("add" as const), afterMs: fc.double({ min: 0, max: 40, noNaN: true }) }),
      fc.record({ do: fc.constant("remove" as const), which: fc.nat() }),
      fc.record({ do: fc.constant("advance" as const), ms: fc.double({ min: 0, max: 30_000, noNaN: true }) }),
      fc.record({ do: fc.constant("advance" as const), ms: fc.double({ min: 0, max: 12, noNaN: true }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = new VirtualClock();
        const wheel = new DeadlineWheel(clock);
        const all: { entry: Entry; addedAt: number; removed: boolean }[] = [];
        const check = (): void => {
          let waiting = 0;
          for (const { entry, addedAt, removed } of all) {
            const due = Math.max(entry.deadline, addedAt);
            if (entry.expiredAt !== undefined) {
              assert.ok(entry.expiredAt >= entry.deadline, "it expired early");
              assert.ok(entry.expiredAt <= due + TICK_MS + 1e-6, `${due} expired at ${entry.expiredAt}`);
            } else if (!removed) {
              waiting++;
              assert.ok(due + TICK_MS > clock.now() - 1e-6, `${due} has not expired by ${clock.now()}`);
            }
          }
          assert.equal(wheel.size, waiting);
        };
        for (const step of steps) {
          if (step.do === "add") {
            const entry = new Entry(clock, clock.now() + step.afterMs);
            wheel.add(entry);
            all.push({ entry, addedAt: clock.now(), removed: false });
          } else if (step.do === "remove") {
            const one = all[step.which % Math.max(1, all.length)];
            if (one !== undefined) {
              wheel.remove(one.entry);
              one.removed = true;
            }
          } else {
            clock.advance(step.ms);
          }
          check();
        }
        clock.advance(200_000);
        check();
        assert.equal(wheel.size, 0);
      }),
      { numRuns: 300 },
    );
  });
});
