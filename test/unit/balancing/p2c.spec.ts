import assert from "node:assert/strict";
import * as fc from "fast-check";
import { EndpointState } from "../../../sdk/src/balancing/endpoint-state.ts";
import { p2c } from "../../../sdk/src/balancing/p2c.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { endpoint, states } from "./fleet.ts";

const CALL = { hash: undefined };

/** Picks and counts, and gives the number of picks per endpoint. */
function burst(ready: readonly EndpointState[], picks: number, seed = 1): number[] {
  const policy = p2c({ clock: new VirtualClock(), random: seededRandom(seed) });
  for (let at = 0; at < picks; at++) policy.pick(ready, CALL).started();
  return ready.map((state) => state.inFlight);
}

/** Draws these numbers, then fails. */
function scripted(...draws: number[]): () => number {
  return () => {
    const draw = draws.shift();
    assert.ok(draw !== undefined, "drew more often than expected");
    return draw;
  };
}

describe("p2c", () => {
  it("spreads a burst of 1000 calls in one tick over 10 equal endpoints within 1.2", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const counts = burst(states(10), 1000, seed);
      const ratio = Math.max(...counts) / Math.min(...counts);
      assert.ok(ratio <= 1.2, `seed ${seed}: ${counts.join(" ")}`);
    }
  });

  it("takes the lighter of two different endpoints", () => {
    const [a, b, c] = states(3);
    a!.started();
    const pick = (...draws: number[]) =>
      p2c({ clock: new VirtualClock(), random: scripted(...draws) }).pick([a!, b!, c!], CALL);
    assert.equal(pick(0, 0), b, "the same number twice means the next endpoint, not the same one");
    assert.equal(pick(0, 0.99), c);
    assert.equal(pick(0.34, 0), b);
    assert.equal(pick(0.99, 0.99), c, "a tie keeps the first drawn");
  });

  it("draws every pair equally often", () => {
    const ready = states(4);
    const counts = new Map<EndpointState, number>();
    const policy = p2c({ clock: new VirtualClock(), random: seededRandom(7) });
    for (let at = 0; at < 40_000; at++) {
      const state = policy.pick(ready, CALL);
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    for (const count of counts.values()) assert.ok(Math.abs(count - 10_000) < 400, [...counts.values()].join(" "));
    assert.equal(counts.size, 4);
  });

  it("gives calls in flight by weight", () => {
    const ready = [1, 1, 2, 2].map((weight, at) => new EndpointState(endpoint(`e${at}`, weight)));
    const [a, b, c, d] = burst(ready, 6_000);
    assert.ok(Math.abs((c! + d!) / (a! + b!) - 2) < 0.05, `${a} ${b} ${c} ${d}`);
  });

  it("takes a weight that is no positive number for 1", () => {
    const weights = [1, 0, -3, NaN, Infinity];
    const counts = burst(
      weights.map((weight, at) => new EndpointState(endpoint(`e${at}`, weight))),
      5_000,
    );
    for (const count of counts) assert.ok(Math.abs(count - 1_000) < 50, counts.join(" "));
  });

  it("gives a fresh endpoint its share: neither nothing nor everything", () => {
    const clock = new VirtualClock();
    const ready = states(10);
    for (const state of ready.slice(1)) {
      state.started();
      state.ended(0, 167, "success");
    }
    const policy = p2c({ clock, random: seededRandom(3) });
    for (let at = 0; at < 1_000; at++) policy.pick(ready, CALL).started();
    const counts = ready.map((state) => state.inFlight);
    assert.ok(counts[0]! >= 80 && counts[0]! <= 120, counts.join(" "));
  });

  it("leaves an endpoint that just failed alone while its peers have room", () => {
    const ready = states(10);
    for (const state of ready) {
      state.started();
      state.ended(0, 20, state === ready[0] ? "failure" : "success");
    }
    assert.equal(burst(ready, 1_000)[0], 0);
  });

  it("tries an endpoint that failed again after a while", () => {
    const clock = new VirtualClock();
    const [failed, peer] = states(2);
    failed!.started();
    failed!.ended(0, 1, "failure");
    peer!.started();
    peer!.ended(0, 20, "success");
    const policy = p2c({ clock, random: seededRandom(1) });
    for (let second = 0; second < 120; second++) {
      clock.advance(1_000);
      const state = policy.pick([failed!, peer!], CALL);
      if (state === failed) return assert.ok(second > 30, `after ${second} s`);
      state.started();
      state.ended(clock.now(), 20, "success");
    }
    assert.fail("not tried for two minutes");
  });

  it("lets an equal that was slow once back in, and one that is slow have a call only now and then", () => {
    for (const slowOnceMs of [1, 30]) {
      const clock = new VirtualClock();
      const ready = states(3);
      const policy = p2c({ clock, random: seededRandom(slowOnceMs) });
      for (let call = 0; call < 10_000; call++) {
        const state = policy.pick(ready, CALL);
        state.started();
        // The second is slow throughout, the third with its first call.
        const durationMs = state === ready[1] ? 20 : state === ready[2] && state.picks === 1 ? slowOnceMs : 2;
        clock.advance(durationMs);
        state.ended(clock.now(), durationMs, "success");
      }
      const [equal, slow, slowOnce] = ready.map(({ picks }) => picks);
      assert.ok(slow! >= 5 && slow! <= 25, `${slow} calls`);
      assert.ok(slowOnce! > 0.9 * equal!, `${equal} and ${slowOnce}`);
    }
  });

  it("does the same work for ten endpoints and for ten thousand", () => {
    const work = (size: number) => {
      let draws = 0;
      let reads = 0;
      const random = seededRandom(1);
      const ready = new Proxy(states(size), {
        get: (target, key) => {
          reads++;
          return Reflect.get(target, key) as unknown;
        },
      });
      const policy = p2c({
        clock: new VirtualClock(),
        random: () => {
          draws++;
          return random();
        },
      });
      for (let at = 0; at < 100; at++) policy.pick(ready, CALL).started();
      return { draws, reads };
    };
    assert.deepEqual(work(10), { draws: 200, reads: 300 });
    assert.deepEqual(work(10_000), work(10));
  });

  it("asks for nothing when there is one endpoint, and for one when there is none", () => {
    const policy = p2c({ clock: new VirtualClock(), random: scripted() });
    const [only] = states(1);
    assert.equal(policy.pick([only!], CALL), only);
    assert.throws(
      () => policy.pick([], CALL),
      (error) => error instanceof MeshError && error.code === "INTERNAL",
    );
  });

  it("always picks a member, changing no count, whatever the endpoints went through", () => {
    const history = fc.record({
      weight: fc.double({ min: -1, max: 10 }),
      inFlight: fc.nat(5),
      durationMs: fc.double({ min: 0, max: 1e5, noNaN: true }),
      verdict: fc.constantFrom("success" as const, "failure" as const, "overload" as const, "neutral" as const),
    });
    fc.assert(
      fc.property(fc.array(history, { minLength: 1, maxLength: 8 }), fc.nat(), fc.nat(1e6), (fleet, seed, laterMs) => {
        const clock = new VirtualClock();
        const ready = fleet.map(({ weight, inFlight, durationMs, verdict }, at) => {
          const state = new EndpointState(endpoint(`e${at}`, weight));
          for (let call = 0; call <= inFlight; call++) state.started();
          state.ended(0, durationMs, verdict);
          return state;
        });
        clock.advance(laterMs);
        const before = ready.map((state) => state.inFlight);
        const picked = p2c({ clock, random: seededRandom(seed) }).pick(ready, CALL);
        assert.ok(ready.includes(picked));
        assert.deepEqual(
          ready.map((state) => state.inFlight),
          before,
        );
      }),
    );
  });
});
