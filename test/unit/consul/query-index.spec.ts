import assert from "node:assert/strict";
import * as fc from "fast-check";
import { describe, it } from "mocha";
import { QueryIndex, indexOf } from "../../../sdk/src/consul/query-index.ts";

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
