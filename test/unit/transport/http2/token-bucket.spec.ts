import assert from "node:assert/strict";
import { TokenBucket } from "../../../../sdk/src/transport/http2/token-bucket.ts";

function takes(bucket: TokenBucket, now: number, tries: number): number {
  return Array.from({ length: tries }, () => bucket.take(now)).filter(Boolean).length;
}

describe("a token bucket", () => {
  it("allows so many at once, and so many more each second, never more than at once", () => {
    const bucket = new TokenBucket(10, 5, 0);
    assert.equal(takes(bucket, 0, 20), 10);
    assert.equal(takes(bucket, 1000, 20), 5);
    assert.equal(takes(bucket, 1100, 20), 0);
    assert.equal(takes(bucket, 1200, 20), 1);
    assert.equal(takes(bucket, 100_000, 20), 10);
  });

  it("allows more for what was done well, never more than at once", () => {
    const bucket = new TokenBucket(3, 0, 0);
    takes(bucket, 0, 3);
    bucket.give(2);
    assert.equal(takes(bucket, 0, 5), 2);
    bucket.give(100);
    assert.equal(takes(bucket, 0, 5), 3);
  });
});
