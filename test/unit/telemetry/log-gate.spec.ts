import assert from "node:assert/strict";
import { LogGate } from "../../../sdk/src/telemetry/log-gate.ts";
import { VirtualClock } from "../../../sdk/src/testing/index.ts";

function gateOf(clock: VirtualClock): { gate: LogGate; told: number[] } {
  const told: number[] = [];
  const onSuppressed = (lines: number): void => void told.push(lines);
  return { gate: new LogGate({ clock, linesPerWindow: 2, windowMs: 1000, onSuppressed }), told };
}

const passes = (gate: LogGate, times: number): number =>
  Array.from({ length: times }, () => gate.pass()).filter(Boolean).length;

describe("a log gate", () => {
  it("lets a few lines through in a window and tells the rest when it ends, without another line", () => {
    const clock = new VirtualClock();
    const { gate, told } = gateOf(clock);
    assert.equal(passes(gate, 50), 2);
    clock.advance(999);
    assert.deepEqual(told, []);
    clock.advance(1);
    assert.deepEqual(told, [48]);
    assert.equal(clock.pending, 0);
  });

  it("opens again with the next window", () => {
    const clock = new VirtualClock();
    const { gate, told } = gateOf(clock);
    passes(gate, 5);
    clock.advance(1000);
    assert.equal(passes(gate, 3), 2);
    clock.advance(1000);
    assert.deepEqual(told, [3, 1]);
  });

  it("sets no timer and tells nothing while lines stay few", () => {
    const clock = new VirtualClock();
    const { gate, told } = gateOf(clock);
    for (let window = 0; window < 5; window++) {
      assert.equal(passes(gate, 2), 2);
      assert.equal(clock.pending, 0);
      clock.advance(1000);
    }
    assert.deepEqual(told, []);
  });
});
