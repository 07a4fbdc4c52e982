/** What ring_hash and maglev have in common, and how they differ in figures. */
import assert from "node:assert/strict";
import { EndpointState } from "../../../sdk/src/balancing/endpoint-state.ts";
import { hashText } from "../../../sdk/src/balancing/hash-text.ts";
import { maglev } from "../../../sdk/src/balancing/maglev.ts";
import type { PickPolicyFactory } from "../../../sdk/src/balancing/pick-policy.ts";
import { ringHash } from "../../../sdk/src/balancing/ring-hash.ts";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";
import { endpoint, states, weighing } from "./fleet.ts";

const KEYS = Array.from({ length: 20_000 }, (_, at) => hashText(`user-${at}`));

/** Whose each key is. */
function owners(factory: PickPolicyFactory, ready: readonly EndpointState[], seed = 1): string[] {
  const policy = factory({ clock: new VirtualClock(), random: seededRandom(seed) });
  policy.update?.(ready);
  return KEYS.map((hash) => policy.pick(ready, { hash }).endpoint.id);
}

function moved(before: readonly string[], after: readonly string[]): number {
  return before.filter((id, at) => id !== after[at]).length / before.length;
}

function shareOf(id: string, found: readonly string[]): number {
  return found.filter((one) => one === id).length / found.length;
}

const cases = [
  { name: "ring_hash", factory: ringHash(), unevenness: 0.35, movedMost: 0.015 },
  {
    name: "ring_hash with a larger ring",
    factory: ringHash({ minRingSize: 65_536, maxRingSize: 65_536 }),
    unevenness: 0.15,
    movedMost: 0.025,
  },
  { name: "maglev", factory: maglev(), unevenness: 0.1, movedMost: 0.03 },
];

for (const { name, factory, unevenness, movedMost } of cases) {
  describe(name, () => {
    it("gives a key the same endpoint at every client, in whatever order they list them", () => {
      const ready = states(20);
      const found = owners(factory, ready);
      assert.deepEqual(owners(factory, ready.toReversed(), 2), found);
      assert.equal(new Set(found).size, 20);
    });

    it(`spreads keys over 10 endpoints within ${100 * unevenness} %`, () => {
      const found = owners(factory, states(10));
      for (let at = 0; at < 10; at++) {
        const share = shareOf(`e${at}`, found);
        assert.ok(Math.abs(share - 0.1) <= 0.1 * unevenness, `e${at}: ${share}`);
      }
    });

    it("gives heavier endpoints more of them", () => {
      const found = owners(factory, weighing(1, 1, 2, 4));
      for (const [at, share] of [1 / 8, 1 / 8, 2 / 8, 4 / 8].entries()) {
        const got = shareOf(`e${at}`, found);
        assert.ok(Math.abs(got - share) < share * unevenness, `e${at}: ${got}`);
      }
    });

    it(`moves the keys of one of 100 that goes, and ${100 * movedMost} % in all at most`, () => {
      const ready = states(100);
      const before = owners(factory, ready);
      const after = owners(
        factory,
        ready.filter((state) => state.endpoint.id !== "e42"),
      );
      assert.ok(!after.includes("e42"));
      const share = moved(before, after);
      assert.ok(share <= movedMost, `${share} moved`);
      const back = owners(factory, ready);
      assert.deepEqual(back, before);
    });

    it("goes by ids: an endpoint that has moved to another address keeps its keys", () => {
      const ready = states(10);
      const renewed = ready.map(
        (state) => new EndpointState({ ...state.endpoint, address: { host: "10.9.9.9", port: 9 } }),
      );
      assert.deepEqual(owners(factory, renewed), owners(factory, ready));
    });

    it("sends a retry to one other endpoint, always the same, and most keys of one to several", () => {
      const ready = states(10);
      const policy = factory({ clock: new VirtualClock(), random: seededRandom(1) });
      policy.update?.(ready);
      const seconds = new Set<string>();
      for (const hash of KEYS) {
        const first = policy.pick(ready, { hash });
        if (first !== ready[0]) continue;
        const untried = ready.filter((state) => state !== first);
        const second = policy.pick(untried, { hash });
        assert.notEqual(second, first);
        assert.equal(policy.pick(untried, { hash }), second);
        seconds.add(second.endpoint.id);
      }
      assert.ok(seconds.size >= 5, [...seconds].join(" "));
    });

    it("spreads calls without a key", () => {
      const ready = states(4);
      const policy = factory({ clock: new VirtualClock(), random: seededRandom(1) });
      policy.update?.(ready);
      const found = Array.from({ length: 4_000 }, () => policy.pick(ready, { hash: undefined }).endpoint.id);
      for (let at = 0; at < 4; at++) assert.ok(shareOf(`e${at}`, found) > 0.15);
    });
  });
}

describe("maglev's table", () => {
  it("is not built again when endpoints become others of the same ids", () => {
    const factory = maglev({ tableSize: 655_373 });
    const policy = factory({ clock: new VirtualClock(), random: seededRandom(1) });
    const took = (ready: readonly EndpointState[]): number => {
      policy.update?.(ready);
      const begun = performance.now();
      const picked = policy.pick(ready, { hash: 7 });
      assert.ok(ready.includes(picked));
      return performance.now() - begun;
    };
    took(states(100));
    const [again, changed] = [took(states(100)), took(states(101))];
    assert.ok(again < changed / 5, `${again} ms, ${changed} ms to build one`);
  });

  it("takes weights as far apart as registries allow", () => {
    const found = owners(maglev(), weighing(1, 65_535));
    assert.ok(shareOf("e0", found) > 0 && shareOf("e0", found) < 0.01);
  });
});

describe("options of consistent hashing", () => {
  it("are refused when they are out of range", () => {
    const wrong: (() => unknown)[] = [
      () => ringHash({ minRingSize: 0 }),
      () => ringHash({ minRingSize: 2_000, maxRingSize: 1_000 }),
      () => ringHash({ maxRingSize: 70_000 }),
      () => maglev({ tableSize: 65_536 }),
      () => maglev({ tableSize: 5_000_077 }),
      () => maglev({ tableSize: 2.5 }),
    ];
    for (const make of wrong) {
      assert.throws(make, (error) => error instanceof MeshError && error.code === "INVALID_ARGUMENT");
    }
  });

  it("give every endpoint a place on the ring, however many there are", () => {
    const ready = Array.from({ length: 5_000 }, (_, at) => new EndpointState(endpoint(`e${at}`)));
    const policy = ringHash({ minRingSize: 1, maxRingSize: 1_024 })({
      clock: new VirtualClock(),
      random: seededRandom(1),
    });
    policy.update?.(ready);
    const found = new Set<EndpointState>();
    for (let at = 0; at < 400_000; at++) found.add(policy.pick(ready, { hash: undefined }));
    assert.ok(found.size > 4_900, `${found.size} of 5000 were picked`);
  });
});
