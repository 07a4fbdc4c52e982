import assert from "node:assert/strict";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import * as fc from "fast-check";
import type { MessageCodec } from "../../../sdk/src/contract/message-codec.ts";
import { COPIED_MESSAGE_BYTES, encodeMessage, MessageWriter } from "../../../sdk/src/contract/message-writer.ts";
import { FileDescriptorResponse } from "../../../sdk/src/gen/grpc/reflection/v1/reflection.ts";
import { BadRequest } from "../../../sdk/src/gen/google/rpc/error_details.ts";
import { TranslateRequest } from "../../../services/gen/translator/v1/translator.ts";

const MIB = 1024 * 1024;

/** What both writers have, so that one list of calls can be made on either. */
type Writer = BinaryWriter | MessageWriter;
type Step = (writer: Writer) => void;

const bytesOf = (steps: readonly Step[], writer: Writer): Uint8Array => {
  for (const step of steps) step(writer);
  return writer.finish();
};

function sameBytes(steps: readonly Step[]): void {
  const expected = Buffer.from(bytesOf(steps, new BinaryWriter()));
  const actual = Buffer.from(bytesOf(steps, new MessageWriter()));
  // Not deepEqual: its message would take minutes for a megabyte.
  assert.ok(actual.equals(expected), `${actual.length} bytes differ from the ${expected.length} of BinaryWriter`);
}

/** The error's text, or undefined when there was none. */
function failure(step: Step, writer: Writer): string | undefined {
  try {
    step(writer);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

const INTEGERS = ["uint32", "int32", "sint32", "fixed32", "sfixed32"] as const;
const LONGS = ["int64", "uint64", "sint64", "fixed64", "sfixed64"] as const;
const EDGES = [0, 1, 127, 128, 16_383, 16_384, 2 ** 21, 2 ** 28, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32];
const BIG_EDGES = [2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, ...EDGES.map(BigInt)];

/** Any value somebody may put into a number field, right or wrong. */
const anyNumber = fc.oneof(
  fc.constantFrom(...EDGES, ...EDGES.map((edge) => -edge), 1.5, -0, Number.NaN, Infinity, 2 ** 53, 2 ** 63, -(2 ** 63)),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
);
const anyBig = fc.oneof(
  fc.constantFrom(...BIG_EDGES, ...BIG_EDGES.map((edge) => -edge)),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
);
const anyNumeric: fc.Arbitrary<unknown> = fc.oneof(
  anyNumber,
  anyBig,
  anyNumber.map(String),
  anyBig.map(String),
  fc.constantFrom("", " 7 ", "0x10", "1e3", "007", "-0", "NaN", "seven", true, null, undefined, {}),
);

/** Text of one kind of character, lone surrogates among them, at lengths where its own length takes another byte. */
const anyText = fc
  .tuple(
    fc.array(
      fc.tuple(
        fc.constantFrom(
          "a",
          "é",
          "ж",
          "語",
          "😀",
          "\ud83d",
          "\ude00",
          "\u0000",
          "\u007f",
          "\u0080",
          "\u07ff",
          "\u0800",
        ),
        fc.constantFrom(1, 2, 5, 40, 42, 43, 63, 64, 127, 128, 1_365, 4_097, 5_461, 16_383, 16_384),
      ),
      { maxLength: 3 },
    ),
    fc.string({ unit: "binary" }),
  )
  .map(([runs, rest]) => runs.map(([unit, count]) => unit.repeat(count)).join("") + rest);

const sizes = fc.constantFrom(
  0,
  1,
  100,
  125,
  126,
  127,
  128,
  129,
  4_096,
  16_380,
  16_381,
  16_382,
  16_383,
  16_384,
  70_000,
);
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  sizes.map((size) => Buffer.alloc(size, size)),
);

/** A call that BinaryWriter takes. */
const leaf: fc.Arbitrary<Step> = fc.oneof(
  fc.nat({ max: 2 ** 31 - 1 }).map(
    (value): Step =>
      (writer) =>
        writer.uint32(value),
  ),
  fc.integer().map(
    (value): Step =>
      (writer) =>
        writer.int32(value).sint32(value).sfixed32(value),
  ),
  fc.maxSafeInteger().map(
    (value): Step =>
      (writer) =>
        writer.int64(value).sint64(value).sfixed64(value),
  ),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): Step => (writer) => {
    writer.int64(value).sint64(String(value)).sfixed64(value).int64(String(value));
  }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): Step => (writer) => {
    writer.uint64(value).fixed64(String(value)).uint64(String(value));
  }),
  fc.nat({ max: 2 ** 31 - 1 }).map(
    (value): Step =>
      (writer) =>
        writer
          .fixed32(value)
          .fixed64(value)
          .tag(value >>> 3, 2),
  ),
  fc.double().map(
    (value): Step =>
      (writer) =>
        writer.double(value),
  ),
  fc.float().map(
    (value): Step =>
      (writer) =>
        writer.float(value),
  ),
  fc.boolean().map(
    (value): Step =>
      (writer) =>
        writer.bool(value),
  ),
  anyText.map(
    (value): Step =>
      (writer) =>
        writer.string(value),
  ),
  anyBytes.map(
    (value): Step =>
      (writer) =>
        writer.bytes(value),
  ),
  anyBytes.map(
    (value): Step =>
      (writer) =>
        writer.raw(value),
  ),
);

