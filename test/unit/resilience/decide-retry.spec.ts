import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type StatusCode, STATUS_NUMBERS } from "../../../sdk/src/call/status.ts";
import type { RetryPolicy } from "../../../sdk/src/contract/policy.ts";
import { decideRetry, type FailedAttempt, MAX_TRANSPARENT_RETRIES } from "../../../sdk/src/resilience/decide-retry.ts";
import { RetryBudget } from "../../../sdk/src/resilience/retry-budget.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

const POLICY: RetryPolicy = {
  maxAttempts: 3,
  initialBackoffMs: 100,
  maxBackoffMs: 1_000,
  backoffMultiplier: 2,
  retryableStatusCodes: ["UNAVAILABLE"],
};

/** Counts its withdrawals. */
class Purse {
  withdrawn = 0;
  readonly full: boolean;

  constructor(full: boolean) {
    this.full = full;
  }

  tryWithdraw(): boolean {
    if (this.full) this.withdrawn++;
    return this.full;
  }
}

/** A first attempt that may be retried in every respect, but for what is given. */
function failed(changes: Partial<FailedAttempt> = {}): FailedAttempt {
  return {
    policy: POLICY,
    idempotency: "IDEMPOTENT",
    code: "UNAVAILABLE",
    processed: true,
    pushback: undefined,
    attempts: 1,
    transparentRetries: 0,
    maxTransparentRetries: 3,
    committed: false,
    remainingMs: Infinity,
    budget: new Purse(true),
    random: () => 0.5,
    ...changes,
  };
}

function whyNot(changes: Partial<FailedAttempt>): string {
  const decision = decideRetry(failed(changes));
  return decision.kind === "stop" ? decision.why : decision.kind;
}

function delayOf(changes: Partial<FailedAttempt>): number {
  const decision = decideRetry(failed(changes));
  assert.equal(decision.kind, "retry");
  return Math.round(decision.kind === "retry" ? decision.delayMs : NaN);
}

