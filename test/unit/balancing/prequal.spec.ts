import assert from "node:assert/strict";
import { Balancer } from "../../../sdk/src/balancing/balancer.ts";
import type { EndpointState } from "../../../sdk/src/balancing/endpoint-state.ts";
import { prequal, type PrequalOptions } from "../../../sdk/src/balancing/prequal.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { states, tally } from "./fleet.ts";

const CALL = { hash: undefined };
/** Nothing is asked or forgotten but what a test does itself. */
const STILL: PrequalOptions = { probesPerCall: 0, removalsPerCall: 0 };

function lab(count: number, options: PrequalOptions = STILL, seed = 1) {
  const clock = new VirtualClock();
  const ready = states(count);
  const asked: EndpointState[] = [];
  const probe = (state: EndpointState): void => void asked.push(state);
  const policy = prequal(options)({ clock, random: seededRandom(seed), probe });
  policy.update?.(ready);
  return {
    clock,
    ready,
    asked,
    policy,
    report: (at: number, inFlight: number, latencyMs: number | undefined) =>
      policy.reported?.(ready[at]!, { inFlight, latencyMs, qps: 0, eps: 0, utilization: 0 }),
    pick: (from: readonly EndpointState[] = ready) => ready.indexOf(policy.pick(from, CALL)),
  };
}

