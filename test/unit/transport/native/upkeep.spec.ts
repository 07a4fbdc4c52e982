import assert from "node:assert/strict";
import { VirtualClock } from "../../../../sdk/src/testing/virtual-clock.ts";
import { type Kept, Upkeep } from "../../../../sdk/src/transport/native/upkeep.ts";

class Recorder implements Kept {
  readonly checks: number[] = [];
  readonly #then: () => void;

  constructor(then: () => void = () => {}) {
    this.#then = then;
  }

  check(now: number): void {
    this.checks.push(now);
    this.#then();
  }
}

describe("the upkeep of connections", () => {
  let clock: VirtualClock;
  let upkeep: Upkeep;
  beforeEach(() => {
    clock = new VirtualClock();
    upkeep = new Upkeep(clock);
  });

  it("looks at each once a second with one timer", () => {
    const all = [new Recorder(), new Recorder(), new Recorder()];
    for (const one of all) upkeep.add(one, 10_000);
    assert.equal(clock.pending, 1);
    clock.advance(3_000);
    for (const { checks } of all) assert.deepEqual(checks, [1_000, 2_000, 3_000]);
  });

  it("looks four times within a timeout that is short, and no more often than every 5 ms", () => {
    const short = new Recorder();
    upkeep.add(short, 100);
    clock.advance(100);
    assert.deepEqual(short.checks, [25, 50, 75, 100]);
    const shortest = new Recorder();
    upkeep.add(shortest, 1);
    clock.advance(20);
    assert.deepEqual(shortest.checks, [105, 110, 115, 120]);
  });

  it("looks less often again when what was short has gone", () => {
    const short = new Recorder();
    const long = new Recorder();
    upkeep.add(long, Infinity);
    upkeep.add(short, 40);
    clock.advance(40);
    upkeep.remove(short);
    long.checks.length = 0;
    clock.advance(3_000);
    assert.ok(long.checks.length <= 4, `${long.checks.length} checks`);
  });

  it("has no timer for nothing", () => {
    const one = new Recorder();
    upkeep.add(one, 1_000);
    upkeep.remove(one);
    assert.equal(clock.pending, 0);
    assert.deepEqual([...upkeep.kept], []);
    upkeep.add(one, 4_000);
    clock.advance(1_000);
    assert.deepEqual(one.checks, [1_000]);
  });

  it("lets what it looks at go, and come, meanwhile", () => {
    const late = new Recorder();
    const gone = new Recorder();
    const first = new Recorder(() => {
      upkeep.remove(first);
      upkeep.remove(gone);
      upkeep.add(late, 10_000);
    });
    upkeep.add(first, 10_000);
    upkeep.add(gone, 10_000);
    clock.advance(3_000);
    assert.deepEqual(first.checks, [1_000]);
    assert.deepEqual(gone.checks, []);
    assert.ok(late.checks.includes(2_000) && late.checks.includes(3_000));
    assert.equal(clock.pending, 1);
  });

  it("has no timer when the last goes while it is looked at", () => {
    const only = new Recorder(() => upkeep.remove(only));
    upkeep.add(only, 1_000);
    clock.advance(10_000);
    assert.equal(only.checks.length, 1);
    assert.equal(clock.pending, 0);
  });
});
