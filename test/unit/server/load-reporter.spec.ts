import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { describe, it } from "mocha";
import { decodeLoadReport } from "../../../sdk/src/balancing/orca.ts";
import { LoadReporter, type LoadReportOptions } from "../../../sdk/src/server/load-reporter.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { recordedLog } from "../../support/logs.ts";

function lab(options: LoadReportOptions = { utilization: () => 0.5 }) {
  const clock = new VirtualClock();
  const { log, lines } = recordedLog();
  const reporter = new LoadReporter({ ...options, clock, log });
  return { clock, lines, reporter, tracker: reporter.tracker };
}

describe("a load reporter", () => {
  it("tells calls in flight, what they take, how many end and fail, and how busy the server is", () => {
    const { clock, reporter, tracker } = lab();
    for (let call = 0; call < 3; call++) tracker.ended(clock.now(), 40, tracker.began(), "success");
    tracker.ended(clock.now(), 40, tracker.began(), "failure");
    tracker.ended(clock.now(), undefined, tracker.began(), "success");
    tracker.began();
    clock.advance(1_000);
    const bytes = reporter.forPeer("a:1", clock.now());
    // One that is in flight makes two of the next, which takes twice as long then.
    assert.deepEqual(decodeLoadReport(bytes!), { inFlight: 1, latencyMs: 80, utilization: 0.5, qps: 5, eps: 1 });
  });

  it("does not take what it turned away for fast work, nor calls that ran into their deadline for none", () => {
    const { clock, reporter, tracker } = lab();
    for (const verdict of ["overload", "neutral", "failure"] as const)
      tracker.ended(clock.now(), 1, tracker.began(), verdict);
    assert.equal(reporter.report().latencyMs, undefined);
    tracker.timedOut(clock.now(), 200, tracker.began());
    tracker.timedOut(clock.now(), undefined, tracker.began());
    assert.equal(reporter.report().latencyMs, 200);
    clock.advance(1_000);
    assert.deepEqual(reporter.report(), { inFlight: 0, latencyMs: 200, utilization: 0.5, qps: 5, eps: 4 });
  });

  it("tells each peer once in five milliseconds", () => {
    const { clock, reporter } = lab();
    const told = (peer: string): boolean => reporter.forPeer(peer, clock.now()) !== undefined;
    assert.deepEqual([told("a:1"), told("a:1"), told("b:1")], [true, false, true]);
    clock.advance(4);
    assert.deepEqual([told("a:1"), told("c:1")], [false, true]);
    clock.advance(1);
    assert.deepEqual([told("a:1"), told("a:1"), told("b:1")], [true, false, true]);
  });

  it("watches the process when nobody says how busy the server is, for as long as it counts calls", async () => {
    const { clock, reporter, tracker } = lab({});
    const busyUntil = performance.now() + 100;
    while (performance.now() < busyUntil);
    // What the loop did is known once it has gone round.
    await setImmediate();
    tracker.ended(clock.now(), 1, tracker.began(), "success");
    assert.equal(reporter.report().utilization, 0, "the second is not over");
    clock.advance(1_000);
    const { qps, utilization } = reporter.report();
    assert.equal(qps, 1);
    assert.ok(utilization > 0.5 && utilization <= 1, String(utilization));
  });

  it("takes no utilization for unknown when the user's own gives none, and logs that once", () => {
    const given: (() => number)[] = [() => NaN, () => -1, () => Infinity, () => assert.fail("out of order"), () => 1.5];
    const { lines, reporter } = lab({ utilization: () => given.shift()!() });
    const told = Array.from(given, () => 0).map(() => reporter.report().utilization);
    assert.deepEqual(told, [0, 0, 0, 0, 1.5]);
    assert.deepEqual(
      lines.map(({ level, msg, err }) => [level, msg, (err as Error).message]),
      [
        [
          "error",
          "loadReports.utilization gives no utilization: it counts as 0, not known",
          "NaN is not a number of 0 or more",
        ],
      ],
    );
  });
});
