import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { describe, it } from "mocha";
import { decodeLoadReport } from "../../../sdk/src/balancing/orca.ts";
import { systemClock } from "../../../sdk/src/call/clock.ts";
import { LoadReporter } from "../../../sdk/src/server/load-reporter.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

describe("a load reporter", () => {
  it("tells calls in flight, what they take, how many end and fail, and how busy the server is", () => {
    const clock = new VirtualClock();
    const reporter = new LoadReporter(clock, () => 0.5);
    for (const succeeded of [true, true, true, false]) reporter.tracker.ended(40, reporter.tracker.began(), succeeded);
    reporter.tracker.ended(undefined, reporter.tracker.began(), true);
    reporter.tracker.began();
    clock.advance(1_000);
    const bytes = reporter.forPeer("a:1", clock.now());
    // One that is in flight makes two of the next, which takes twice as long then.
    assert.deepEqual(decodeLoadReport(bytes!), { inFlight: 1, latencyMs: 80, utilization: 0.5, qps: 5, eps: 1 });
  });

  it("tells each peer once in five milliseconds", () => {
    const clock = new VirtualClock();
    const reporter = new LoadReporter(clock, () => 0);
    const told = (peer: string): boolean => reporter.forPeer(peer, clock.now()) !== undefined;
    assert.deepEqual([told("a:1"), told("a:1"), told("b:1")], [true, false, true]);
    clock.advance(4);
    assert.deepEqual([told("a:1"), told("c:1")], [false, true]);
    clock.advance(1);
    assert.deepEqual([told("a:1"), told("a:1"), told("b:1")], [true, false, true]);
  });

  it("watches the event loop when nobody says how busy the server is", async () => {
    const reporter = new LoadReporter(systemClock);
    const busyUntil = performance.now() + 150;
    while (performance.now() < busyUntil);
    // What the loop did is known once it has gone round.
    await setImmediate();
    const { utilization } = reporter.report();
    assert.ok(utilization > 0.5 && utilization <= 1, String(utilization));
  });
});
