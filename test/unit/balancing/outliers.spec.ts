import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Balancer } from "../../../sdk/src/balancing/balancer.ts";
import type { EndpointState, Verdict } from "../../../sdk/src/balancing/endpoint-state.ts";
import type { OutlierOptions } from "../../../sdk/src/balancing/outliers.ts";
import { roundRobin } from "../../../sdk/src/balancing/round-robin.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { states } from "./fleet.ts";

const CALL = { hash: undefined };
/** No statistics: failures in a row alone. */
const IN_A_ROW: OutlierOptions = { consecutiveFailures: 3, baseEjectionMs: 1_000, maxEjectionMs: 2_500 };

class Lab {
  readonly clock = new VirtualClock();
  readonly fleet: EndpointState[];
  readonly balancer: Balancer;
  /** What an observer was told: reasons, and how many were out. */
  readonly told: (string | number)[] = [];

  constructor(count: number, outliers: OutlierOptions) {
    this.fleet = states(count);
    this.balancer = new Balancer({
      policy: roundRobin,
      clock: this.clock,
      random: seededRandom(1),
      outliers,
      outlierObserver: {
        ejected: (reason) => void this.told.push(reason),
        changed: (out) => void this.told.push(out),
      },
    });
    this.balancer.update(this.fleet);
  }

  /** One call, which ends at once; returns whom it went to. */
  call(verdictOf: (state: EndpointState) => Verdict, durationMs = 1): EndpointState {
    const state = this.balancer.pick(CALL, []);
    assert.ok(state !== undefined);
    state.started();
    this.balancer.ended(state, { durationMs, verdict: verdictOf(state), pushbackMs: 0 });
    return state;
  }

  calls(count: number, verdictOf: (state: EndpointState) => Verdict): Set<EndpointState> {
    return new Set(Array.from({ length: count }, () => this.call(verdictOf)));
  }

  get out(): EndpointState[] {
    return this.fleet.filter((state) => this.balancer.ejectionOf(state) !== undefined);
  }
}

const failing =
  (...bad: readonly (EndpointState | undefined)[]) =>
  (state: EndpointState): Verdict =>
    bad.includes(state) ? "failure" : "success";

