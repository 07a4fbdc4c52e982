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
    for (let call = 0; call < 3; call++) reporter.tracker.ended(40, reporter.tracker.began(), "success");
    reporter.tracker.ended(40, reporter.tracker.began(), "failure");
    reporter.tracker.ended(undefined, reporter.tracker.began(), "success");
    reporter.tracker.began();
    clock.advance(1_000);
    const bytes = reporter.forPeer("a:1", clock.now());
    // One that is in flight makes two of the next, which takes twice as long then.
    assert.deepEqual(decodeLoadReport(bytes!), { inFlight: 1, latencyMs: 80, utilization: 0.5, qps: 5, eps: 1 });
  });

  it("does not take what it turned away for fast work, nor calls that ran into their deadline for none", () => {
    const clock = new VirtualClock();
    const reporter = new LoadReporter(clock, () => 0.5);
    const { tracker } = reporter;
    for (const verdict of ["overload", "neutral", "failure"] as const) tracker.ended(1, tracker.began(), verdict);
    assert.equal(reporter.report().latencyMs, undefined);
    tracker.timedOut(200, tracker.began());
    tracker.timedOut(undefined, tracker.began());
    assert.equal(reporter.report().latencyMs, 200);
    clock.advance(1_000);
    assert.deepEqual(reporter.report(), { inFlight: 0, latencyMs: 200, utilization: 0.5, qps: 5, eps: 4 });
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