describe("prequal", () => {
  it("takes the fastest of those that are not hot", () => {
    const { report, pick } = lab(4, { ...STILL, hotQuantile: 0.7 });
    report(0, 9, 1);
    report(1, 2, 30);
    report(2, 3, 20);
    report(3, 1, 40);
    assert.equal(pick(), 2);
  });

  it("takes the one with the fewest calls when latency is not asked about", () => {
    const { report, pick } = lab(3, { ...STILL, hotQuantile: 0 });
    report(0, 2, 1);
    report(1, 1, 90);
    report(2, 3, 1);
    assert.equal(pick(), 1);
  });

  it("counts up what it picks, so that a burst spreads", () => {
    const { report, pick, ready } = lab(4, { ...STILL, hotQuantile: 0, poolSize: 64 });
    for (let at = 0; at < 4; at++) report(at, 0, 10);
    const counts = ready.map(() => 0);
    for (let call = 0; call < 40; call++) counts[pick()]!++;
    assert.deepEqual(counts, [10, 10, 10, 10]);
  });

  it("spreads a burst over endpoints that have all just told, though one is faster", () => {
    const balancer: Balancer = new Balancer({
      policy: prequal(),
      clock: new VirtualClock(),
      random: seededRandom(1),
      probe: (state) => balancer.remind(state),
    });
    for (const count of [5, 10, 30]) {
      const ready = states(count);
      balancer.update(ready);
      for (const [at, state] of ready.entries()) {
        balancer.reported(state, { inFlight: 0, latencyMs: at === 0 ? 5 : 10, utilization: 0, qps: 0, eps: 0 });
      }
      for (let call = 0; call < 1_000; call++) balancer.pick(CALL, [])!.started();
      const picks = ready.map((state) => state.picks);
      assert.ok(Math.max(...picks) <= 1.2 * Math.min(...picks), picks.join(" "));
    }
  });

  it("takes what has no fresh sample for fast", () => {
    const { report, pick } = lab(3, { ...STILL, hotQuantile: 1 });
    report(0, 1, 10);
    report(1, 1, undefined);
    report(2, 1, 5);
    assert.equal(pick(), 1);
  });

  it("asks three different endpoints with each call, all of them as often", () => {
    const { pick, asked } = lab(10, {});
    for (let call = 0; call < 10_000; call++) {
      pick();
      const latest = asked.slice(-3);
      assert.equal(new Set(latest).size, 3);
    }
    assert.equal(asked.length, 30_000);
    const counts = tally(() => asked.pop()!, 30_000);
    for (const count of counts.values()) assert.ok(Math.abs(count - 3_000) < 200, [...counts].join(" "));
  });

  it("asks fractions of endpoints by and by, and no more than there are", () => {
    const half = lab(10, { probesPerCall: 0.5 });
    for (let call = 0; call < 10; call++) half.pick();
    assert.equal(half.asked.length, 5);
    const few = lab(2, { probesPerCall: 5 });
    few.pick();
    assert.equal(few.asked.length, 2);
  });

  it("forgets reports after a second", () => {
    const { report, pick, clock } = lab(3, { ...STILL, hotQuantile: 1 });
    report(0, 0, 10);
    report(1, 0, 1);
    clock.advance(1_000);
    assert.equal(pick(), 1);
    clock.advance(1);
    const picks = new Set(Array.from({ length: 50 }, () => pick()));
    assert.ok(picks.has(2), "with nothing known it draws from all");
  });

  it("uses a report only so often as the paper allows", () => {
    // 100 endpoints: 2 / ((1 - 16 / 100) * 3 - 1) is 1.3 times, so once or twice.
    const { report, pick } = lab(100, { probesPerCall: 3, removalsPerCall: 1, hotQuantile: 1 });
    for (let at = 0; at < 16; at++) report(at, 0, at === 7 ? 1 : 50 + at);
    let uses = 0;
    while (pick() === 7) uses++;
    assert.ok(uses === 1 || uses === 2, `${uses}`);
  });

  it("keeps the latest report of an endpoint, and as many as the pool holds", () => {
    const { report, pick } = lab(5, { ...STILL, poolSize: 3, hotQuantile: 1 });
    report(0, 0, 1);
    report(0, 0, 100);
    report(1, 0, 10);
    report(2, 0, 20);
    assert.equal(pick(), 1);
    const next = lab(5, { ...STILL, poolSize: 2, hotQuantile: 1 });
    next.report(0, 0, 1);
    next.clock.advance(1);
    next.report(1, 0, 10);
    next.report(2, 0, 20);
    assert.equal(next.pick(), 1, "the oldest made room");
  });

  it("forgets one report with each call, the oldest and the worst in turn", () => {
    const { report, pick, clock, ready } = lab(4, { probesPerCall: 0, removalsPerCall: 1, hotQuantile: 1 });
    report(3, 0, 1);
    clock.advance(1);
    report(0, 0, 30);
    report(1, 0, 20);
    report(2, 0, 10);
    assert.equal(pick(), 3);
    assert.equal(pick(), 2, "the fastest was the oldest");
    // The worst, e0, went with the second call; e1 is the only one of the two left that is known, too few to choose from.
    const picks = tally(() => ready[pick([ready[0]!, ready[1]!])]!, 100);
    assert.ok((picks.get("e0") ?? 0) > 20, [...picks].join(" "));
  });

  it("leaves endpoints out whose calls fail, however idle they look, until the penalty has faded", () => {
    const { report, pick, ready, clock } = lab(3, { ...STILL, hotQuantile: 0.8 });
    ready[0]!.started();
    ready[0]!.ended(0, 1, "failure");
    const tell = () => {
      report(0, 0, 1);
      report(1, 5, 80);
      report(2, 6, 90);
    };
    tell();
    assert.equal(pick(), 1);
    clock.advance(20_000);
    tell();
    assert.equal(pick(), 0);
  });

  it("picks a good endpoint when it knows but those that fail", () => {
    const { report, pick, ready } = lab(4);
    for (const at of [0, 1]) {
      ready[at]!.started();
      ready[at]!.ended(0, 1, "failure");
      report(at, 0, 1);
    }
    const picks = tally(() => ready[pick()]!, 1_000);
    assert.ok((picks.get("e2") ?? 0) + (picks.get("e3") ?? 0) > 800, [...picks].join(" "));
  });

  it("forgets endpoints that have gone, and hears nothing of others", () => {
    const { report, policy, ready } = lab(4, { ...STILL, hotQuantile: 1 });
    for (let at = 0; at < 4; at++) report(at, 0, at + 1);
    const left = ready.slice(2);
    policy.update?.(left);
    report(0, 0, 1);
    assert.equal(policy.pick(left, CALL), ready[2]);
  });

  it("sends a retry to the best of the others", () => {
    const { report, policy, ready } = lab(4, { ...STILL, hotQuantile: 1 });
    for (let at = 0; at < 4; at++) report(at, 0, at + 1);
    assert.equal(policy.pick(ready.slice(1), CALL), ready[1]);
  });

  it("draws two and takes the lighter, as p2c does, where nobody can be asked", () => {
    const ready = states(10);
    const policy = prequal()({ clock: new VirtualClock(), random: seededRandom(1) });
    policy.update?.(ready);
    for (let call = 0; call < 1_000; call++) policy.pick(ready, CALL).started();
    const counts = ready.map(({ inFlight }) => inFlight);
    assert.ok(Math.max(...counts) / Math.min(...counts) <= 1.2, counts.join(" "));
  });

  it("refuses options that are out of range, all at once", () => {
    assert.throws(
      () => prequal({ poolSize: 1, maxAgeMs: 0, probesPerCall: 11, removalsPerCall: -1, hotQuantile: 2 }),
      (error) =>
        error instanceof MeshError &&
        error.code === "INVALID_ARGUMENT" &&
        ["poolSize", "maxAgeMs", "probesPerCall", "removalsPerCall", "hotQuantile"].every((name) =>
          error.message.includes(name),
        ),
    );
  });
});
