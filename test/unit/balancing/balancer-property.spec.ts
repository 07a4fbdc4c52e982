/** What holds of every policy behind the balancer, whatever comes: endpoints that go and come, calls that end in any way. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Balancer } from "../../../sdk/src/balancing/balancer.ts";
import type { Endpoint } from "../../../sdk/src/balancing/endpoint.ts";
import { EndpointState, type Verdict } from "../../../sdk/src/balancing/endpoint-state.ts";
import { PICK_POLICIES, pickPolicyNamed } from "../../../sdk/src/balancing/pick-policies.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { endpoint, weighing } from "./fleet.ts";

const VERDICTS: readonly Verdict[] = ["success", "failure", "failure", "failure", "overload", "neutral"];
const MAX_EJECTED_SHARE = 0.3;
const MOST_ENDPOINTS = 12;
/** How far from its share an endpoint may be in the long run. A ring has some 100 places for each, drawn at random. */
const TOLERANCES = {
  p2c: 0.15,
  least_request: 0.15,
  weighted_round_robin: 0.01,
  ring_hash: 0.5,
  maglev: 0.15,
  random: 0.15,
} as const;

type Step =
  | { readonly kind: "list"; readonly listed: readonly number[]; readonly weight: number }
  | { readonly kind: "call"; readonly hash: number | undefined; readonly tried: number }
  | { readonly kind: "end"; readonly which: number; readonly verdict: Verdict; readonly durationMs: number }
  | { readonly kind: "report"; readonly which: number; readonly utilization: number; readonly eps: number }
  | { readonly kind: "use"; readonly policy: keyof typeof PICK_POLICIES }
  | { readonly kind: "wait"; readonly ms: number };

const list = fc.record({
  kind: fc.constant("list" as const),
  listed: fc.uniqueArray(fc.nat(MOST_ENDPOINTS - 1), { maxLength: MOST_ENDPOINTS }),
  weight: fc.integer({ min: 0, max: 5 }),
});
const call = fc.record({
  kind: fc.constant("call" as const),
  hash: fc.option(fc.nat(0xffff_ffff), { nil: undefined }),
  tried: fc.nat(3),
});
const end = fc.record({
  kind: fc.constant("end" as const),
  which: fc.nat(50),
  verdict: fc.constantFrom(...VERDICTS),
  durationMs: fc.integer({ min: 0, max: 5_000 }),
});
const report = fc.record({
  kind: fc.constant("report" as const),
  which: fc.nat(MOST_ENDPOINTS - 1),
  utilization: fc.double({ min: 0, max: 2, noNaN: true }),
  eps: fc.nat(100),
});
const use = fc.record({
  kind: fc.constant("use" as const),
  policy: fc.constantFrom(...(Object.keys(PICK_POLICIES) as (keyof typeof PICK_POLICIES)[])),
});
const wait = fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 40_000 }) });
const steps = fc.array(
  fc.oneof(
    { arbitrary: list, weight: 1 },
    { arbitrary: call, weight: 10 },
    { arbitrary: end, weight: 8 },
    { arbitrary: report, weight: 2 },
    { arbitrary: wait, weight: 1 },
    { arbitrary: use, weight: 1 },
  ),
  { maxLength: 200, size: "max" },
);

/** A client of endpoints of which some are listed, with its calls under way. */
class Client {
  readonly clock = new VirtualClock();
  readonly balancer: Balancer;
  readonly all: EndpointState[];
  listed: EndpointState[] = [];
  readonly open: EndpointState[] = [];

  /** @param cared with all that can be put around a policy. */
  constructor(policy: keyof typeof PICK_POLICIES, cared: boolean) {
    this.balancer = new Balancer({
      ...(cared && { slowStart: {}, zone: { own: "z0" } }),
      policy: PICK_POLICIES[policy],
      clock: this.clock,
      random: seededRandom(1),
      outliers: { maxEjectedShare: MAX_EJECTED_SHARE, minCalls: 5, minEndpoints: 3 },
      probe: () => undefined,
    });
    this.all = Array.from({ length: MOST_ENDPOINTS }, (_, at) => new EndpointState(located(at, 1)));
  }

  get ejected(): number {
    return this.listed.filter((state) => this.balancer.ejectionOf(state) !== undefined).length;
  }

