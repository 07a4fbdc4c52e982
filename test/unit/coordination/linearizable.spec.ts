/** The checker is worth what it refuses. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { linearize, type Model, type Operation } from "../../support/linearizable.ts";

type Op = { readonly kind: "read"; readonly value: string } | { readonly kind: "write"; readonly value: string };

const register: Model<string, Op> = (state, op) => {
  if (op.kind === "write") return op.value;
  return op.value === state ? state : undefined;
};

function at(calledAt: number, returnedAt: number, kind: Op["kind"], value: string): Operation<Op> {
  return { op: { kind, value }, calledAt, returnedAt };
}

function explained(...history: readonly Operation<Op>[]): string[] | undefined {
  return linearize(history, "", register)?.map(({ op }) => `${op.kind} ${op.value}`);
}

describe("the check of histories", () => {
  it("explains what overlaps by any order that answers as it did", () => {
    assert.deepEqual(explained(at(0, 10, "write", "a"), at(1, 9, "read", "")), ["read ", "write a"]);
    assert.deepEqual(explained(at(0, 10, "write", "a"), at(1, 9, "read", "a")), ["write a", "read a"]);
    assert.deepEqual(explained(at(0, 5, "write", "a"), at(0, 5, "write", "b"), at(6, 7, "read", "a")), [
      "write b",
      "write a",
      "read a",
    ]);
  });

  it("refuses an old value after the new one was written", () => {
    assert.equal(explained(at(0, 1, "write", "a"), at(2, 3, "read", "")), undefined);
  });

  it("refuses that a value goes back between two readers", () => {
    assert.equal(explained(at(0, 10, "write", "a"), at(1, 2, "read", "a"), at(3, 4, "read", "")), undefined);
  });

  it("lets happen or not what had no answer, but not before it was called", () => {
    assert.deepEqual(explained(at(0, Infinity, "write", "a"), at(1, 2, "read", "")), ["read "]);
    assert.deepEqual(explained(at(0, Infinity, "write", "a"), at(1, 2, "read", ""), at(3, 4, "read", "a")), [
      "read ",
      "write a",
      "read a",
    ]);
    assert.equal(explained(at(5, Infinity, "write", "a"), at(1, 2, "read", "a")), undefined);
  });
});
