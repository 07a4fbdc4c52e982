import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { camelCase } from "../../../sdk/src/contract/names.ts";
import type { MessageShape } from "../../../sdk/src/contract/message-shape.ts";
import type { IdempotencyLevel } from "../../../sdk/src/contract/policy.ts";
import { readPolicy } from "../../../sdk/src/contract/read-policy.ts";

const USER: MessageShape = {
  typeName: "shop.v1.User",
  fields: new Map([
    ["user_id", { key: "userId", kind: "scalar" }],
    ["tags", { key: "tags", kind: "repeated" }],
  ]),
};
const REQUEST: MessageShape = {
  typeName: "shop.v1.BuyRequest",
  fields: new Map([
    ["order_id", { key: "orderId", kind: "scalar" }],
    ["user", { key: "user", kind: "message", message: () => USER }],
    ["card", { key: "card", kind: "oneof" }],
  ]),
};

function read(option: unknown, idempotency: IdempotencyLevel = "IDEMPOTENT", balancing?: string) {
  return readPolicy({ method: "shop.v1.ShopService.Buy", idempotency, option, input: REQUEST, balancing });
}

const RETRY = {
  maxAttempts: 3,
  initialBackoffMs: 20,
  maxBackoffMs: 1_000,
  backoffMultiplier: 2,
  retryableStatusCodes: ["UNAVAILABLE"],
};

