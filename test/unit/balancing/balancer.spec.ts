import assert from "node:assert/strict";
import { Balancer } from "../../../sdk/src/balancing/balancer.ts";
import type { EndpointState } from "../../../sdk/src/balancing/endpoint-state.ts";
import type { LoadReport } from "../../../sdk/src/balancing/load-report.ts";
import type { PickPolicyFactory } from "../../../sdk/src/balancing/pick-policy.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { states } from "./fleet.ts";

const REPORT: LoadReport = { inFlight: 3, latencyMs: 20, utilization: 0.5, qps: 100, eps: 0 };

/** Picks the first and asks for its load. */
const first: PickPolicyFactory = ({ probe }) => ({
  name: "first",
  pick: (ready) => {
    const state = ready[0] as EndpointState;
    probe?.(state);
    return state;
  },
});

describe("a balancer", () => {
  it("picks among what is ready now, and nobody when nobody is", () => {
    const balancer = new Balancer({ policy: first, clock: new VirtualClock(), random: () => 0 });
    const [a, b] = states(2);
    assert.equal(balancer.pick({ hash: undefined }, []), undefined);
    balancer.update([a!, b!]);
    assert.equal(balancer.pick({ hash: undefined }, []), a);
    assert.equal(balancer.pick({ hash: undefined }, [a!]), b);
    assert.equal(balancer.size, 2);
    balancer.update([]);
    assert.equal(balancer.pick({ hash: undefined }, []), undefined);
  });

  it("charges an endpoint with how its attempts end, on its own clock", () => {
    const clock = new VirtualClock();
    const balancer = new Balancer({ policy: first, clock, random: () => 0 });
    const [a, b] = states(2);
    balancer.update([a!, b!]);
    a!.started();
    clock.advance(100);
    balancer.ended(a!, { durationMs: 100, verdict: "success", pushbackMs: 0 });
    assert.equal(a!.inFlight, 0);
    assert.equal(a!.costMs(clock.now(), b!), 100);
  });

  it("lets a policy ask for load reports and hear them", () => {
    const heard: [EndpointState, LoadReport][] = [];
    const asked: EndpointState[] = [];
    const listening: PickPolicyFactory = (environment) => ({
      ...first(environment),
      reported: (state, report) => void heard.push([state, report]),
    });
    const balancer = new Balancer({
      policy: listening,
      clock: new VirtualClock(),
      random: () => 0,
      probe: (state) => void asked.push(state),
    });
    const [a] = states(1);
    balancer.update([a!]);
    balancer.pick({ hash: undefined }, []);
    assert.deepEqual(asked, [a]);
    balancer.reported(a!, REPORT);
    assert.deepEqual(heard, [[a, REPORT]]);
  });

  it("reminds a policy of what an endpoint told, with what was picked since", () => {
    const heard: LoadReport[] = [];
    const listening: PickPolicyFactory = (environment) => ({
      ...first(environment),
      reported: (_, report) => void heard.push(report),
    });
    const balancer = new Balancer({ policy: listening, clock: new VirtualClock(), random: () => 0 });
    const [a] = states(1);
    balancer.update([a!]);
    balancer.remind(a!);
    balancer.reported(a!, REPORT);
    for (let call = 0; call < 3; call++) balancer.pick({ hash: undefined }, [])!.started();
    balancer.remind(a!);
    assert.deepEqual(heard, [REPORT, { ...REPORT, inFlight: REPORT.inFlight! + 3 }]);
  });

  it("spares policies that do not listen", () => {
    const balancer = new Balancer({ policy: first, clock: new VirtualClock(), random: () => 0 });
    balancer.reported(states(1)[0]!, REPORT);
  });

  it("goes on with another policy and what it knows of endpoints", () => {
    const clock = new VirtualClock();
    const balancer = new Balancer({ policy: first, clock, random: () => 0, slowStart: {}, zone: { own: "here" } });
    const [a, b] = states(2);
    balancer.update([a!]);
    clock.advance(60_000);
    balancer.update([a!, b!]);
    assert.equal(a!.share, 1);
    assert.ok(b!.share < 1);
    a!.started();
    balancer.use((environment) => ({ ...first(environment), name: "keyed", keepsKeys: true }));
    assert.equal(balancer.policy, "keyed");
    assert.equal(b!.share, 1);
    assert.equal(balancer.elsewhere, undefined);
    clock.advance(100);
    balancer.ended(a!, { durationMs: 100, verdict: "success", pushbackMs: 0 });
    balancer.use(first);
    assert.equal(balancer.elsewhere, 1);
    assert.equal(balancer.pick({ hash: undefined }, []), a);
    assert.equal(a!.costMs(clock.now(), b!), 100);
  });

  it("stays as it is when another policy throws as it is made, also the one for other zones", () => {
    const balancer = new Balancer({
      policy: first,
      clock: new VirtualClock(),
      random: () => 0,
      zone: { own: "here" },
    });
    const [a] = states(1);
    balancer.update([a!]);
    let made = 0;
    const broken: PickPolicyFactory = (environment) => {
      if (made++ > 0) throw new Error("broken");
      return { ...first(environment), name: "second" };
    };
    assert.throws(() => balancer.use(broken), /broken/);
    assert.equal(balancer.policy, "first");
    assert.equal(balancer.pick({ hash: undefined }, []), a);
  });

  it("stays as it is when another policy throws as it hears of endpoints", () => {
    const balancer = new Balancer({ policy: first, clock: new VirtualClock(), random: () => 0 });
    const [a] = states(1);
    balancer.update([a!]);
    const broken: PickPolicyFactory = (environment) => ({
      ...first(environment),
      name: "broken",
      update: () => {
        throw new Error("broken");
      },
    });
    assert.throws(() => balancer.use(broken), /broken/);
    assert.equal(balancer.policy, "first");
    assert.equal(balancer.pick({ hash: undefined }, []), a);
  });

  it("gives an endpoint its full share that goes while it is new, whatever policy it comes back to", () => {
    const balancer = new Balancer({ policy: first, clock: new VirtualClock(), random: () => 0, slowStart: {} });
    const [a] = states(1);
    balancer.update([a!]);
    assert.ok(a!.share < 1);
    balancer.update([]);
    balancer.use((environment) => ({ ...first(environment), keepsKeys: true }));
    balancer.update([a!]);
    assert.equal(a!.share, 1);
  });

  it("remembers what a zone can carry when the policy changes", () => {
    const clock = new VirtualClock();
    const balancer = new Balancer({ policy: first, clock, random: seededRandom(1), zone: { own: "z0" } });
    const [own, other] = states(2);
    own!.endpoint = { ...own!.endpoint, zone: "z0" };
    other!.endpoint = { ...other!.endpoint, zone: "z1" };
    balancer.update([own!, other!]);
    for (let call = 0; call < 1_000; call++) {
      const state = balancer.pick({ hash: undefined }, []);
      const durationMs = state === own ? 500 : 5;
      state!.started();
      clock.advance(durationMs);
      balancer.ended(state!, { durationMs, verdict: "success", pushbackMs: 0 });
    }
    const spilled = balancer.elsewhere ?? 0;
    assert.ok(spilled > 0.1, `${spilled}`);
    balancer.use(first);
    assert.equal(balancer.elsewhere, spilled);
  });
});
