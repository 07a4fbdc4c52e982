import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { describe, it } from "mocha";
import { LookLanes, LOOKS_AT_ONCE } from "../../../sdk/src/consul/look-lanes.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

describe("looks of many watches", () => {
  function start(count: number) {
    const clock = new VirtualClock();
    const lanes = new LookLanes(clock);
    const ends: ((what?: Error) => void)[] = [];
    const done: Promise<unknown>[] = [];
    for (let at = 0; at < count; at++) {
      const ask = (): Promise<string> =>
        new Promise((resolve, reject) => {
          ends.push((error) => (error === undefined ? resolve("answer") : reject(error)));
        });
      done.push(lanes.run(ask).catch((error: unknown) => error));
    }
    return { clock, ends, done };
  }

  it("go out eight at once, the others as these are answered, in their order", async () => {
    const { clock, ends, done } = start(LOOKS_AT_ONCE + 3);
    await turn();
    assert.equal(ends.length, LOOKS_AT_ONCE);
    ends[0]?.();
    ends[1]?.(new Error("no"));
    await turn();
    assert.equal(ends.length, LOOKS_AT_ONCE + 2);
    for (let at = 2; at < LOOKS_AT_ONCE + 2; at++) ends[at]?.();
    await turn();
    ends.at(-1)?.();
    assert.deepEqual((await Promise.all(done)).slice(0, 3), ["answer", new Error("no"), "answer"]);
    assert.equal(clock.pending, 0);
  });

  it("do not wait for those that hang", async () => {
    const { clock, ends, done } = start(2 * LOOKS_AT_ONCE + 1);
    await clock.advanceAsync(499);
    assert.equal(ends.length, LOOKS_AT_ONCE);
    await clock.advanceAsync(1);
    assert.equal(ends.length, 2 * LOOKS_AT_ONCE);
    await clock.advanceAsync(500);
    assert.equal(ends.length, 2 * LOOKS_AT_ONCE + 1);
    for (const end of ends) end();
    await Promise.all(done);
    assert.equal(clock.pending, 0);
  });
});
