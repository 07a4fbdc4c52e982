import assert from "node:assert/strict";

import * as fc from "fast-check";

import { Journal } from "../../../agent/src/state/journal.ts";
import { KeyValue, keysOf } from "../../../agent/src/state/key-value.ts";

interface Store {
  readonly kv: KeyValue;
  readonly journal: Journal;
}

function store(): Store {
  return { kv: new KeyValue(), journal: new Journal() };
}

function put({ kv, journal }: Store, key: string, value = "v", cas?: bigint, flags = 0n): boolean {
  return journal.write((write) => kv.set(write, { key, value: Buffer.from(value), flags }, cas));
}

function remove({ kv, journal }: Store, key: string, cas?: bigint): boolean {
  return journal.write((write) => kv.delete(write, key, cas));
}

describe("the key/value store", () => {
  it("gives a missing key the index of the whole store, a key its own", () => {
    const all = store();
    const { kv } = all;
    assert.equal(kv.get("a").index, 1);
    put(all, "a");
    const { index } = kv.get("a");
    put(all, "b");
    assert.equal(kv.get("a").index, index);
    assert.equal(kv.get("missing").index, kv.get("b").index);
  });

  it("remembers a deletion in every prefix above it and nowhere else", () => {
    const all = store();
    const { kv } = all;
    for (const key of ["a/x", "a/y", "b/x"]) put(all, key);
    const outside = kv.list("b/").index;
    remove(all, "a/y");
    const deleted = kv.get("a/y").index;
    assert.equal(kv.list("a/").index, deleted);
    assert.equal(kv.list("").index, deleted);
    assert.equal(kv.list("b/").index, outside);
  });

  it("does not move for the same value and flags again", () => {
    const all = store();
    const { kv } = all;
    put(all, "a", "same");
    const { index } = kv.list("");
    assert.ok(put(all, "a", "same"));
    assert.equal(kv.list("").index, index);
    put(all, "a", "same", undefined, 7n);
    assert.equal(kv.get("a").entry?.flags, 7n);
    assert.ok(kv.list("").index > index);
  });

  it("swaps only the value that was seen, and creates only what is not there", () => {
    const all = store();
    const { kv } = all;
    assert.ok(put(all, "a", "1", 0n));
    assert.ok(!put(all, "a", "2", 0n));
    const seen = BigInt(kv.get("a").index);
    assert.ok(!put(all, "a", "2", seen + 1n));
    assert.ok(put(all, "a", "2", seen));
    assert.ok(!put(all, "a", "3", seen));
    assert.ok(!remove(all, "a", seen));
    assert.ok(!remove(all, "a", 0n));
    assert.ok(remove(all, "a", BigInt(kv.get("a").index)));
    assert.ok(remove(all, "a", 5n), "what is not there is deleted already");
  });

  it("keeps the creation index of a key through changes, not through deletion", () => {
    const all = store();
    const { kv } = all;
    put(all, "a", "1");
    const created = kv.get("a").entry?.createIndex;
    put(all, "a", "2");
    assert.equal(kv.get("a").entry?.createIndex, created);
    remove(all, "a");
    put(all, "a", "3");
    assert.notEqual(kv.get("a").entry?.createIndex, created);
  });

  it("lists what begins with a prefix, in order, and never goes backwards", () => {
    const key = fc.stringMatching(/^[ab/]{1,4}$/);
    const step = fc.oneof(
      fc.record({ do: fc.constant("put" as const), key, value: fc.string({ maxLength: 2 }) }),
      fc.record({ do: fc.constant("delete" as const), key, value: fc.constant("") }),
      fc.record({ do: fc.constant("prune" as const), key, value: fc.constant("") }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), key, (steps, prefix) => {
        const all = store();
        const { kv } = all;
        const model = new Map<string, string>();
        let index = 0;
        for (const { do: action, key: at, value } of steps) {
          if (action === "put") {
            put(all, at, value);
            model.set(at, value);
          } else if (action === "delete") {
            remove(all, at);
            model.delete(at);
          } else {
            all.journal.write((write) => kv.deleteUnder(write, at));
            for (const other of model.keys()) if (other.startsWith(at)) model.delete(other);
          }
          const listing = kv.list("");
          assert.ok(listing.index >= index);
          ({ index } = listing);
        }
        const expected = [...model].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
        const listed = kv.list(prefix).entries.map((entry) => [entry.key, entry.value.toString()]);
        assert.deepEqual(listed, expected);
      }),
    );
  });
});

describe("a listing of keys", () => {
  it("is cut after the separator, once for each folder", () => {
    const all = store();
    const { kv } = all;
    for (const name of ["d/", "d/b/c", "d/b/d", "d/e", "top"]) put(all, name);
    assert.deepEqual(keysOf(kv.list("d/").entries, "d/", "/"), ["d/", "d/b/", "d/e"]);
    assert.deepEqual(keysOf(kv.list("").entries, "", "/"), ["d/", "top"]);
    assert.deepEqual(keysOf(kv.list("d").entries, "d", ""), ["d/", "d/b/c", "d/b/d", "d/e"]);
  });
});
