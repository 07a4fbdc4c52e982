import assert from "node:assert/strict";
import * as fc from "fast-check";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

describe("VirtualClock", () => {
  it("stands still until it is moved", () => {
    const clock = new VirtualClock(1_700_000_000_000);
    assert.equal(clock.now(), 0);
    assert.equal(clock.wallTime(), 1_700_000_000_000);
    clock.advance(12.5);
    assert.equal(clock.now(), 12.5);
    assert.equal(clock.wallTime(), 1_700_000_000_012.5);
  });

  it("fires timers in the order of their time, and those of one time in the order they were set", () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.setTimer(() => fired.push(`c ${clock.now()}`), 30);
    clock.setTimer(() => fired.push(`a ${clock.now()}`), 10);
    clock.setBackgroundTimer(() => fired.push(`b ${clock.now()}`), 10);
    clock.advance(29);
    assert.deepEqual(fired, ["a 10", "b 10"]);
    clock.advance(1);
    assert.deepEqual(fired, ["a 10", "b 10", "c 30"]);
    assert.equal(clock.pending, 0);
  });

  it("fires timers that timers set, when their time comes within the same move", () => {
    const clock = new VirtualClock();
    const ticks: number[] = [];
    const tick = () => {
      ticks.push(clock.now());
      clock.setTimer(tick, 10);
    };
    clock.setTimer(tick, 10);
    clock.advance(35);
    assert.deepEqual(ticks, [10, 20, 30]);
    assert.equal(clock.now(), 35);
    assert.equal(clock.pending, 1);
  });

  it("does not fire what was cancelled, not even by a timer of the same time", () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const early = clock.setTimer(() => fired.push("early"), 5);
    clock.setTimer(() => late.cancel(), 10);
    const late = clock.setTimer(() => fired.push("late"), 10);
    early.cancel();
    early.cancel();
    clock.advance(100);
    assert.deepEqual(fired, []);
    assert.equal(clock.pending, 0);
  });

  it("fires a wait of nothing on the next move, and a wait without end never", () => {
    const clock = new VirtualClock();
    let fired = 0;
    clock.setTimer(() => fired++, 0);
    clock.setTimer(() => fired++, -5);
    clock.setTimer(() => fired++, Infinity);
    assert.equal(fired, 0);
    clock.advance(0);
    assert.equal(fired, 2);
    clock.advance(1e12);
    assert.equal(fired, 2);
    assert.equal(clock.pending, 0);
  });

  it("lets promises settle between timers when asked to", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const sleep = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(resolve, ms));
    const work = async () => {
      for (let round = 1; round <= 3; round++) {
        await sleep(10);
        log.push(`round ${round} at ${clock.now()}`);
      }
    };
    const done = work();
    await clock.advanceAsync(30);
    await done;
    assert.deepEqual(log, ["round 1 at 10", "round 2 at 20", "round 3 at 30"]);
    assert.equal(clock.now(), 30);
  });

  it("fires everything once, at its time, however it is moved", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000)), fc.array(fc.nat(100), { maxLength: 40 }), (delays, moves) => {
        const clock = new VirtualClock();
        const fired: number[] = [];
        for (const delay of delays) {
          clock.setTimer(() => {
            assert.equal(clock.now(), delay);
            fired.push(delay);
          }, delay);
        }
        for (const move of moves) clock.advance(move);
        const due = delays.filter((delay) => delay <= clock.now() && moves.length > 0).sort((a, b) => a - b);
        assert.deepEqual(fired, due);
        assert.equal(clock.pending, delays.length - due.length);
      }),
    );
  });
});
