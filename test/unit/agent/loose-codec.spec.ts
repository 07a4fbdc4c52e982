import assert from "node:assert/strict";

import * as fc from "fast-check";

import { shortestFloat32 } from "../../../agent/src/json/float32.ts";
import {
  type Codec,
  decodeLoosely,
  type Json,
  list,
  LooseDecodeError,
  mapOf,
  optional,
  struct,
} from "../../../agent/src/json/loose-codec.ts";
import { anything, duration, flag, float32, text, uint32 } from "../../../agent/src/json/loose-scalars.ts";

interface Shape {
  readonly longName: string;
  readonly count: number;
  readonly inner: { readonly on: boolean } | undefined;
  readonly items: readonly string[];
  readonly extra: ReadonlyMap<string, string>;
}

const shape: Codec<Shape> = struct<Shape>({
  longName: { name: "LongName", codec: text, alias: "long_name" },
  count: { name: "Count", codec: uint32 },
  inner: { name: "Inner", codec: optional(struct({ on: { name: "On", codec: flag } })) },
  items: { name: "Items", codec: list(text) },
  extra: { name: "Extra", codec: mapOf(text) },
});

function read<T>(codec: Codec<T>, value: Json): { value: T; unknown: string[] } {
  const unknown: string[] = [];
  return { value: decodeLoosely(codec, value, "", unknown), unknown };
}

function faults(codec: Codec<unknown>, value: Json): readonly string[] {
  try {
    read(codec, value);
  } catch (error) {
    if (error instanceof LooseDecodeError) return error.faults;
    throw error;
  }
  return [];
}

describe("loose codecs", () => {
  it("read names without case and in snake_case", () => {
    for (const name of ["LongName", "longname", "LONGNAME", "long_name", "Long_Name"]) {
      assert.equal(read(shape, { [name]: "x" }).value.longName, "x");
    }
  });

  it("prefer the exact name and call the other unknown", () => {
    assert.deepEqual(read(shape, { count: 1, Count: 2 }).unknown, ["count"]);
    assert.equal(read(shape, { count: 1, Count: 2 }).value.count, 2);
  });

  it("name unknown fields by their path", () => {
    const { unknown } = read(shape, { Odd: 1, Inner: { Odd: 1 } });
    assert.deepEqual(unknown.sort(), ["Inner.Odd", "Odd"]);
  });

  it("take values for lists and lists for values", () => {
    const { value } = read(shape, {
      LongName: ["x"],
      Items: "y",
      Inner: [{ on: "true" }],
      Extra: [{ a: 1 }, { b: true }],
    });
    assert.deepEqual(value.longName, "x");
    assert.deepEqual(value.items, ["y"]);
    assert.deepEqual(value.inner, { on: true });
    assert.deepEqual(
      [...value.extra],
      [
        ["a", "1"],
        ["b", "1"],
      ],
    );
  });

  it("report all that is wrong at once", () => {
    assert.deepEqual(faults(shape, { LongName: {}, Count: "-1", Items: [[], "x"], Inner: 5 }), [
      "'LongName' expected type 'string', got unconvertible type 'map[string]interface {}'",
      "cannot parse 'Count' as uint: strconv.ParseUint: parsing \"-1\": invalid syntax",
      "'Inner' expected a map, got 'float64'",
      "'Items[0]' expected type 'string', got unconvertible type '[]interface {}'",
    ]);
  });

  it("leave out what is empty, and show it otherwise under its own name", () => {
    assert.deepEqual(shape.encode(read(shape, {}).value), {});
    assert.deepEqual(shape.encode(read(shape, { long_name: "x", inner: {} }).value), { LongName: "x", Inner: {} });
  });

  it("keep fields named like JavaScript's own apart from them", () => {
    const value = JSON.parse('{"Extra":{"__proto__":"a","constructor":"b"}}') as Json;
    assert.deepEqual(
      JSON.stringify(shape.encode(read(shape, value).value)),
      '{"Extra":{"__proto__":"a","constructor":"b"}}',
    );
    assert.deepEqual(read(shape, { constructor: 1 }).unknown, ["constructor"]);
  });

  it("convert between kinds of scalars", () => {
    assert.equal(read(text, 1e21).value, "1000000000000000000000");
    assert.equal(read(text, 1e-7).value, "0.0000001");
    assert.equal(read(uint32, "0x1f").value, 31);
    assert.equal(read(uint32, -1).value, 4_294_967_295);
    assert.equal(read(duration, 5).value, 5n);
    assert.equal(read(flag, "").value, false);
  });

  it("take lists of one off below a list of one", () => {
    assert.deepEqual(read(anything, [{ a: [1], b: [1, 2], c: [{ d: [1] }] }]).value, { a: 1, b: [1, 2], c: { d: 1 } });
    assert.deepEqual(read(anything, { a: [1] }).value, { a: [1] });
  });

  it("show 32-bit numbers as short as they can be read back", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        assert.ok(Math.fround(shortestFloat32(value)) === value);
      }),
    );
    assert.equal(float32.encode(read(float32, 33.33).value), 33.33);
  });
});