describe("outliers", () => {
  it("are taken out after failures in a row, and get nothing while they are out", () => {
    const lab = new Lab(4, IN_A_ROW);
    const [bad] = lab.fleet;
    lab.calls(12, failing(bad));
    assert.deepEqual(lab.out, [bad]);
    assert.equal(lab.balancer.ejectionOf(bad!)?.reason, "consecutive_failures");
    assert.equal(lab.calls(30, failing(bad)).has(bad!), false);
  });

  it("are told of when they go, fail their trial, and come back or are gone", () => {
    const lab = new Lab(4, IN_A_ROW);
    const [bad, other] = lab.fleet;
    lab.calls(12, failing(bad));
    assert.deepEqual(lab.told.splice(0), ["consecutive_failures", 1]);
    lab.clock.advance(1_000);
    lab.calls(4, failing(bad));
    assert.deepEqual(lab.told.splice(0), ["consecutive_failures"]);
    lab.clock.advance(2_000);
    lab.calls(4, failing());
    assert.deepEqual(lab.told.splice(0), [0]);
    lab.calls(12, failing(other));
    lab.balancer.update([bad!]);
    assert.deepEqual(lab.told, ["consecutive_failures", 1, 0]);
  });

  it("stay in when a success comes between their failures, and whatever callers do wrong", () => {
    const lab = new Lab(2, IN_A_ROW);
    let turn = 0;
    lab.calls(100, () => (turn++ % 6 < 4 ? "failure" : "success"));
    lab.calls(100, () => "neutral");
    assert.deepEqual(lab.out, []);
  });

  it("come back with the first call that succeeds, one at a time", () => {
    const lab = new Lab(4, IN_A_ROW);
    const [bad] = lab.fleet;
    lab.calls(12, failing(bad));
    lab.clock.advance(1_000);
    const trial = lab.balancer.pick(CALL, []);
    assert.equal(trial, bad);
    trial!.started();
    for (let at = 0; at < 10; at++) assert.notEqual(lab.balancer.pick(CALL, []), bad);
    assert.notEqual(lab.balancer.pick(CALL, [bad!]), bad);
    lab.balancer.ended(bad!, { durationMs: 1, verdict: "success", pushbackMs: 0 });
    assert.deepEqual(lab.out, []);
    assert.ok(lab.calls(8, failing()).has(bad!));
  });

  it("are out for longer each time, up to the most, and are forgiven with time", () => {
    const lab = new Lab(4, IN_A_ROW);
    const [bad] = lab.fleet;
    lab.calls(12, failing(bad));
    for (const forMs of [1_000, 2_000, 2_500, 2_500]) {
      assert.equal(lab.balancer.ejectionOf(bad!)!.untilMs - lab.clock.now(), forMs);
      lab.clock.advance(forMs);
      assert.equal(lab.call(failing(bad)), bad);
    }
    lab.clock.advance(2_500);
    lab.call(failing());
    for (let intervals = 0; intervals < 5; intervals++) {
      lab.clock.advance(10_000);
      lab.calls(4, failing());
    }
    lab.calls(12, failing(bad));
    assert.equal(lab.balancer.ejectionOf(bad!)!.untilMs - lab.clock.now(), 1_000);
  });

  it("are believed no better by calls that were under way when they were taken out", () => {
    const lab = new Lab(4, IN_A_ROW);
    const [bad] = lab.fleet;
    bad!.started();
    lab.calls(12, failing(bad));
    lab.balancer.ended(bad!, { durationMs: 1, verdict: "success", pushbackMs: 0 });
    assert.deepEqual(lab.out, [bad]);
  });

  it("are never more than the share allowed, though always one, and never all", () => {
    for (const [count, most] of [
      [1, 0],
      [2, 1],
      [3, 1],
      [10, 3],
    ] as const) {
      const lab = new Lab(count, IN_A_ROW);
      lab.calls(100, () => "failure");
      assert.equal(lab.out.length, most, `${count} endpoints`);
    }
  });

  it("are used all the same when the good ones have gone", () => {
    const lab = new Lab(2, IN_A_ROW);
    const [bad] = lab.fleet;
    lab.calls(6, failing(bad));
    assert.deepEqual(lab.out, [bad]);
    lab.balancer.update([bad!]);
    assert.equal(lab.balancer.pick(CALL, []), bad);
  });

  it("come back when good ones have gone, the one that would be tried next first", () => {
    const lab = new Lab(9, { ...IN_A_ROW, maxEjectedShare: 0.3 });
    const [first, second, third, ...good] = lab.fleet;
    for (const bad of [first, second]) {
      lab.calls(27, failing(bad));
      lab.clock.advance(10);
    }
    assert.deepEqual(lab.out, [first, second]);
    lab.balancer.update([first!, second!, third!, ...good.slice(0, 3)]);
    assert.deepEqual(lab.out, [second]);
  });

  it("all get calls in a panic, when too few would be left", () => {
    const lab = new Lab(4, { ...IN_A_ROW, maxEjectedShare: 1 });
    const [a, b, c, d] = lab.fleet;
    lab.calls(12, failing(a, b));
    assert.equal(lab.calls(8, failing(a, b)).has(a!), false);
    assert.equal(lab.balancer.panicking, false);
    lab.calls(6, failing(a, b, c));
    assert.deepEqual(lab.out, [a, b, c]);
    assert.equal(lab.balancer.panicking, true);
    assert.deepEqual(lab.calls(8, failing(a, b, c)), new Set([a, b, c, d]));
    lab.clock.advance(1_000);
    lab.calls(8, failing());
    assert.deepEqual(lab.out, []);
    assert.equal(lab.balancer.panicking, false);
  });

  it("cause no panic when that is turned off", () => {
    const lab = new Lab(4, { ...IN_A_ROW, maxEjectedShare: 1, panicShare: 0 });
    const [a, b, c, d] = lab.fleet;
    lab.calls(24, failing(a, b, c));
    assert.deepEqual(lab.calls(8, failing(a, b, c)), new Set([d]));
  });

  describe("by statistics", () => {
    /** An interval of calls, seen by the first call of the next. */
    function interval(
      lab: Lab,
      calls: number,
      verdictOf: (state: EndpointState) => Verdict,
      durationMs = () => 1,
    ): void {
      for (let at = 0; at < calls; at++) lab.call(verdictOf, durationMs());
      lab.clock.advance(10_000);
      lab.call(() => "success");
    }

    it("are those whose success rate is far below their peers'", () => {
      const lab = new Lab(10, { consecutiveFailures: 0 });
      const [bad] = lab.fleet;
      let turn = 0;
      interval(lab, 1_000, (state) => (state === bad && turn++ % 2 === 0 ? "failure" : "success"));
      assert.deepEqual(lab.out, [bad]);
      assert.equal(lab.balancer.ejectionOf(bad!)?.reason, "success_rate");
    });

    it("are those that fail nearly all of their calls", () => {
      const lab = new Lab(10, { consecutiveFailures: 0, successRateDeviations: 0 });
      const [bad] = lab.fleet;
      interval(lab, 1_000, failing(bad));
      assert.equal(lab.balancer.ejectionOf(bad!)?.reason, "failure_share");
    });

    it("are those that are much slower than the median, when that is asked for", () => {
      for (const [latencyMedians, out] of [
        [0, 0],
        [3, 1],
      ] as const) {
        const lab = new Lab(10, { latencyMedians });
        const [slow] = lab.fleet;
        for (let at = 0; at < 1_000; at++) {
          const state = lab.balancer.pick(CALL, [])!;
          state.started();
          lab.balancer.ended(state, { durationMs: state === slow ? 50 : 10, verdict: "success", pushbackMs: 0 });
        }
        lab.clock.advance(10_000);
        lab.call(() => "success");
        assert.equal(lab.out.length, out);
      }
    });

    it("need calls and endpoints enough to be compared", () => {
      for (const [count, calls] of [
        [4, 1_000],
        [10, 200],
      ] as const) {
        const lab = new Lab(count, { consecutiveFailures: 0 });
        interval(lab, calls, failing(lab.fleet[0]));
        assert.deepEqual(lab.out, []);
      }
    });
  });

  it("refuse options out of range, all at once", () => {
    assert.throws(
      () => new Lab(1, { maxEjectedShare: 2, minCalls: 0, baseEjectionMs: 10, maxEjectionMs: 5 }),
      /maxEjectionMs is 5: give 10 .*maxEjectedShare is 2: give 0 to 1; minCalls is 0/,
    );
  });

  it("keep to their rules whatever happens", () => {
    const step = fc.record({
      what: fc.constantFrom("call", "end", "time", "update"),
      pick: fc.nat(100),
      verdict: fc.constantFrom<Verdict>("success", "failure", "overload", "neutral"),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 300 }), (count, steps) => {
        const lab = new Lab(count, { ...IN_A_ROW, minCalls: 5, minEndpoints: 2, intervalMs: 500 });
        const open: EndpointState[] = [];
        let ready = lab.fleet;
        for (const { what, pick, verdict } of steps) {
          if (what === "time") lab.clock.advance(pick * 20);
          else if (what === "update") {
            ready = lab.fleet.filter((_, at) => ((pick >> at) & 1) === 1);
            lab.balancer.update(ready);
          } else if (what === "end" && open.length > 0) {
            const [state] = open.splice(pick % open.length, 1);
            lab.balancer.ended(state!, { durationMs: pick, verdict, pushbackMs: 0 });
          } else {
            const state = lab.balancer.pick(CALL, []);
            assert.equal(state === undefined, ready.length === 0);
            if (state === undefined) continue;
            assert.ok(ready.includes(state));
            state.started();
            open.push(state);
          }
          const out = ready.filter((state) => lab.balancer.ejectionOf(state) !== undefined).length;
          assert.ok(out === 0 || out < ready.length);
        }
        for (const state of open) lab.balancer.ended(state, { durationMs: 1, verdict: "success", pushbackMs: 0 });
        assert.ok(lab.fleet.every(({ inFlight }) => inFlight === 0));
      }),
    );
  });
});
