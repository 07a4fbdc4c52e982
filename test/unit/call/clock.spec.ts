import assert from "node:assert/strict";
import { systemClock } from "../../../sdk/src/call/clock.ts";

const DAY_MS = 86_400_000;

/** Stands in for Node's timers while a test runs: records what is set and fires it by hand. */
class RecordedTimeouts {
  readonly delays: number[] = [];
  unrefs = 0;
  #callback: (() => void) | undefined;
  readonly #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };

  install(): void {
    const set = (callback: () => void, delayMs: number) => {
      this.delays.push(delayMs);
      this.#callback = callback;
      return { unref: () => this.unrefs++ };
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: () => (this.#callback = undefined) });
  }

  restore(): void {
    Object.assign(globalThis, this.#real);
  }

  /** Fires the timeout that is set, as Node would when its time has come. */
  fire(): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }
}

describe("systemClock", () => {
  it("measures with a clock that never goes back, and tells people's time", () => {
    const start = systemClock.now();
    const wall = systemClock.wallTime();
    assert.ok(systemClock.now() >= start);
    assert.ok(Math.abs(wall - Date.now()) < 1_000);
  });

  it("calls back when the wait is over", async () => {
    const start = systemClock.now();
    await new Promise<void>((resolve) => void systemClock.setTimer(resolve, 5));
    // Node rounds waits to whole milliseconds.
    assert.ok(systemClock.now() - start >= 4);
  });

  it("keeps the process alive for a timer, not for a background timer", () => {
    const before = process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
    const alive = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length - before;
    const background = systemClock.setBackgroundTimer(() => {}, DAY_MS);
    assert.equal(alive(), 0);
    const timer = systemClock.setTimer(() => {}, DAY_MS);
    assert.equal(alive(), 1);
    timer.cancel();
    background.cancel();
    assert.equal(alive(), 0);
  });

  describe("over Node's timers", () => {
    let timeouts: RecordedTimeouts;
    beforeEach(() => {
      timeouts = new RecordedTimeouts();
      timeouts.install();
    });
    afterEach(() => timeouts.restore());

    it("sets no timer for a wait without end", () => {
      systemClock.setTimer(() => assert.fail("fired"), Infinity).cancel();
      assert.deepEqual(timeouts.delays, []);
    });

    it("goes in steps through a wait longer than Node's longest", () => {
      let fired = 0;
      systemClock.setTimer(() => fired++, 60 * DAY_MS);
      timeouts.fire();
      timeouts.fire();
      assert.equal(fired, 0);
      timeouts.fire();
      assert.equal(fired, 1);
      assert.ok(timeouts.delays.every((delayMs) => delayMs <= 2 ** 31 - 1));
      assert.equal(
        timeouts.delays.reduce((sum, delayMs) => sum + delayMs, 0),
        60 * DAY_MS,
      );
    });

    it("lets the process end at every step of a long background wait", () => {
      systemClock.setBackgroundTimer(() => {}, 60 * DAY_MS);
      for (let step = 0; step < 2; step++) timeouts.fire();
      assert.equal(timeouts.delays.length, 3);
      assert.equal(timeouts.unrefs, 3);
    });

    it("stays cancelled, between steps too", () => {
      const timer = systemClock.setTimer(() => assert.fail("fired"), 60 * DAY_MS);
      timeouts.fire();
      timer.cancel();
      timer.cancel();
      timeouts.fire();
      assert.equal(timeouts.delays.length, 2);
    });
  });
});
