import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type Random, seededRandom, systemRandom } from "../../../sdk/src/call/random.ts";

function draw(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random());
}

describe("seededRandom", () => {
  it("repeats itself from the same seed, and only from the same", () => {
    assert.deepEqual(draw(seededRandom(42), 100), draw(seededRandom(42), 100));
    assert.notDeepEqual(draw(seededRandom(42), 4), draw(seededRandom(43), 4));
  });

  it("draws the same numbers for ever: recorded seeds stay good", () => {
    const numbers = draw(seededRandom(1), 3).map((number) => Math.floor(number * 2 ** 32));
    assert.deepEqual(numbers, [2_693_262_067, 11_749_833, 2_265_367_787]);
  });

  it("draws from 0 to less than 1 whatever the seed", () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer(), fc.double()), (seed) => {
        for (const number of draw(seededRandom(seed), 20)) assert.ok(number >= 0 && number < 1, `${number}`);
      }),
    );
  });

  it("draws evenly", () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (const number of draw(seededRandom(7), 100_000)) tenths[Math.floor(number * 10)]!++;
    for (const count of tenths) assert.ok(Math.abs(count - 10_000) < 400, tenths.join(" "));
  });
});

describe("systemRandom", () => {
  it("draws from 0 to less than 1, and not the same twice", () => {
    const numbers = draw(systemRandom, 1_000);
    assert.ok(numbers.every((number) => number >= 0 && number < 1));
    assert.ok(new Set(numbers).size > 990);
  });
});