describe("readPolicy", () => {
  const good: readonly [title: string, option: unknown, policy: object][] = [
    ["no option", undefined, {}],
    ["an empty option", {}, {}],
    ["a deadline in JSON form", { deadline: "1.5s" }, { deadlineMs: 1_500 }],
    ["a deadline as parsed text", { deadline: { seconds: 1, nanos: 500_000 } }, { deadlineMs: 1_000.5 }],
    ["a deadline of 64-bit digits", { deadline: { seconds: "2" } }, { deadlineMs: 2_000 }],
    ["a deadline below a millisecond", { deadline: "0.0003s" }, { deadlineMs: 0.3 }],
    ["an empty retry", { retry: {} }, { retry: RETRY }],
    ["retries above the cap", { retry: { maxAttempts: 50 } }, { retry: { ...RETRY, maxAttempts: 5 } }],
    ["zero, which proto3 calls absent", { retry: { max_attempts: 0, backoff_multiplier: 0 } }, { retry: RETRY }],
    [
      "every field of a retry, in snake_case",
      {
        retry: {
          max_attempts: 4,
          initial_backoff: { nanos: 5_000_000 },
          max_backoff: "2s",
          backoff_multiplier: 1.5,
          retryable_status_codes: ["ABORTED", "UNAVAILABLE", "ABORTED"],
        },
      },
      {
        retry: {
          maxAttempts: 4,
          initialBackoffMs: 5,
          maxBackoffMs: 2_000,
          backoffMultiplier: 1.5,
          retryableStatusCodes: ["ABORTED", "UNAVAILABLE"],
        },
      },
    ],
    [
      "a single status code",
      { retry: { retryableStatusCodes: "ABORTED" } },
      { retry: { ...RETRY, retryableStatusCodes: ["ABORTED"] } },
    ],
    [
      "hedging",
      { hedging: { delay: "0.05s" } },
      { hedging: { maxAttempts: 2, delayMs: 50, nonFatalStatusCodes: ["UNAVAILABLE"] } },
    ],
    ["a field to hash", { hashKey: "order_id" }, { hashKey: "orderId" }],
    ["a nested field to hash", { hash_key: "user.user_id" }, { hashKey: "user.userId" }],
    ["metadata to hash", { hashKey: "metadata:x-session" }, { hashKey: "metadata:x-session" }],
    ["criticality", { criticality: "CRITICALITY_BATCH" }, { criticality: "BATCH" }],
    ["a pick policy", { balancing: "ring_hash" }, { balancing: "ring_hash" }],
    ["no pick policy", { balancing: "" }, {}],
    ["unspecified criticality", { criticality: "CRITICALITY_UNSPECIFIED" }, {}],
  ];
  for (const [title, option, policy] of good) {
    it(`reads ${title}`, () => {
      assert.deepEqual(read(option), { value: { idempotency: "IDEMPOTENT", ...policy }, problems: [] });
    });
  }

  const bad: readonly [title: string, option: unknown, field: string, message: RegExp][] = [
    ["a deadline of zero", { deadline: "0s" }, "deadline", /^deadline is 0 ms: write a positive time$/],
    ["a negative deadline", { deadline: { seconds: -1 } }, "deadline", /is -1000 ms/],
    ["a deadline that no timer can hold", { deadline: "9999999s" }, "deadline", /at most 2147483647 ms/],
    ["a deadline that is no duration", { deadline: "soon" }, "deadline", /is "soon": write a duration/],
    ["a duration with unknown fields", { deadline: { minutes: 1 } }, "deadline", /write a duration/],
    [
      "one attempt",
      { retry: { maxAttempts: 1 } },
      "retry.max_attempts",
      /is 1: it counts the first attempt too; write 2 to 5/,
    ],
    ["half an attempt", { retry: { maxAttempts: 2.5 } }, "retry.max_attempts", /is 2.5/],
    ["attempts that are no number", { retry: { maxAttempts: "3" } }, "retry.max_attempts", /is "3": write a number/],
    [
      "an unknown status",
      { retry: { retryableStatusCodes: ["BUSY"] } },
      "retry.retryable_status_codes",
      /"BUSY", which is no status: write one of CANCELLED, /,
    ],
    [
      "a status in lower case",
      { retry: { retryableStatusCodes: ["aborted"] } },
      "retry.retryable_status_codes",
      /"aborted"/,
    ],
    [
      "a status named like a member of every object",
      { retry: { retryableStatusCodes: ["toString"] } },
      "retry.retryable_status_codes",
      /no status/,
    ],
    [
      "OK as a failure",
      { retry: { retryableStatusCodes: ["OK"] } },
      "retry.retryable_status_codes",
      /names OK, which is no failure/,
    ],
    [
      "CANCELLED as worth a retry",
      { retry: { retryableStatusCodes: ["CANCELLED"] } },
      "retry.retryable_status_codes",
      /only the caller/,
    ],
    [
      "inverted backoff",
      { retry: { initialBackoff: "2s" } },
      "retry.initial_backoff",
      /of 2000 ms is longer than the longest wait, 1000 ms/,
    ],
    ["no backoff at all", { retry: { initialBackoff: "0s" } }, "retry.initial_backoff", /positive/],
    ["shrinking waits", { retry: { backoffMultiplier: 0.5 } }, "retry.backoff_multiplier", /is 0.5: write 1 or more/],
    ["waits that are no number", { retry: { backoffMultiplier: Number.NaN } }, "retry.backoff_multiplier", /is NaN/],
    ["hedging without a delay", { hedging: {} }, "hedging.delay", /is missing/],
    [
      "hedging with one attempt",
      { hedging: { maxAttempts: 1, delay: "1s" } },
      "hedging.max_attempts",
      /leave hedging out/,
    ],
    ["hedging that waits for nothing", { hedging: { delay: "0s" } }, "hedging.delay", /positive/],
    [
      "OK as a failure of a hedge",
      { hedging: { delay: "1s", nonFatalStatusCodes: ["OK"] } },
      "hedging.non_fatal_status_codes",
      /OK/,
    ],
    [
      "a hash key that is no field",
      { hashKey: "orderid" },
      "hash_key",
      /shop\.v1\.BuyRequest has no field "orderid"; it has "order_id", "user"/,
    ],
    ["a hash key that is a message", { hashKey: "user" }, "hash_key", /is a message \(shop\.v1\.User\)/],
    ["a hash key below a scalar", { hashKey: "order_id.x" }, "hash_key", /no message/],
    ["a hash key of many values", { hashKey: "user.tags" }, "hash_key", /is repeated/],
    ["a hash key in a oneof", { hashKey: "card" }, "hash_key", /in a oneof/],
    ["a hash key that is no text", { hashKey: 7 }, "hash_key", /write a text/],
    ["a pick policy that is no text", { balancing: 7 }, "balancing", /is 7: write the name of a pick policy/],
    ["an empty metadata key", { hashKey: "metadata:" }, "hash_key", /names no metadata key/],
    ["a binary metadata key", { hashKey: "metadata:user-bin" }, "hash_key", /not "-bin"/],
    ["a metadata key in capitals", { hashKey: "metadata:User" }, "hash_key", /names no metadata key/],
    ["unknown criticality", { criticality: "CRITICALITY_HIGH" }, "criticality", /write one of CRITICALITY_CRITICAL, /],
    ["a field that the option lacks", { timeout: "1s" }, "timeout", /is not a field of the option/],
    ["a field that retry lacks", { retry: { jitter: 1 } }, "retry.jitter", /is not a field of the option/],
    ["a retry that is no message", { retry: 3 }, "retry", /write a message/],
  ];
  for (const [title, option, field, message] of bad) {
    it(`refuses ${title}`, () => {
      const [problem, ...more] = read(option).problems;
      assert.deepEqual(more, []);
      assert.equal(problem?.subject, "shop.v1.ShopService.Buy");
      assert.equal(problem?.field, field);
      assert.ok(problem.message.startsWith(field), problem.message);
      assert.match(problem.message, message);
    });
  }

  for (const [field, option] of [
    ["retry", { retry: {} }],
    ["hedging", { hedging: { delay: "1s" } }],
  ] as const) {
    it(`refuses ${field} of a method that may not be sent twice`, () => {
      const { problems } = read(option, "IDEMPOTENCY_UNKNOWN");
      assert.deepEqual(
        problems.map((problem) => problem.field),
        [field],
      );
      assert.match(problems[0]!.message, /needs option idempotency_level = NO_SIDE_EFFECTS or IDEMPOTENT/);
    });
  }

  it("refuses retry and hedging together", () => {
    const { problems } = read({ retry: {}, hedging: { delay: "1s" } });
    assert.deepEqual(
      problems.map(({ field, message }) => [field, /exclude each other/.test(message)]),
      [["hedging", true]],
    );
  });

  it("finds every problem at once", () => {
    const option = { deadline: "0s", retry: { maxAttempts: 1, backoffMultiplier: 0.1 }, hashKey: "nobody", tmieout: 1 };
    const fields = read(option).problems.map(({ field }) => field);
    assert.deepEqual(fields.toSorted(), [
      "deadline",
      "hash_key",
      "retry.backoff_multiplier",
      "retry.max_attempts",
      "tmieout",
    ]);
  });

  it("takes keys of both spellings alike", () => {
    assert.equal(camelCase("retryable_status_codes"), "retryableStatusCodes");
    assert.deepEqual(read({ hash_key: "order_id" }), read({ hashKey: "order_id" }));
  });

  it("takes the service's pick policy where the method names none", () => {
    assert.equal(read(undefined, "IDEMPOTENT", "maglev").value.balancing, "maglev");
    assert.equal(read({ balancing: "p2c" }, "IDEMPOTENT", "maglev").value.balancing, "p2c");
  });
});