  take(step: Step): void {
    switch (step.kind) {
      case "list":
        this.listed = step.listed.map((at) => this.all[at]!);
        for (const at of step.listed) this.all[at]!.endpoint = located(at, step.weight);
        return this.balancer.update(this.listed);
      case "call":
        return this.#call(step.hash, this.listed.slice(0, step.tried));
      case "end":
        return this.#end(step);
      case "report": {
        const { utilization, eps } = step;
        return this.balancer.reported(this.all[step.which]!, {
          inFlight: 1,
          latencyMs: 10,
          utilization,
          qps: 100,
          eps,
        });
      }
      case "use":
        return this.balancer.use(PICK_POLICIES[step.policy]);
      case "wait":
        return this.clock.advance(step.ms);
    }
  }

  #call(hash: number | undefined, tried: readonly EndpointState[]): void {
    const state = this.balancer.pick({ hash }, tried);
    if (this.listed.length === 0) return assert.equal(state, undefined);
    assert.ok(state !== undefined && this.listed.includes(state), `${state?.endpoint.id} is not listed`);
    state.started();
    this.open.push(state);
  }

  #end({ which, verdict, durationMs }: Step & { kind: "end" }): void {
    const [state] = this.open.splice(which % Math.max(1, this.open.length), 1);
    if (state === undefined) return;
    this.balancer.ended(state, { durationMs, verdict, pushbackMs: verdict === "overload" ? 100 : 0 });
    const most = Math.max(1, Math.floor(this.listed.length * MAX_EJECTED_SHARE));
    assert.ok(this.ejected <= most, `${this.ejected} of ${this.listed.length} are out`);
  }
}

/** Every second one is in zone z0. */
function located(at: number, weight: number): Endpoint {
  return { ...endpoint(`e${at}`, weight), zone: `z${at % 2}` };
}

const PICKS = 20_000;

describe("pick policies that honour weights", () => {
  for (const [policy, tolerance] of Object.entries(TOLERANCES)) {
    it(`${policy}: give each endpoint its share in the long run`, () => {
      const weights = fc.array(fc.integer({ min: 2, max: 3 }), { minLength: 3, maxLength: 8 });
      const property = fc.property(weights, fc.nat(), (given, seed) => {
        const random = seededRandom(seed);
        const clock = new VirtualClock();
        const balancer = new Balancer({ policy: pickPolicyNamed(policy), clock, random });
        const fleet = weighing(...given);
        balancer.update(fleet);
        // Calls take so long that policies which look at calls in flight see some.
        const open: EndpointState[] = [];
        for (let at = 0; at < PICKS; at++) {
          const state = balancer.pick({ hash: Math.floor(random() * 2 ** 32) }, []);
          state!.started();
          open.push(state!);
          clock.advance(1);
          if (open.length > 4 * fleet.length) {
            balancer.ended(open.shift()!, { durationMs: open.length, verdict: "success", pushbackMs: 0 });
          }
        }
        const total = given.reduce((sum, weight) => sum + weight, 0);
        fleet.forEach(({ picks }, at) => {
          const ratio = picks / ((PICKS * given[at]!) / total);
          assert.ok(
            ratio > 1 - tolerance && ratio < 1 + tolerance,
            `e${at} of ${given.join()} got ${ratio} of its share`,
          );
        });
      });
      fc.assert(property, { numRuns: 15 });
    });
  }
});

describe("every pick policy, whatever comes,", () => {
  for (const policy of Object.keys(PICK_POLICIES) as (keyof typeof PICK_POLICIES)[]) {
    it(`${policy}: picks what is listed, ejects no more than it may, and forgets no call`, () => {
      let ejections = 0;
      fc.assert(
        fc.property(steps, fc.boolean(), (sequence, cared) => {
          const client = new Client(policy, cared);
          for (const step of sequence) {
            client.take(step);
            ejections += client.ejected;
            assert.ok(client.listed.length === 0 || client.ejected < client.listed.length, "all are out");
            for (const state of client.all) {
              assert.equal(state.inFlight, client.open.filter((one) => one === state).length);
            }
          }
          for (const state of client.open.splice(0)) {
            client.balancer.ended(state, { durationMs: 1, verdict: "success", pushbackMs: 0 });
          }
          assert.ok(client.all.every(({ inFlight }) => inFlight === 0));
        }),
        { numRuns: 200 },
      );
      assert.ok(ejections > 0, "nothing was ever out: the steps are too tame");
    });
  }
});
