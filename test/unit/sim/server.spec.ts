import assert from "node:assert/strict";
import { seededRandom } from "../../../sdk/src/call/random.ts";
import { Agenda } from "../../sim/agenda.ts";
import { exponential } from "../../sim/distributions.ts";
import { SimServer } from "../../sim/server.ts";

/** Calls that a server takes, with when each ended. */
function lab(cores: number) {
  const agenda = new Agenda();
  const server = new SimServer(agenda, { id: "s", cores });
  const ended: [string, number][] = [];
  const take = (name: string, workMs: number, atMs = 0): void =>
    void agenda.setTimer(() => {
      server.take(workMs, (ok) => void ended.push([ok ? name : `${name} failed`, agenda.now()]));
    }, atMs);
  return { agenda, server, ended, take };
}

describe("a simulated server", () => {
  it("shares its cores evenly, and gives no call more than one", () => {
    const { agenda, ended, take } = lab(1);
    take("a", 10);
    take("b", 10);
    take("c", 2, 4);
    agenda.runUntil(100);
    // Two share the core for 4 ms, three until c has its 2, two again until both have their 10.
    assert.deepEqual(ended, [
      ["c", 10],
      ["a", 22],
      ["b", 22],
    ]);
    const wide = lab(4);
    wide.take("alone", 10);
    wide.agenda.runUntil(100);
    assert.deepEqual(wide.ended, [["alone", 10]]);
  });

  it("goes on with what others leave it, at the pace that it has at the time", () => {
    const { agenda, server, ended, take } = lab(1);
    take("a", 10);
    agenda.setTimer(() => server.setShare(0.5), 4);
    take("slow", 5, 30);
    agenda.setTimer(() => server.setSlowness(2), 20);
    agenda.runUntil(100);
    assert.deepEqual(ended, [
      ["a", 16],
      ["slow", 50],
    ]);
  });

  it("does no further work for who has given up", () => {
    const { agenda, server, ended, take } = lab(1);
    take("a", 10);
    agenda.setTimer(() => {
      const giveUp = server.take(10, () => assert.fail("it was given up"));
      agenda.setTimer(giveUp, 4);
    }, 0);
    agenda.runUntil(100);
    assert.deepEqual(ended, [["a", 12]]);
    assert.equal(server.inFlight, 0);
  });

  it("fails at once while it is told to", () => {
    const { agenda, server, ended, take } = lab(1);
    server.setFailing(1, 1, () => 0);
    take("a", 10);
    agenda.setTimer(() => server.setFailing(0, 1, () => 0), 5);
    take("b", 10, 6);
    agenda.runUntil(100);
    assert.deepEqual(ended, [
      ["a failed", 1],
      ["b", 16],
    ]);
  });

  it("behaves as queueing theory has it: at 80 % load, exponential work takes five times as long", () => {
    const { agenda, server } = lab(1);
    const random = seededRandom(7);
    let [calls, totalMs] = [0, 0];
    const arrive = (): void => {
      const begun = agenda.now();
      server.take(exponential(random, 8), () => {
        calls++;
        totalMs += agenda.now() - begun;
      });
      agenda.setTimer(arrive, exponential(random, 10));
    };
    arrive();
    agenda.runUntil(2_000_000);
    assert.ok(Math.abs(totalMs / calls / 40 - 1) < 0.1, `${totalMs / calls} ms on average, 40 expected`);
  });
});
