import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MeshError } from "../../../sdk/src/call/mesh-error.ts";
import { mergePolicy, overlayPolicies, reachable } from "../../../sdk/src/contract/merge-policy.ts";
import type { HedgingPolicy, MethodPolicy, RetryPolicy } from "../../../sdk/src/contract/policy.ts";

const RETRY: RetryPolicy = {
  maxAttempts: 3,
  initialBackoffMs: 20,
  maxBackoffMs: 1_000,
  backoffMultiplier: 2,
  retryableStatusCodes: ["UNAVAILABLE"],
};
const HEDGING: HedgingPolicy = { maxAttempts: 2, delayMs: 50, nonFatalStatusCodes: ["UNAVAILABLE"] };

function method(policy: MethodPolicy) {
  return {
    service: "shop.v1.ShopService",
    name: "Buy",
    path: "/shop.v1.ShopService/Buy",
    kind: "unary",
    policy,
  } as const;
}

describe("mergePolicy", () => {
  it("gives the contract's policy when nobody else says anything", () => {
    const policy: MethodPolicy = { idempotency: "IDEMPOTENT", deadlineMs: 1_000, retry: RETRY, hashKey: "orderId" };
    assert.deepEqual(mergePolicy(method(policy)), policy);
  });

  it("lets each layer win over those before it: contract, configuration, call", () => {
    const layers = [{ deadlineMs: 2 }, { deadlineMs: 3 }, { deadlineMs: 4 }] as const;
    const [contract, configuration, call] = layers;
    const said = method({ idempotency: "IDEMPOTENT", ...contract });
    assert.equal(mergePolicy(said).deadlineMs, 2);
    assert.equal(mergePolicy(said, { configuration }).deadlineMs, 3);
    assert.equal(mergePolicy(said, { configuration, call }).deadlineMs, 4);
  });

  it("completes retries and hedging that leave something out", () => {
    const contract = method({ idempotency: "IDEMPOTENT" });
    assert.deepEqual(mergePolicy(contract, { call: { retry: { maxAttempts: 2 } } }).retry, {
      maxAttempts: 2,
      initialBackoffMs: 20,
      maxBackoffMs: 1_000,
      backoffMultiplier: 2,
      retryableStatusCodes: ["UNAVAILABLE"],
    });
    assert.deepEqual(mergePolicy(contract, { call: { hedging: { delayMs: 7 } } }).hedging, {
      maxAttempts: 2,
      delayMs: 7,
      nonFatalStatusCodes: ["UNAVAILABLE"],
    });
  });

  it("keeps what a layer does not mention, and what it leaves undefined", () => {
    const contract = method({ idempotency: "IDEMPOTENT", deadlineMs: 5, criticality: "BATCH" });
    const call = { deadlineMs: undefined, hashKey: "a" } as unknown as { hashKey: string };
    assert.deepEqual(mergePolicy(contract, { call }), { ...contract.policy, hashKey: "a" });
  });

  it("takes several layers for one: of retries and hedging the stronger layer's", () => {
    const contract = method({ idempotency: "IDEMPOTENT", retry: RETRY });
    const configuration = overlayPolicies([{ retry: RETRY, deadlineMs: 7 }, undefined, { hedging: HEDGING }]);
    assert.deepEqual(mergePolicy(contract, { configuration }), {
      idempotency: "IDEMPOTENT",
      deadlineMs: 7,
      hedging: HEDGING,
    });
    assert.equal(overlayPolicies([undefined, undefined]), undefined);
  });

  it("refuses what is misspelled or of another type, which programs without types may give", () => {
    const contract = method({ idempotency: "IDEMPOTENT" });
    const wrong = [
      [{ timeoutMs: 5 }, /timeoutMs is no property of a policy: write one of deadlineMs, retry/],
      [{ deadlineMs: "5" }, /deadlineMs is 5 ms: write a positive time/],
      [{ criticality: "LOW" }, /criticality is "LOW": write one of CRITICAL, DEFAULT/],
      [{ retry: { ...RETRY, retryableStatusCodes: ["GONE"] } }, /retryableStatusCodes is \["GONE"\]: write a list/],
      [{ hedging: { ...HEDGING, nonFatalStatusCodes: "OK" } }, /nonFatalStatusCodes is "OK": write a list/],
    ] as const;
    for (const [call, reason] of wrong) {
      assert.throws(() => mergePolicy(contract, { call: call as object }), {
        code: "INVALID_ARGUMENT",
        message: reason,
      });
    }
  });

  it("turns retries off with null", () => {
    const contract = method({ idempotency: "IDEMPOTENT", retry: RETRY });
    assert.deepEqual(mergePolicy(contract, { call: { retry: null } }), { idempotency: "IDEMPOTENT" });
  });

  it("replaces retries by hedging when a stronger layer hedges, and the other way round", () => {
    const retrying = method({ idempotency: "IDEMPOTENT", retry: RETRY });
    const hedging = method({ idempotency: "IDEMPOTENT", hedging: HEDGING });
    assert.deepEqual(mergePolicy(retrying, { call: { hedging: HEDGING } }), hedging.policy);
    assert.deepEqual(mergePolicy(hedging, { configuration: { retry: RETRY } }), retrying.policy);
  });

  it("never changes whether a method may be sent twice", () => {
    const call = { idempotency: "IDEMPOTENT" } as object;
    assert.deepEqual(
      mergePolicy(method({ idempotency: "IDEMPOTENCY_UNKNOWN" }), { call }).idempotency,
      "IDEMPOTENCY_UNKNOWN",
    );
  });

  it("keeps retries meant for many methods away from those that may not be sent twice", () => {
    const wide = { retry: RETRY, deadlineMs: 9 };
    const safe = method({ idempotency: "NO_SIDE_EFFECTS" });
    const unsafe = method({ idempotency: "IDEMPOTENCY_UNKNOWN" });
    assert.deepEqual(mergePolicy(safe, { configuration: reachable(wide, safe) }).retry, RETRY);
    assert.deepEqual(mergePolicy(unsafe, { configuration: reachable(wide, unsafe) }), {
      idempotency: "IDEMPOTENCY_UNKNOWN",
      deadlineMs: 9,
    });
  });

  it("counts more than five attempts as five", () => {
    const call = { retry: { ...RETRY, maxAttempts: 9 } };
    assert.equal(mergePolicy(method({ idempotency: "IDEMPOTENT" }), { call }).retry?.maxAttempts, 5);
  });

  it("refuses layers that add up to nonsense, naming the method and every fault", () => {
    const configuration = { deadlineMs: -1, retry: { ...RETRY, backoffMultiplier: 0 } };
    assert.throws(
      () => mergePolicy(method({ idempotency: "IDEMPOTENCY_UNKNOWN" }), { configuration }),
      (error: unknown) => {
        assert.ok(error instanceof MeshError);
        assert.equal(error.code, "INVALID_ARGUMENT");
        assert.match(error.reason, /^policy of shop\.v1\.ShopService\/Buy cannot be followed: /);
        for (const fault of [/deadlineMs is -1 ms/, /retry\.backoffMultiplier is 0/, /retry may send a call twice/]) {
          assert.match(error.reason, fault);
        }
        return true;
      },
    );
  });

  it("leaves its inputs alone", () => {
    const contract = method(Object.freeze({ idempotency: "IDEMPOTENT", retry: Object.freeze(RETRY) }));
    const call = Object.freeze({ hedging: Object.freeze(HEDGING) });
    assert.deepEqual(mergePolicy(contract, { call }).hedging, HEDGING);
    assert.deepEqual(contract.policy.retry, RETRY);
  });
});
