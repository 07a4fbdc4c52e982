import assert from "node:assert/strict";
import {
  BadRequest,
  DebugInfo,
  type ErrorDetail,
  errorDetail,
  ErrorInfo,
  Help,
  LocalizedMessage,
  MeshError,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
} from "@meshwork/sdk";
import picocolors from "picocolors";
import { describeDetail, describeFailure } from "../../../../cli/src/call/describe-failure.ts";
import { BUILTIN_TYPES } from "../../../../cli/src/contract/builtin-types.ts";

const plain = picocolors.createColors(false);

describe("a failure as it is shown", () => {
  it("has its code and reason, and where it happened when it was a call", () => {
    const call = { method: "a.B/C", endpoint: "127.0.0.1:1", attempts: 3, elapsedMs: 61.4 };
    const error = new MeshError("UNAVAILABLE", "nobody answers", { call });
    assert.equal(
      describeFailure(error, plain),
      "error: UNAVAILABLE: nobody answers\n  method    a.B/C\n  endpoint  127.0.0.1:1\n  attempts  3 in 61 ms",
    );
    assert.equal(describeFailure(new MeshError("INTERNAL", "no"), plain), "error: INTERNAL: no");
  });

  const violation = { subject: "s", description: "d", apiService: "a", quotaMetric: "m", quotaId: "i" };
  const details: readonly (readonly [ErrorDetail, unknown])[] = [
    [
      errorDetail(ErrorInfo, { reason: "R", domain: "d", metadata: new Map([["k", "v"]]) }),
      { reason: "R", domain: "d", metadata: { k: "v" } },
    ],
    [errorDetail(RetryInfo, { retryDelay: { seconds: 1n, nanos: 500_000_000 } }), { retryDelay: "1.500s" }],
    [errorDetail(DebugInfo, { stackEntries: ["a", "b"], detail: "c" }), { stackEntries: ["a", "b"], detail: "c" }],
    [
      errorDetail(QuotaFailure, {
        violations: [{ ...violation, quotaDimensions: new Map([["k", "v"]]), quotaValue: 7n, futureQuotaValue: 9n }],
      }),
      { violations: [{ ...violation, quotaDimensions: { k: "v" }, quotaValue: "7", futureQuotaValue: "9" }] },
    ],
    [
      errorDetail(PreconditionFailure, { violations: [{ type: "t", subject: "s", description: "d" }] }),
      { violations: [{ type: "t", subject: "s", description: "d" }] },
    ],
    [
      errorDetail(BadRequest, {
        fieldViolations: [
          { field: "f", description: "d", reason: "R", localizedMessage: { locale: "de", message: "m" } },
        ],
      }),
      {
        fieldViolations: [
          { field: "f", description: "d", reason: "R", localizedMessage: { locale: "de", message: "m" } },
        ],
      },
    ],
    [errorDetail(RequestInfo, { requestId: "r", servingData: "s" }), { requestId: "r", servingData: "s" }],
    [
      errorDetail(ResourceInfo, { resourceType: "t", resourceName: "n", owner: "o", description: "d" }),
      { resourceType: "t", resourceName: "n", owner: "o", description: "d" },
    ],
    [errorDetail(Help, { links: [{ description: "d", url: "u" }] }), { links: [{ description: "d", url: "u" }] }],
    [errorDetail(LocalizedMessage, { locale: "de", message: "m" }), { locale: "de", message: "m" }],
  ];
  for (const [detail, expected] of details) {
    it(`shows every field of ${detail.typeName} as proto3 JSON`, () => {
      const shown = describeDetail(detail, BUILTIN_TYPES);
      const [type, ...json] = shown.split(" ");
      assert.equal(type, detail.typeName);
      assert.deepEqual(JSON.parse(json.join(" ")), expected);
    });
  }

  it("shows the bytes of details that nobody knows or that are not what they claim", () => {
    const value = Uint8Array.of(0xff, 0xff);
    const shown = (typeName: string): string => describeDetail({ typeName, value }, BUILTIN_TYPES);
    assert.equal(shown("acme.Detail"), "acme.Detail (2 bytes, base64) //8=");
    assert.equal(shown("google.rpc.ErrorInfo"), "google.rpc.ErrorInfo (2 bytes, base64) //8=");
  });
});