const { steps: anySteps } = fc.letrec<{ steps: Step[]; step: Step }>((tie) => ({
  steps: fc.array(tie("step"), { maxLength: 8 }),
  step: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    leaf,
    tie("steps").map((inner): Step => (writer) => {
      writer.uint32(10).fork();
      for (const step of inner) step(writer);
      writer.join();
    }),
  ),
}));

/** A codec of byte strings that writes them as one field, as generated code does. */
const blob: MessageCodec<Uint8Array> = {
  encode: (message, writer = new BinaryWriter()) => writer.uint32(10).bytes(message),
  decode: (bytes) => bytes,
  fromPartial: (bytes) => bytes,
};

describe("a message writer", () => {
  it("has every method that generated code may call", () => {
    const internal = new Set(["constructor", "ensureCapacity", "view", "writeVarint64"]);
    const methods = Object.getOwnPropertyNames(BinaryWriter.prototype).filter((name) => !internal.has(name));
    const ours = new Set(Object.getOwnPropertyNames(MessageWriter.prototype));
    assert.deepEqual(
      methods.filter((name) => !ours.has(name)),
      [],
    );
    assert.ok(methods.includes("sfixed64"));
  });

  it("writes the bytes that BinaryWriter writes, whatever is called", () => {
    fc.assert(fc.property(anySteps, sameBytes), { numRuns: 300 });
  });

  it("takes and refuses the numbers that BinaryWriter takes and refuses, with the same words", () => {
    const kinds = fc.constantFrom(...INTEGERS, ...LONGS, "float", "double");
    fc.assert(
      fc.property(kinds, anyNumeric, (kind, value) => {
        const step: Step = (writer) => writer[kind](value as never);
        const expected = failure(step, new BinaryWriter());
        assert.equal(failure(step, new MessageWriter()), expected, `${kind} of ${String(value)}`);
        if (expected === undefined) sameBytes([step]);
      }),
      { numRuns: 2_000 },
    );
  });

  it("refuses bytes that are none, as BinaryWriter does", () => {
    for (const value of [null, undefined, "text", 7, [1, 2]]) {
      const step: Step = (writer) => writer.bytes(value as never);
      assert.equal(failure(step, new MessageWriter()), failure(step, new BinaryWriter()));
    }
    const stray: Step = (writer) => writer.join();
    assert.equal(failure(stray, new MessageWriter()), failure(stray, new BinaryWriter()));
  });

  it("makes text of what is none, as BinaryWriter does", () => {
    sameBytes([(writer) => writer.string(7 as never), (writer) => writer.string(null as never)]);
  });

  it("writes messages in messages whose lengths take one byte more than the one inside", () => {
    for (let size = 110; size <= 130; size++) sameBytes([nested(6, Buffer.alloc(size, 1))]);
    for (let size = 16_360; size <= 16_390; size++) sameBytes([nested(6, Buffer.alloc(size, 1))]);
    for (const size of [4_095, 4_096, 2 ** 21 - 12, 2 ** 21 - 6, 2 ** 21, MIB])
      sameBytes([nested(4, Buffer.alloc(size, 1))]);
  });

  it("has room for a large value wherever it comes", () => {
    const large = Buffer.alloc(100_000, 7);
    const text = "é".repeat(50_000);
    sameBytes([
      (writer) => writer.fork().string("before").fork().bytes(large).string(text).join().bytes(large).join().bool(true),
      (writer) => writer.fork().fork().fork().string(text).join().join().uint32(1).join().raw(large),
    ]);
  });

  it("begins anew after it has given its bytes", () => {
    const writer = new MessageWriter();
    writer.string("one").fork();
    assert.deepEqual([...writer.finish()], [3, ...Buffer.from("one"), 0]);
    assert.deepEqual([...writer.bool(true).take()], [1]);
    assert.throws(() => writer.join(), /fork stack empty/);
  });
});

function nested(depth: number, bytes: Uint8Array): Step {
  return (writer) => {
    for (let level = 0; level < depth; level++) writer.uint32(10).fork();
    writer.bytes(bytes);
    for (let level = 0; level < depth; level++) writer.join().bool(true);
  };
}

