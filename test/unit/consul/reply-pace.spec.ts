import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { ReplyPace } from "../../../sdk/src/consul/reply-pace.ts";
import { VirtualClock } from "../../../sdk/src/testing/virtual-clock.ts";

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
