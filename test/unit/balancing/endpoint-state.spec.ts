import assert from "node:assert/strict";
import * as fc from "fast-check";
import { floorLevel, ratioOfLevels } from "../../../sdk/src/balancing/endpoint-cost.ts";
import { EndpointState, type Verdict } from "../../../sdk/src/balancing/endpoint-state.ts";
import { endpoint } from "./fleet.ts";

const fresh = new EndpointState(endpoint("peer"));

/** An endpoint that calls have ended on, one after another: when, how long, how. */
function after(
  ...ends: readonly (readonly [nowMs: number, durationMs: number, verdict: Verdict, pushbackMs?: number])[]
): EndpointState {
  const state = new EndpointState(endpoint("it"));
  for (const end of ends) {
    state.started();
    state.ended(...end);
  }
  return state;
}

describe("EndpointState", () => {
  it("counts the calls in flight", () => {
    const state = new EndpointState(endpoint("it"));
    state.started();
    state.started();
    state.ended(1, 1, "success");
    assert.equal(state.inFlight, 1);
  });

  it("ignores an end without a start", () => {
    const state = new EndpointState(endpoint("it"));
    state.ended(0, 900, "failure");
    assert.equal(state.inFlight, 0);
    assert.equal(state.costMs(0, fresh), 1);
  });

  it("jumps to a slow answer at once and comes down with time", () => {
    const state = after([0, 20, "success"], [10, 400, "success"]);
    assert.equal(state.costMs(10, fresh), 400);
    assert.ok(Math.abs(state.costMs(10_010, fresh) - 400 / Math.E) < 1e-9);
  });

  it("moves to faster answers by the time that has passed, not by their number", () => {
    const burst = after(
      [0, 400, "success"],
      ...Array.from({ length: 100 }, () => [0, 20, "success"] as [0, 20, "success"]),
    );
    assert.equal(burst.costMs(0, fresh), 400);
    const spaced = after([0, 400, "success"], [3_000, 20, "success"]);
    const kept = Math.exp(-0.3);
    assert.ok(Math.abs(spaced.costMs(3_000, fresh) - (400 * kept + 20 * (1 - kept))) < 1e-9);
  });

  it("is stale after ten times what its answer took, for one call, and for none after failures", () => {
    const state = after([0, 400, "success"]);
    assert.equal(state.isStale(floorLevel(3_990)), false);
    assert.equal(state.isStale(floorLevel(4_040)), true);
    state.started();
    assert.equal(state.isStale(floorLevel(4_040)), false);
    assert.equal(after([0, 400, "failure"]).isStale(floorLevel(1e9)), false);
  });

  it("goes by the answer to a call that was made when it was stale, if that is unlike what was known", () => {
    assert.equal(after([0, 400, "success"], [4_040, 20, "success"]).costMs(4_040, fresh), 20);
    assert.ok(after([0, 400, "success"], [4_010, 20, "success"]).costMs(4_010, fresh) > 250, "made before");
    assert.ok(after([0, 400, "success"], [4_240, 200, "success"]).costMs(4_240, fresh) > 250, "no faster than that");
  });

  it("is stale twice as late each time that what was known proves true, and as soon as at first after that", () => {
    const [slow, again, other] = [
      [0, 400, "success"],
      [4_500, 400, "success"],
      [12_700, 90, "success"],
    ] as const;
    assert.equal(after(slow, again).isStale(floorLevel(12_400)), false);
    assert.equal(after(slow, again).isStale(floorLevel(12_540)), true);
    assert.equal(after(slow, again, other).isStale(floorLevel(13_640)), true);
    assert.equal(after(slow, again, [12_700, 1_700, "success"]).isStale(floorLevel(29_000)), false, "slower than ever");
    assert.equal(after(slow, again, [12_700, 1_700, "success"]).isStale(floorLevel(29_740)), true);
  });

  it("costs what its peer costs until it has answered", () => {
    const known = after([0, 167, "success"]);
    assert.equal(new EndpointState(endpoint("it")).costMs(0, known), 167);
    assert.ok(Math.abs(new EndpointState(endpoint("it")).costMs(10_000, known) - 167 / Math.E) < 1e-9);
  });

  it("does not take over its peer's penalty while it has not answered", () => {
    const failing = after([0, 10, "success"], [1, 1, "failure"]);
    assert.ok(new EndpointState(endpoint("it")).costMs(1, failing) <= 10);
  });

  it("is never free, however fast it answers or long it rests", () => {
    assert.equal(after([0, 0, "success"]).costMs(0, fresh), 1);
    assert.equal(after([0, 50, "success"]).costMs(1e9, fresh), 1);
    assert.equal(fresh.costMs(0, fresh), 1);
  });

  it("counts a failure as five seconds, and as longer when it took longer", () => {
    assert.equal(after([0, 1, "failure"]).costMs(0, fresh), 5_000);
    assert.equal(after([20_000, 15_000, "failure"]).costMs(20_000, fresh), 15_000);
  });

  it("does not take a fast failure for a fast answer", () => {
    const peer = after([0, 167, "success"], [500_000, 167, "success"]);
    const state = after([0, 1, "failure"]);
    assert.equal(state.costMs(500_000, peer), 167);
  });

  it("doubles the penalty with every further failure, up to five minutes", () => {
    const ends = Array.from({ length: 20 }, (_, at) => [at, 0, "failure"] as [number, number, "failure"]);
    assert.equal(after(...ends.slice(0, 3)).costMs(2, fresh), 20_000);
    assert.equal(after(...ends).costMs(19, fresh), 300_000);
  });

  it("doubles nothing for calls that were under way when it failed first", () => {
    const lost = Array.from({ length: 50 }, () => [1_000, 200, "failure"] as [number, number, "failure"]);
    assert.equal(after(...lost).costMs(1_000, fresh), 5_000);
  });

  it("starts over after an answer", () => {
    const state = after([0, 0, "failure"], [1, 0, "failure"], [2, 1, "success"], [400_000, 0, "failure"]);
    assert.equal(state.costMs(400_000, fresh), 5_000);
  });

  it("counts overload as one second, or as the push-back, up to five minutes", () => {
    assert.equal(after([0, 1, "overload"]).costMs(0, fresh), 1_000);
    assert.equal(after([0, 1, "overload", 100]).costMs(0, fresh), 1_000);
    assert.equal(after([0, 1, "overload", 7_000]).costMs(0, fresh), 7_000);
    assert.equal(after([0, 1, "overload", 3_600_000]).costMs(0, fresh), 300_000);
  });

  it("lets a cancelled call raise the cost but never lower it", () => {
    assert.equal(after([0, 50, "success"], [0, 900, "neutral"]).costMs(0, fresh), 900);
    assert.equal(after([0, 50, "success"], [0, 2, "neutral"]).costMs(0, fresh), 50);
    const peer = after([0, 167, "success"]);
    assert.equal(after([0, 2, "neutral"]).costMs(0, peer), 167);
    assert.equal(after([0, 900, "neutral"]).costMs(0, peer), 900);
  });

  it("fades nothing while the clock stands still or goes back", () => {
    const state = after([1_000, 400, "success"], [400, 10, "success"]);
    assert.equal(state.costMs(1_000, fresh), 400);
    assert.equal(state.costMs(0, fresh), 400);
  });

  it("has a level that compares with a peer's as their costs do, now and later", () => {
    const history = fc.array(
      fc.record({
        durationMs: fc.double({ min: 0, max: 1e5, noNaN: true }),
        verdict: fc.constantFrom<Verdict>("success", "failure", "overload", "neutral"),
      }),
    );
    fc.assert(
      fc.property(history, history, fc.nat(100_000), (ends, peerEnds, laterMs) => {
        const [state, peer] = [ends, peerEnds].map((ends) =>
          after(...ends.map(({ durationMs, verdict }, at) => [1_000 * at, durationMs, verdict] as const)),
        );
        const nowMs = 1_000 * Math.max(ends.length, peerEnds.length) + laterMs;
        const floor = floorLevel(nowMs);
        const ratio = ratioOfLevels(state!.level(floor, peer!) - peer!.level(floor, state!));
        const expected = state!.costMs(nowMs, peer!) / peer!.costMs(nowMs, state!);
        assert.ok(Math.abs(ratio / expected - 1) < 0.005, `${ratio}, ${expected} expected`);
      }),
    );
  });

  it("keeps a finite cost of at least 1 and a count of at least 0 whatever is reported", () => {
    const odd = fc.oneof(fc.double({ min: -1e6, max: 1e9 }), fc.constantFrom(NaN, Infinity, -Infinity));
    const step = fc.record({
      start: fc.boolean(),
      nowMs: fc.double({ min: -1e6, max: 1e9, noNaN: true }),
      durationMs: fc.oneof(fc.double({ min: -1e6, max: 1e6 }), fc.constant(NaN)),
      verdict: fc.constantFrom<Verdict>("success", "failure", "overload", "neutral"),
      pushbackMs: odd,
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const state = new EndpointState(endpoint("it"));
        for (const { start, nowMs, durationMs, verdict, pushbackMs } of steps) {
          if (start) state.started();
          else state.ended(nowMs, durationMs, verdict, pushbackMs);
          const costMs = state.costMs(nowMs, fresh);
          assert.ok(Number.isFinite(costMs) && costMs >= 1, `cost ${costMs}`);
          assert.ok(state.inFlight >= 0);
        }
      }),
    );
  });
});
