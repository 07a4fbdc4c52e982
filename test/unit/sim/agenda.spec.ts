import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Agenda } from "../../sim/agenda.ts";

describe("the simulator's agenda", () => {
  it("runs events in the order of their time, and of their setting at one time", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (delays) => {
        const agenda = new Agenda();
        const ran: [number, number][] = [];
        delays.forEach((delayMs, order) => void agenda.setTimer(() => ran.push([agenda.now(), order]), delayMs));
        agenda.runUntil(20);
        const expected = delays.map((delayMs, order): [number, number] => [delayMs, order]);
        assert.deepEqual(
          ran,
          expected.sort(([a, first], [b, second]) => a - b || first - second),
        );
      }),
    );
  });

  it("runs what is set meanwhile, not what was cancelled or lies beyond its end", () => {
    const agenda = new Agenda();
    const ran: string[] = [];
    agenda.setTimer(() => agenda.setTimer(() => ran.push("later"), 5), 5);
    agenda.setTimer(() => ran.push("never"), 5).cancel();
    agenda.setTimer(() => ran.push("beyond"), 11);
    agenda.setTimer(() => ran.push("infinity"), Infinity);
    agenda.runUntil(10);
    assert.deepEqual(ran, ["later"]);
    assert.equal(agenda.now(), 10);
  });
});
