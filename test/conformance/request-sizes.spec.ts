import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { MeshError } from "@meshwork/sdk";
import { StreamingInputCallRequest } from "./gen/grpc/testing/messages.ts";
import { RequestSizes } from "./request-sizes.ts";

type How = "gzip" | "plain";

/** Requests with these sizes, that say how they are written and are written so or otherwise. */
function check(...requests: readonly (readonly [size: number, said: How | undefined, written: How])[]): void {
  const sizes = new RequestSizes();
  let wireBytes = 0;
  for (const [size, said, written] of requests) {
    const expectCompressed = said && { value: said === "gzip" };
    const request = StreamingInputCallRequest.fromPartial({ payload: { body: Buffer.alloc(size) }, expectCompressed });
    const plain = StreamingInputCallRequest.encode(request).finish();
    wireBytes += written === "gzip" ? gzipSync(plain).length : plain.length;
    sizes.add(request);
  }
  sizes.check(wireBytes);
}

const refused = ({ code, reason }: MeshError) => code === "INVALID_ARGUMENT" && reason.startsWith("requests took ");

describe("the sizes of interop requests", () => {
  it("pass when requests are written as they say", () => {
    check([271_828, "gzip", "gzip"]);
    check([271_828, "plain", "plain"]);
    check([27_182, "gzip", "gzip"], [45_904, "plain", "plain"]);
  });

  it("pass when requests do not say", () => {
    check([271_828, undefined, "gzip"]);
    check([27_182, undefined, "plain"], [8, undefined, "plain"], [45_904, undefined, "gzip"]);
    check([0, undefined, "plain"]);
    check();
  });

  it("show requests that are written otherwise", () => {
    assert.throws(() => check([27_182, "gzip", "plain"]), refused);
    assert.throws(() => check([27_182, "plain", "gzip"]), refused);
    assert.throws(() => check([27_182, "gzip", "plain"], [45_904, "plain", "plain"]), refused);
    assert.throws(() => check([27_182, "gzip", "gzip"], [45_904, "plain", "gzip"]), refused);
    assert.throws(() => check([27_182, "gzip", "plain"], [45_904, "plain", "gzip"]), refused);
  });
});
