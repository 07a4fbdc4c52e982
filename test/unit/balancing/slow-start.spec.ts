import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Balancer } from "../../../sdk/src/balancing/balancer.ts";
import { PICK_POLICIES } from "../../../sdk/src/balancing/pick-policies.ts";
import type { SlowStartOptions } from "../../../sdk/src/balancing/slow-start.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { states, tally } from "./fleet.ts";

function balancer(clock: VirtualClock, policy: keyof typeof PICK_POLICIES, slowStart: SlowStartOptions): Balancer {
  return new Balancer({ policy: PICK_POLICIES[policy], clock, random: seededRandom(1), slowStart });
}

describe("slow start", () => {
  it("gives an endpoint that comes little at first and its full share in the end", () => {
    const clock = new VirtualClock();
    const one = balancer(clock, "weighted_round_robin", { windowMs: 10_000 });
    const all = states(10);
    one.update(all.slice(0, 9));
    clock.advance(20_000);
    one.update(all);
    const picks = (): number => tally(() => one.pick({ hash: undefined }, [])!, 1_000).get("e9") ?? 0;
    assert.ok(Math.abs(picks() - 1_000 * (0.1 / 9.1)) <= 2);
    clock.advance(5_000);
    assert.ok(Math.abs(picks() - 1_000 * (0.5 / 9.5)) <= 2);
    clock.advance(5_000);
    assert.equal(picks(), 100);
    assert.equal(clock.pending, 0);
  });

  it("grows sooner with more aggression, and never below the least share", () => {
    const clock = new VirtualClock();
    const one = balancer(clock, "p2c", { windowMs: 10_000, minShare: 0.2, aggression: 2 });
    const [old, fresh] = states(2);
    one.update([old!]);
    clock.advance(10_000);
    one.update([old!, fresh!]);
    assert.equal(fresh!.share, 0.2);
    assert.equal(old!.share, 1);
    clock.advance(2_500);
    assert.equal(fresh!.share, 0.5);
    assert.equal(fresh!.weight, 0.5);
  });

  it("treats endpoints that came together alike, and starts nothing anew for those it knows", () => {
    const clock = new VirtualClock();
    const one = balancer(clock, "p2c", {});
    const all = states(3);
    one.update(all);
    clock.advance(15_000);
    one.update([...all]);
    assert.deepEqual(
      all.map(({ share }) => share),
      [0.5, 0.5, 0.5],
    );
  });

  it("leaves alone what calls are kept together by", () => {
    const one = balancer(new VirtualClock(), "ring_hash", {});
    const [state] = states(1);
    one.update([state!]);
    assert.equal(state!.share, 1);
  });

  it("stops when no endpoint is left", () => {
    const clock = new VirtualClock();
    const one = balancer(clock, "p2c", {});
    one.update(states(2));
    one.update([]);
    assert.equal(clock.pending, 0);
  });

  it("refuses options that are out of range", () => {
    assert.throws(
      () => balancer(new VirtualClock(), "p2c", { windowMs: 1, minShare: 0, aggression: -1 }),
      /options of slow start are wrong: windowMs is 1: give 100 to 3600000; minShare is 0: .*; aggression is -1/,
    );
  });
});
