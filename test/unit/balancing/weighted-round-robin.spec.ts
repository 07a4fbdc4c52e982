import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { EndpointState } from "../../../sdk/src/balancing/endpoint-state.ts";
import { weightedRoundRobin, type WeightedRoundRobinOptions } from "../../../sdk/src/balancing/weighted-round-robin.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { states, tally, weighing } from "./fleet.ts";

const CALL = { hash: undefined };

function lab(ready: readonly EndpointState[], options: WeightedRoundRobinOptions = {}) {
  const clock = new VirtualClock();
  const policy = weightedRoundRobin(options)({ clock, random: seededRandom(1) });
  policy.update?.(ready);
  return {
    clock,
    policy,
    report: (state: EndpointState, qps: number, utilization: number, eps = 0) =>
      policy.reported?.(state, { inFlight: 1, latencyMs: 1, qps, utilization, eps }),
    shares: (picks = 6_000) => {
      const counts = tally(() => policy.pick(ready, CALL), picks);
      return ready.map(({ endpoint }) => (counts.get(endpoint.id) ?? 0) / picks);
    },
  };
}

function near(shares: readonly number[], expected: readonly number[]): void {
  const close = shares.every((share, at) => Math.abs(share - expected[at]!) < 0.002);
  assert.ok(close, `${shares.join(" ")}, ${expected.join(" ")} expected`);
}

describe("weighted_round_robin", () => {
  it("keeps the shares of the registry's weights to one call in any stretch", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 500 }), (weights, picks) => {
        const ready = weighing(...weights);
        const { policy } = lab(ready);
        const counts = tally(() => policy.pick(ready, CALL), picks);
        const total = weights.reduce((sum, weight) => sum + weight);
        for (const [at, weight] of weights.entries()) {
          const due = (picks * weight) / total;
          // Others may be early or late by one turn of theirs each.
          const slack = 1 + (weight * weights.length) / total;
          assert.ok(
            Math.abs((counts.get(`e${at}`) ?? 0) - due) <= slack + 1,
            `${at}: ${counts.get(`e${at}`)}, ${due} due`,
          );
        }
      }),
    );
  });

  it("gives calls in proportion to what load reports say that endpoints can do", () => {
    const ready = states(3);
    const { report, clock, shares } = lab(ready);
    for (const [at, state] of ready.entries()) report(state, 100, 0.8 / (at + 1));
    near(shares(), [1 / 3, 1 / 3, 1 / 3]);
    clock.advance(10_000);
    near(shares(), [1 / 6, 2 / 6, 3 / 6]);
  });

  it("takes an endpoint that fails for more utilised than it says", () => {
    const ready = states(2);
    const { report, clock, shares } = lab(ready, { errorPenalty: 2 });
    report(ready[0]!, 100, 0.5);
    report(ready[1]!, 100, 0.5, 25);
    clock.advance(10_000);
    near(shares(), [2 / 3, 1 / 3]);
  });

  it("gives endpoints that say nothing the mean of the others, and goes by the registry when too few say something", () => {
    const ready = weighing(1, 1, 1, 3);
    const { report, clock, shares } = lab(ready);
    report(ready[0]!, 100, 0.5);
    clock.advance(10_000);
    near(shares(), [1 / 6, 1 / 6, 1 / 6, 3 / 6]);
    report(ready[1]!, 300, 0.5);
    report(ready[2]!, 0, 0.5);
    clock.advance(10_000);
    near(shares(), [1 / 8, 3 / 8, 2 / 8, 2 / 8]);
  });

  it("forgets reports that are too old, and waits again after it", () => {
    const ready = states(2);
    const { report, clock, shares } = lab(ready, { expirationMs: 30_000 });
    const both = () => ready.forEach((state, at) => report(state, 100, 0.3 * (at + 1)));
    both();
    clock.advance(10_000);
    near(shares(), [2 / 3, 1 / 3]);
    clock.advance(21_000);
    near(shares(), [1 / 2, 1 / 2]);
    both();
    clock.advance(9_000);
    near(shares(), [1 / 2, 1 / 2]);
    clock.advance(1_000);
    near(shares(), [2 / 3, 1 / 3]);
  });

  it("ignores reports when it is told to go by the registry", () => {
    const ready = weighing(1, 3);
    const { report, clock, shares } = lab(ready, { weights: "registry" });
    for (const state of ready) report(state, 100, 0.5);
    clock.advance(20_000);
    near(shares(), [1 / 4, 3 / 4]);
  });

  it("keeps the turns of those that a retry cannot take", () => {
    const ready = states(4);
    const { policy } = lab(ready);
    const served = new Map<string, number>();
    for (let call = 0; call < 400; call++) {
      let state = policy.pick(ready, CALL);
      if (state === ready[1]) state = policy.pick([ready[0]!, ready[2]!, ready[3]!], CALL);
      served.set(state.endpoint.id, (served.get(state.endpoint.id) ?? 0) + 1);
    }
    for (const count of served.values()) assert.ok(Math.abs(count - 400 / 3) < 3, [...served].join(" "));
  });

  it("refuses options that are out of range", () => {
    for (const options of [{ blackoutMs: -1 }, { expirationMs: 0 }, { updateMs: 99 }, { errorPenalty: NaN }]) {
      assert.throws(
        () => weightedRoundRobin(options),
        (error) => error instanceof MeshError && error.code === "INVALID_ARGUMENT",
      );
    }
  });
});
