import assert from "node:assert/strict";
import { AnswerStats, CallStats } from "../../../services/demo/src/call-stats.ts";
import { describeCalls } from "../../../services/demo/src/describe.ts";

describe("what callers have seen", () => {
  it("counts answers by instance, in the order of their ids, and failures by reason", () => {
    const stats = new CallStats();
    for (let call = 0; call < 6; call++) stats.started();
    stats.answered("greeter-2", 10, 4);
    stats.answered("greeter-1", 11, 1);
    stats.answered("greeter-2", 12, 2);
    stats.hasFailed("INTERNAL: b");
    stats.hasFailed("INTERNAL: b");
    assert.deepEqual(
      [...stats.instances].map(([id, { answered }]) => [id, answered]),
      [
        ["greeter-1", 1],
        ["greeter-2", 2],
      ],
    );
    assert.deepEqual([stats.total.answered, stats.failed, stats.inFlight], [3, 2, 1]);
    assert.deepEqual(stats.failures, [["INTERNAL: b", 2]]);
  });

  it("knows the percentiles of all answers to a thousandth", () => {
    const stats = new AnswerStats();
    for (let ms = 1; ms <= 100; ms++) stats.record(0, ms);
    const { p50Ms, p99Ms } = stats.percentiles() ?? assert.fail("no percentiles");
    assert.ok(Math.abs(p50Ms - 50) <= 0.05, `p50 ${p50Ms}`);
    assert.ok(Math.abs(p99Ms - 99) <= 0.1, `p99 ${p99Ms}`);
  });

  it("has no percentiles without answers", () => {
    assert.equal(new AnswerStats().percentiles(), undefined);
    assert.equal(new AnswerStats().recentPercentiles(100), undefined);
  });

  it("forgets old answers in the recent percentiles, not in those of all", () => {
    const stats = new AnswerStats();
    stats.record(0, 900);
    stats.record(6_000, 1);
    assert.ok((stats.recentPercentiles(6_000)?.p99Ms ?? 0) > 800, "still within ten seconds");
    stats.record(12_000, 1);
    assert.ok((stats.recentPercentiles(12_000)?.p99Ms ?? 900) < 2, "gone after two windows");
    assert.equal(stats.recentPercentiles(60_000), undefined);
    assert.ok((stats.percentiles()?.p99Ms ?? 0) > 800);
  });

  it("rates the answers of the last second", () => {
    const stats = new AnswerStats();
    for (const at of [100, 900, 1_400]) stats.record(at, 1);
    assert.equal(stats.rate(1_500), 2);
    assert.equal(stats.rate(3_000), 0);
  });

  it("is told in a few lines", () => {
    const stats = new CallStats();
    stats.started();
    stats.answered("greeter-1", 5, 2);
    stats.started();
    stats.hasFailed("UNAVAILABLE: gone");
    assert.equal(
      describeCalls(stats, 1.26),
      [
        "2 calls in 1.3 s: 1 answered, 1 failed; p50 2.00 ms, p99 2.00 ms",
        "  greeter-1 answered 1",
        "  1 call failed with UNAVAILABLE: gone",
      ].join("\n"),
    );
  });
});