describe("encodeMessage", () => {
  it("writes what the generated code would write by itself", () => {
    const request = { phrase: "hello", language: "de" };
    assert.deepEqual(Buffer.from(encodeMessage(TranslateRequest, request)), encoded(TranslateRequest, request));
    const violations = Array.from({ length: 40 }, (_, index) => ({
      field: `f${index}`,
      description: "é".repeat(index),
    }));
    const details = BadRequest.fromPartial({ fieldViolations: violations });
    assert.deepEqual(Buffer.from(encodeMessage(BadRequest, details)), encoded(BadRequest, details));
    assert.equal(encodeMessage(TranslateRequest, { phrase: "", language: "" }).byteLength, 0);
  });

  it("uses the memory of a short message again, and that of a long one never", () => {
    /** A field's tag and a length of three bytes. */
    const PREFIX_BYTES = 4;
    const short = encodeMessage(blob, Buffer.alloc(COPIED_MESSAGE_BYTES - PREFIX_BYTES, 1));
    assert.equal(short.byteLength, COPIED_MESSAGE_BYTES);
    const long = encodeMessage(blob, Buffer.alloc(COPIED_MESSAGE_BYTES - PREFIX_BYTES + 1, 2));
    assert.equal(long.byteLength, COPIED_MESSAGE_BYTES + 1);
    assert.equal(long.buffer, short.buffer);
    const kept = Buffer.from(long);
    for (let round = 0; round < 3; round++) {
      const next = encodeMessage(blob, Buffer.alloc(200_000, round));
      assert.notEqual(next.buffer, long.buffer);
    }
    assert.ok(kept.equals(long));
  });

  it("does not hold the memory of a huge message", () => {
    const huge = encodeMessage(blob, Buffer.alloc(8 * MIB));
    const next = encodeMessage(blob, Buffer.alloc(10));
    assert.notEqual(next.buffer, huge.buffer);
    assert.ok(next.buffer.byteLength <= MIB);
    const failing = {
      ...blob,
      encode: (message: Uint8Array, writer = new BinaryWriter()) => writer.bytes(message).join(),
    };
    assert.throws(() => encodeMessage(failing, Buffer.alloc(8 * MIB)), /fork stack empty/);
    assert.ok(encodeMessage(blob, Buffer.alloc(10)).buffer.byteLength <= MIB);
  });

  it("encodes a message while it encodes another", () => {
    const outer = {
      get phrase(): string {
        const inner = encodeMessage(TranslateRequest, { phrase: "inner", language: "fr" });
        return Buffer.from(inner).toString("hex");
      },
      language: "de",
    };
    const inner = encoded(TranslateRequest, { phrase: "inner", language: "fr" }).toString("hex");
    const expected = encoded(TranslateRequest, { phrase: inner, language: "de" });
    assert.deepEqual(Buffer.from(encodeMessage(TranslateRequest, outer)), expected);
  });

  it("is ready for the next message after one that failed", () => {
    const bad = {
      phrase: "half",
      get language(): string {
        throw new Error("no language");
      },
    };
    assert.throws(() => encodeMessage(TranslateRequest, bad), /no language/);
    const good = { phrase: "hello", language: "" };
    assert.deepEqual(Buffer.from(encodeMessage(TranslateRequest, good)), encoded(TranslateRequest, good));
  });

  it("takes the bytes of codecs that write in their own way", () => {
    const own: MessageCodec<string> = {
      encode: (message) => ({ finish: () => Buffer.from(message) }),
      decode: String,
      fromPartial: String,
    };
    assert.equal(Buffer.from(encodeMessage(own, "hello")).toString(), "hello");
    const half: MessageCodec<string> = {
      ...own,
      encode: (message, writer = new BinaryWriter()) => {
        writer.string("thrown away");
        return { finish: () => Buffer.from(message) };
      },
    };
    assert.equal(Buffer.from(encodeMessage(half, "hello")).toString(), "hello");
    const framed: MessageCodec<string> = {
      ...own,
      encode: (message, writer = new BinaryWriter()) => {
        const first = writer.string(message).finish();
        const second = writer.string("!").finish();
        return { finish: () => Buffer.concat([first, second]) };
      },
    };
    assert.deepEqual(Buffer.from(encodeMessage(framed, "hi")), Buffer.from("\u0002hi\u0001!"));
    assert.equal(encodeMessage(blob, Buffer.alloc(3)).byteLength, 5);
  });

  it("writes a large field in the middle of messages", () => {
    const files = { fileDescriptorProto: [Buffer.alloc(3), Buffer.alloc(300_000, 7), Buffer.alloc(2)] };
    assert.ok(encoded(FileDescriptorResponse, files).equals(encodeMessage(FileDescriptorResponse, files)));
  });
});

function encoded<T>(codec: MessageCodec<T>, message: T): Buffer {
  return Buffer.from(codec.encode(message).finish());
}