describe("decideRetry", () => {
  it("retries after the backoff and pays for it", () => {
    const budget = new Purse(true);
    assert.equal(delayOf({ budget }), 100);
    assert.equal(delayOf({ budget, attempts: 2 }), 200);
    assert.equal(budget.withdrawn, 2);
  });

  it("leaves a success and a call that has begun to answer alone", () => {
    assert.equal(whyNot({ code: "OK" }), "succeeded");
    assert.equal(whyNot({ committed: true }), "committed");
    assert.equal(whyNot({ committed: true, processed: false }), "committed");
  });

  it("retries only what the policy names", () => {
    assert.equal(whyNot({ policy: undefined }), "no_policy");
    assert.equal(whyNot({ code: "INTERNAL" }), "status");
    assert.equal(whyNot({ code: "CANCELLED", processed: false }), "status");
  });

  it("sends nothing twice that is not safe to, unless the peer has not seen it", () => {
    assert.equal(whyNot({ idempotency: "IDEMPOTENCY_UNKNOWN" }), "not_idempotent");
    assert.equal(whyNot({ idempotency: "NO_SIDE_EFFECTS" }), "retry");
    const unseen = { processed: false, attempts: 4, transparentRetries: 3 };
    assert.equal(whyNot({ idempotency: "IDEMPOTENCY_UNKNOWN", ...unseen }), "retry");
  });

  it("ends with the attempts of the policy, and with five whatever it says", () => {
    assert.equal(whyNot({ attempts: 2 }), "retry");
    assert.equal(whyNot({ attempts: 3 }), "attempts");
    assert.equal(whyNot({ attempts: 4, policy: { ...POLICY, maxAttempts: 100 } }), "retry");
    assert.equal(whyNot({ attempts: 5, policy: { ...POLICY, maxAttempts: 100 } }), "attempts");
  });

  it("does not count transparent retries as attempts", () => {
    assert.equal(delayOf({ attempts: 4, transparentRetries: 3 }), 100);
    assert.equal(whyNot({ attempts: 6, transparentRetries: 3 }), "attempts");
  });

  it("does as the server's push-back says", () => {
    assert.equal(delayOf({ pushback: 0 }), 0);
    assert.equal(delayOf({ pushback: 7_000 }), 7_000);
    assert.equal(whyNot({ pushback: "stop" }), "pushback");
    assert.equal(whyNot({ pushback: 10, code: "INTERNAL" }), "status");
  });

  it("starts the backoff over after a push-back", () => {
    assert.equal(delayOf({ attempts: 2, backoffStep: 1 }), 100);
  });

  it("does not wait beyond the deadline", () => {
    assert.equal(delayOf({ remainingMs: 101 }), 100);
    assert.equal(whyNot({ remainingMs: 100 }), "deadline");
    assert.equal(whyNot({ remainingMs: 6_999, pushback: 7_000 }), "deadline");
    assert.equal(whyNot({ remainingMs: 0, processed: false }), "deadline");
  });

  it("does not retry for a call that is a retry itself", () => {
    assert.equal(whyNot({ servesRetry: true }), "serves_retry");
    assert.equal(whyNot({ servesRetry: true, processed: false }), "transparent");
  });

  it("stops when the budget is empty", () => {
    assert.equal(whyNot({ budget: new Purse(false) }), "budget");
  });

  it("sends at once and for nothing what the peer has not seen, with or without a policy", () => {
    const budget = new Purse(false);
    assert.equal(whyNot({ processed: false, budget }), "transparent");
    assert.equal(whyNot({ processed: false, budget, policy: undefined }), "transparent");
    assert.equal(whyNot({ processed: false, budget, idempotency: "IDEMPOTENCY_UNKNOWN" }), "transparent");
  });

  it("does not send again what would fail everywhere, or what a peer pushed back", () => {
    assert.equal(whyNot({ processed: false, code: "RESOURCE_EXHAUSTED" }), "status");
    assert.equal(whyNot({ processed: false, pushback: 5 }), "retry");
  });

  it("ends transparent retries after as many as there are endpoints, and after five", () => {
    const after = (transparentRetries: number, maxTransparentRetries: number) =>
      whyNot({ processed: false, policy: undefined, transparentRetries, maxTransparentRetries });
    assert.equal(after(2, 3), "transparent");
    assert.equal(after(3, 3), "no_policy");
    assert.equal(after(MAX_TRANSPARENT_RETRIES - 1, 1_000), "transparent");
    assert.equal(after(MAX_TRANSPARENT_RETRIES, 1_000), "no_policy");
  });

  it("pays exactly for its retries, and ends every call", () => {
    const outcome = fc.record({
      code: fc.constantFrom<StatusCode>(...(Object.keys(STATUS_NUMBERS) as StatusCode[]), "UNAVAILABLE", "UNAVAILABLE"),
      processed: fc.boolean(),
      pushback: fc.constantFrom(undefined, undefined, "stop" as const, 0, 40),
    });
    const call = fc.record({
      idempotency: fc.constantFrom("IDEMPOTENCY_UNKNOWN" as const, "IDEMPOTENT" as const),
      remainingMs: fc.double({ min: -10, max: 2_000, noNaN: true }),
      full: fc.boolean(),
    });
    fc.assert(
      fc.property(call, fc.infiniteStream(outcome), ({ full, ...rest }, outcomes) => {
        const budget = new Purse(full);
        let attempts = 1;
        let transparentRetries = 0;
        let retries = 0;
        for (const one of outcomes) {
          const decision = decideRetry(failed({ ...rest, ...one, budget, attempts, transparentRetries }));
          if (decision.kind === "stop") break;
          attempts++;
          if (decision.kind === "transparent") transparentRetries++;
          else {
            retries++;
            assert.ok(decision.delayMs >= 0 && decision.delayMs < rest.remainingMs);
            assert.ok(!one.processed || rest.idempotency === "IDEMPOTENT");
          }
          assert.ok(attempts <= POLICY.maxAttempts + 3, "no call goes on for ever");
        }
        assert.equal(budget.withdrawn, retries);
      }),
    );
  });

  it("adds a fifth to the load of an outage, not twice the load, once the floor is spent", () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ clock });
    let sent = 0;
    const calls = 10_000;
    for (let call = 0; call < calls; call++, clock.advance(1)) {
      budget.deposit();
      let attempts = 1;
      while (decideRetry(failed({ budget, attempts })).kind === "retry") attempts++;
      sent += attempts;
    }
    assert.ok(sent <= calls * 1.2 + 100, `${sent} attempts for ${calls} calls`);
    assert.ok(sent >= calls * 1.2, "and it uses what it may");
  });
});
