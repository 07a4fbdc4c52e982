import assert from "node:assert/strict";
import { Keepalive } from "../../../../sdk/src/transport/native/keepalive.ts";

describe("keepalive", () => {
  it("sends a PING after so much silence, and gives the peer up when no answer comes", () => {
    const keepalive = new Keepalive(1_000, 200, 0);
    assert.equal(keepalive.next(999, 0, true), "nothing");
    assert.equal(keepalive.next(1_000, 0, true), "ping");
    assert.equal(keepalive.next(1_100, 0, true), "nothing");
    assert.equal(keepalive.next(1_199, 0, true), "nothing");
    assert.equal(keepalive.next(1_200, 0, true), "dead");
  });

  it("counts whatever comes as life", () => {
    const keepalive = new Keepalive(1_000, 200, 0);
    assert.equal(keepalive.next(900, 1, true), "nothing");
    assert.equal(keepalive.next(1_800, 1, true), "nothing");
    assert.equal(keepalive.next(1_900, 1, true), "ping");
    assert.equal(keepalive.next(2_050, 2, true), "nothing");
    assert.equal(keepalive.next(3_049, 2, true), "nothing");
    assert.equal(keepalive.next(3_050, 2, true), "ping");
  });

  it("sends none where there is nothing to keep alive, but still waits for an answer", () => {
    const keepalive = new Keepalive(1_000, 200, 0);
    assert.equal(keepalive.next(5_000, 0, false), "nothing");
    assert.equal(keepalive.next(5_100, 0, true), "ping");
    assert.equal(keepalive.next(5_300, 0, false), "dead");
  });

  it("sends none at all when it is off", () => {
    const keepalive = new Keepalive(Infinity, 200, 0);
    assert.equal(keepalive.next(1e12, 0, true), "nothing");
  });
});
