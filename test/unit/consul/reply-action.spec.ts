import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { actionFor, retryAfterMs } from "../../../sdk/src/consul/reply-action.ts";

describe("what a watch does about a reply", () => {
  for (const [status, text, action] of [
    [200, "[]", "take"],
    [400, "", "retry-slowly"],
    [403, "ACL not found", "retry-slowly"],
    [404, "", "retry-slowly"],
    [413, "", "retry-slowly"],
    [301, "", "retry-slowly"],
    [429, "", "retry"],
    [503, "", "retry"],
    [502, "bad gateway", "retry"],
    [500, "No path to datacenter", "retry"],
    [500, "No cluster leader", "retry-stale"],
    [500, "rpc error making call: EOF", "retry-stale"],
    [500, "rpc error getting client: dial tcp: connection refused", "retry-stale"],
  ] as const) {
    it(`${status} ${text}: ${action}`, () => assert.equal(actionFor({ status, text }), action));
  }

  it("heeds Retry-After in seconds, up to a minute", () => {
    assert.equal(retryAfterMs({ headers: { "retry-after": "7" } }), 7_000);
    assert.equal(retryAfterMs({ headers: { "retry-after": "86400" } }), 60_000);
    assert.equal(retryAfterMs({ headers: { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" } }), 0);
    assert.equal(retryAfterMs({ headers: {} }), 0);
  });
});
