import assert from "node:assert/strict";
import * as fc from "fast-check";
import { describe, it } from "mocha";
import { backoffMs } from "../../../sdk/src/consul/backoff.ts";
import { QueryIndex, indexOf } from "../../../sdk/src/consul/query-index.ts";
import { actionFor, retryAfterMs } from "../../../sdk/src/consul/reply-action.ts";
import { ReplyPace } from "../../../sdk/src/consul/reply-pace.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

describe("the index of a blocking query", () => {
  it("starts with a question that is answered at once", () => {
    const index = new QueryIndex();
    assert.deepEqual(index.query(), {});
    assert.equal(index.timeoutMs, 10_000);
  });

  it("follows the answers and waits longer than the server may take", () => {
    const index = new QueryIndex();
    assert.equal(index.accept(10n), "forwards");
    assert.deepEqual(index.query(), { index: "10", wait: "55s" });
    assert.ok(index.timeoutMs > 55_000 * (1 + 1 / 16));
    assert.equal(index.accept(10n), "forwards");
    assert.deepEqual(index.query(), { index: "10", wait: "55s" });
  });

  it("starts over when it goes backwards, then goes on from the new one", () => {
    const index = new QueryIndex();
    index.accept(194n);
    assert.equal(index.accept(12n), "backwards");
    assert.deepEqual(index.query(), {});
    assert.equal(index.accept(12n), "forwards");
    assert.equal(index.query()["index"], "12");
  });

  it("notices after a failure, too, that the server's is lower than before", () => {
    const index = new QueryIndex();
    index.accept(194n);
    index.startOver();
    assert.deepEqual(index.query(), {});
    assert.equal(index.accept(12n), "backwards");
    assert.equal(index.query()["index"], "12");
  });

  it("is never below 1, for 0 would not block", () => {
    const index = new QueryIndex();
    index.accept(0n);
    assert.equal(index.query()["index"], "1");
  });

  it("never asks with more than the last answer said", () => {
    const step = fc.oneof(fc.constant("error" as const), fc.bigInt({ min: 0n, max: 2n ** 63n }));
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const index = new QueryIndex();
        let last = 0n;
        for (const one of steps) {
          if (one === "error") index.startOver();
          else index.accept((last = one));
          const asked = index.query()["index"];
          assert.ok(asked === undefined || BigInt(asked) === (last < 1n ? 1n : last));
        }
      }),
    );
  });

  it("waits shorter after two connections that broke at half a minute", () => {
    const index = new QueryIndex();
    index.accept(5n);
    index.noteReset(4_000);
    index.noteReset(30_100);
    assert.equal(index.query()["wait"], "55s");
    index.noteReset(30_050);
    assert.equal(index.query()["wait"], "25s");
  });

  it("is read from the header only when it is a number", () => {
    const reply = (headers: Record<string, string>) => indexOf({ answered: true, status: 200, headers, text: "" });
    assert.equal(reply({ "x-consul-index": "18446744073709551615" }), 18_446_744_073_709_551_615n);
    for (const headers of [{}, { "x-consul-index": "" }, { "x-consul-index": "-1" }, { "x-consul-index": "1a" }]) {
      assert.equal(reply(headers), undefined);
    }
  });
});

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

describe("the wait after failures", () => {
  it("doubles from 100 ms to its bound, and chance takes up to half of it", () => {
    assert.deepEqual(
      [1, 2, 3, 8, 50].map((failures) => backoffMs(failures, 10_000, () => 0)),
      [50, 100, 200, 5_000, 5_000],
    );
    assert.equal(
      backoffMs(1, 10_000, () => 0.999),
      99.95,
    );
  });
});

describe("the pace of replies", () => {
  for (const [content, burst, perSecond] of [
    ["same", 20, 10],
    ["new", 100, 50],
  ] as const) {
    it(`lets ${burst} replies with ${content} content pass, then ${perSecond} a second`, () => {
      const clock = new VirtualClock();
      const pace = new ReplyPace(clock);
      for (let reply = 1; reply < burst; reply++) assert.equal(pace.take(content), 0);
      let replies = 0;
      let longestMs = 0;
      while (clock.now() < 10_000) {
        const waitMs = pace.take(content);
        longestMs = Math.max(longestMs, waitMs);
        clock.advance(waitMs);
        replies++;
      }
      assert.ok(Math.abs(replies - 10 * perSecond) <= 2, `${replies} replies in 10 s`);
      assert.ok(longestMs < 1_000 / perSecond + 0.001, `waited ${longestMs} ms`);
    });
  }

  it("earns the burst back while nothing happens", () => {
    const clock = new VirtualClock();
    const pace = new ReplyPace(clock);
    for (let reply = 0; reply < 20; reply++) pace.take("same");
    assert.ok(pace.take("same") > 0);
    clock.advance(60_000);
    for (let reply = 0; reply < 20; reply++) assert.equal(pace.take("same"), 0);
    assert.ok(pace.take("same") > 0);
  });
});
