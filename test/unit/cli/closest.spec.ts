import assert from "node:assert/strict";
import * as fc from "fast-check";
import { closestFirst, editDistance } from "../../../cli/src/closest.ts";

describe("what somebody may have meant", () => {
  it("comes with the closest first, whatever its case", () => {
    assert.deepEqual(closestFirst("sayhallo", ["Chat", "GreetGroup", "SayHello"]), ["SayHello", "Chat", "GreetGroup"]);
  });

  it("is measured by a metric", () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        assert.equal(editDistance(a, b), editDistance(b, a));
        assert.equal(editDistance(a, b) === 0, a === b);
        assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c));
      }),
    );
  });
});
