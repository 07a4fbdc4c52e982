import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Balancer, type BalancerOptions } from "../../../sdk/src/balancing/balancer.ts";
import { EndpointState } from "../../../sdk/src/balancing/endpoint-state.ts";
import { PICK_POLICIES } from "../../../sdk/src/balancing/pick-policies.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { endpoint } from "./fleet.ts";

function inZones(...zones: readonly (string | undefined)[]): EndpointState[] {
  return zones.map((zone, at) => new EndpointState({ ...endpoint(`e${at}`), zone }));
}

/** A client in zone a, and how its endpoints answer. */
class Caller {
  readonly clock = new VirtualClock();
  readonly balancer: Balancer;

  constructor(options: Partial<BalancerOptions> = {}) {
    const policy = PICK_POLICIES.p2c;
    this.balancer = new Balancer({
      policy,
      clock: this.clock,
      random: seededRandom(7),
      zone: { own: "a" },
      ...options,
    });
  }

  /** Calls one after the other for so long, and the share that left the zone. */
  run(
    seconds: number,
    latencyMs: (zone: string | undefined) => number,
    verdict: "success" | "failure" = "success",
  ): number {
    let [calls, away] = [0, 0];
    for (const end = this.clock.now() + seconds * 1_000; this.clock.now() < end; calls++) {
      const state = this.balancer.pick({ hash: undefined }, [])!;
      const { zone } = state.endpoint;
      if (zone !== "a") away++;
      state.started();
      const durationMs = latencyMs(zone);
      this.clock.advance(durationMs);
      this.balancer.ended(state, { durationMs, verdict, pushbackMs: 0 });
    }
    return away / calls;
  }
}

describe("zone preference", () => {
  it("keeps calls in the own zone but for one in a hundred, which tells how others do", () => {
    const caller = new Caller();
    caller.balancer.update(inZones("a", "a", "b", "c"));
    const away = caller.run(60, () => 5);
    assert.ok(away > 0.005 && away < 0.015, String(away));
  });

  it("sends calls elsewhere while the own zone is much slower, and takes them back", () => {
    const caller = new Caller();
    caller.balancer.update(inZones("a", "b"));
    caller.run(20, () => 5);
    const slow = caller.run(30, (zone) => (zone === "a" ? 100 : 5));
    assert.ok(slow > 0.5, String(slow));
    assert.ok((caller.balancer.elsewhere as number) > 0.9);
    caller.run(30, () => 5);
    assert.ok((caller.balancer.elsewhere as number) <= 0.011);
  });

  it("bears a zone that is twice as slow, and a way that costs a few milliseconds", () => {
    const caller = new Caller();
    caller.balancer.update(inZones("a", "b"));
    caller.run(60, (zone) => (zone === "a" ? 24 : 10));
    assert.equal(caller.balancer.elsewhere, 0.01);
  });

  it("takes fast failures for no sign of room", () => {
    const caller = new Caller({ outliers: undefined });
    caller.balancer.update(inZones("a", "b"));
    caller.run(10, (zone) => (zone === "a" ? 100 : 5));
    const before = caller.balancer.elsewhere as number;
    caller.run(10, () => 1, "failure");
    assert.ok((caller.balancer.elsewhere as number) >= before);
  });

  it("goes elsewhere when the own zone has nobody, and stays when others have", () => {
    const caller = new Caller();
    caller.balancer.update(inZones("b", undefined));
    assert.equal(
      caller.run(1, () => 5),
      1,
    );
    caller.balancer.update(inZones("a"));
    assert.equal(
      caller.run(1, () => 5),
      0,
    );
    assert.equal(caller.balancer.elsewhere, 0);
  });

  it("relies on endpoints that are left for 1.4 times their share", () => {
    const caller = new Caller({ outliers: { maxEjectedShare: 1, panicShare: 0 } });
    const all = inZones("a", "a", "b", "b");
    caller.balancer.update(all);
    const failing = all[0] as EndpointState;
    for (let call = 0; call < 5; call++) {
      failing.started();
      caller.balancer.ended(failing, { durationMs: 1, verdict: "failure", pushbackMs: 0 });
    }
    assert.ok(caller.balancer.ejectionOf(failing) !== undefined);
    assert.ok(Math.abs((caller.balancer.elsewhere as number) - 0.3) < 1e-9);
  });

  it("retries in the other zone what has tried all of one", () => {
    const caller = new Caller({ random: () => 0.5 });
    const [a, b] = inZones("a", "b");
    caller.balancer.update([a!, b!]);
    assert.equal(caller.balancer.pick({ hash: undefined }, []), a);
    assert.equal(caller.balancer.pick({ hash: undefined }, [a!]), b);
    assert.equal(caller.balancer.pick({ hash: undefined }, [a!, b!]), a);
  });

  it("tells load reports to the policy of the endpoint's zone", () => {
    const heard: string[] = [];
    let made = 0;
    const policy: BalancerOptions["policy"] = () => {
      const name = made++ === 0 ? "own" : "others";
      return { name, pick: ([first]) => first!, reported: (state) => void heard.push(`${name} ${state.endpoint.id}`) };
    };
    const caller = new Caller({ policy });
    const [a, b] = inZones("a", "b");
    caller.balancer.update([a!, b!]);
    for (const state of [a!, b!]) {
      caller.balancer.reported(state, { inFlight: 0, latencyMs: 1, utilization: 0, qps: 1, eps: 0 });
    }
    assert.deepEqual(heard, ["own e0", "others e1"]);
  });

  it("leaves alone what calls are kept together by", () => {
    const caller = new Caller({ policy: PICK_POLICIES.maglev });
    const all = inZones("a", "b", "c");
    caller.balancer.update(all);
    assert.equal(caller.balancer.elsewhere, undefined);
    const zones = new Set(
      Array.from({ length: 100 }, (_, hash) => caller.balancer.pick({ hash: hash * 97 }, [])!.endpoint.zone),
    );
    assert.equal(zones.size, 3);
  });

  it("refuses options that are out of range", () => {
    assert.throws(
      () => new Caller({ zone: { own: "a", tolerance: 0.5, allowanceMs: -1 } }),
      /options of zone preference are wrong: tolerance is 0.5: give 1 to 100; allowanceMs is -1: give 0 to 60000/,
    );
  });
});
