import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { RetryPolicy } from "../../../sdk/src/contract/policy.ts";
import { retryDelayMs } from "../../../sdk/src/resilience/backoff.ts";

const POLICY: RetryPolicy = {
  maxAttempts: 5,
  initialBackoffMs: 100,
  maxBackoffMs: 1_000,
  backoffMultiplier: 3,
  retryableStatusCodes: ["UNAVAILABLE"],
};

describe("retryDelayMs", () => {
  it("grows by the multiplier up to the longest wait", () => {
    const middle = [1, 2, 3, 4].map((retry) => Math.round(retryDelayMs(POLICY, retry, () => 0.5)));
    assert.deepEqual(middle, [100, 300, 900, 1_000]);
  });

  it("draws from 0.8 to 1.2 times the wait", () => {
    assert.equal(
      retryDelayMs(POLICY, 1, () => 0),
      80,
    );
    assert.ok(Math.abs(retryDelayMs(POLICY, 1, () => 1 - Number.EPSILON) - 120) < 1e-9);
  });

  it("stays within 1.2 times the longest wait whatever the policy", () => {
    const policy = fc.record({
      initialBackoffMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
      maxBackoffMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
      backoffMultiplier: fc.double({ min: 1, max: 1e3, noNaN: true }),
    });
    const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(policy, fc.integer({ min: 1, max: 4 }), draw, (numbers, retry, drawn) => {
        const delayMs = retryDelayMs({ ...POLICY, ...numbers }, retry, () => drawn);
        assert.ok(delayMs >= 0 && delayMs <= numbers.maxBackoffMs * 1.2, `${delayMs}`);
      }),
    );
  });
});
