import assert from "node:assert/strict";
import * as fc from "fast-check";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { RetryBudget } from "../../../sdk/src/resilience/retry-budget.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

function deposit(budget: RetryBudget, calls: number): void {
  for (let call = 0; call < calls; call++) budget.deposit();
}

/** Withdraws until it is refused; gives how often it was not. */
function drain(budget: RetryBudget): number {
  let retries = 0;
  while (budget.tryWithdraw()) retries++;
  return retries;
}

describe("RetryBudget", () => {
  it("allows one retry for five calls above the floor of ten a second", () => {
    const budget = new RetryBudget({ clock: new VirtualClock() });
    deposit(budget, 1_000);
    assert.equal(budget.balance, 300);
    assert.equal(drain(budget), 300);
  });

  it("allows the floor to a client that makes no calls", () => {
    assert.equal(drain(new RetryBudget({ clock: new VirtualClock() })), 100);
  });

  it("allows nothing when both are zero", () => {
    const budget = new RetryBudget({ clock: new VirtualClock(), ratio: 0, minPerSecond: 0 });
    deposit(budget, 1_000);
    assert.equal(budget.tryWithdraw(), false);
  });

  it("saves parts of retries until they make one", () => {
    const budget = new RetryBudget({ clock: new VirtualClock(), minPerSecond: 0 });
    deposit(budget, 4);
    assert.equal(budget.tryWithdraw(), false);
    deposit(budget, 1);
    assert.equal(budget.tryWithdraw(), true);
    assert.equal(budget.tryWithdraw(), false);
  });

  it("forgets calls and retries after the window", () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ clock, minPerSecond: 0 });
    deposit(budget, 100);
    clock.advance(9_999);
    assert.equal(budget.balance, 20);
    clock.advance(1);
    assert.equal(budget.balance, 0);
  });

  it("forgets them a tenth of the window at a time", () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ clock, minPerSecond: 0 });
    const balances: number[] = [];
    for (let second = 0; second < 10; second++, clock.advance(1_000)) deposit(budget, 50);
    for (let second = 0; second < 10; second++, clock.advance(1_000)) balances.push(budget.balance);
    assert.deepEqual(balances, [90, 80, 70, 60, 50, 40, 30, 20, 10, 0]);
  });

  it("gives the floor back when retries leave the window", () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ clock });
    assert.equal(drain(budget), 100);
    clock.advance(5_000);
    assert.equal(drain(budget), 0);
    clock.advance(5_000);
    assert.equal(drain(budget), 100);
  });

  it("is whole again after any rest, and sets no timer", () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ clock });
    deposit(budget, 10);
    drain(budget);
    clock.advance(1e10);
    assert.equal(budget.balance, 100);
    assert.equal(clock.pending, 0);
  });

  it("keeps its count when the clock goes back", () => {
    let nowMs = -5_000;
    const budget = new RetryBudget({ clock: Object.assign(new VirtualClock(), { now: () => nowMs }), minPerSecond: 0 });
    deposit(budget, 10);
    nowMs = -9_000;
    deposit(budget, 10);
    nowMs = -4_000;
    assert.equal(budget.balance, 4);
    nowMs = 6_000;
    assert.equal(budget.balance, 0);
  });

  it("refuses options out of range, with the range", () => {
    const refused = (options: object, reason: string) =>
      assert.throws(
        () => new RetryBudget({ clock: new VirtualClock(), ...options }),
        (error) => error instanceof MeshError && error.code === "INVALID_ARGUMENT" && error.reason === reason,
      );
    refused({ windowMs: 999 }, "retry budget's windowMs is 999: it must be from 1000 to 60000");
    refused({ windowMs: NaN }, "retry budget's windowMs is NaN: it must be from 1000 to 60000");
    refused({ ratio: -0.1 }, "retry budget's ratio is -0.1: it must be a finite number of at least 0");
    refused({ ratio: Infinity }, "retry budget's ratio is Infinity: it must be a finite number of at least 0");
    refused({ minPerSecond: -1 }, "retry budget's minPerSecond is -1: it must be a finite number of at least 0");
  });

  it("agrees with a plain count of the calls and retries of the last ten tenths", () => {
    const step = fc.record({ waitMs: fc.nat(4_000), calls: fc.nat(40), retries: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const clock = new VirtualClock();
        const budget = new RetryBudget({ clock, ratio: 0.25, minPerSecond: 1 });
        const calls: number[] = [];
        const retries: number[] = [];
        const second = () => Math.floor(clock.now() / 1_000);
        const counted = (seconds: number[]) => seconds.filter((at) => at > second() - 10).length;
        const allowed = () => Math.max(0, 10 + 0.25 * counted(calls) - counted(retries));
        for (const { waitMs, calls: made, retries: wanted } of steps) {
          clock.advance(waitMs);
          deposit(budget, made);
          for (let n = 0; n < made; n++) calls.push(second());
          for (let n = 0; n < wanted; n++) {
            assert.equal(budget.balance, allowed());
            const expected = allowed() >= 1;
            assert.equal(budget.tryWithdraw(), expected);
            if (expected) retries.push(second());
          }
        }
      }),
    );
  });
});
