import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import * as fc from "fast-check";
import { decodeMessage } from "../../../sdk/src/contract/decode-message.ts";
import type { MessageCodec } from "../../../sdk/src/contract/message-codec.ts";
import { FileDescriptorResponse } from "../../../sdk/src/gen/grpc/reflection/v1/reflection.ts";
import { Duration } from "../../../sdk/src/gen/google/protobuf/duration.ts";
import { BadRequest } from "../../../sdk/src/gen/google/rpc/error_details.ts";
import { ListLanguagesRequest, TranslateResponse } from "../../../services/gen/translator/v1/translator.ts";

interface Wire {
  readonly BinaryReader: typeof BinaryReader;
}

/** What decoding comes to: the message, or the error's text. */
function outcome(decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    return String(error);
  }
}

function same(codec: MessageCodec<unknown>, bytes: Uint8Array): void {
  // A view into a larger buffer, as transports give it.
  const chunk = Buffer.concat([Buffer.alloc(7, 0xaa), bytes, Buffer.alloc(7, 0xaa)]);
  const body = chunk.subarray(7, 7 + bytes.byteLength);
  assert.deepEqual(
    outcome(() => decodeMessage(codec, body)),
    outcome(() => codec.decode(body)),
  );
}

/** A codec as ts-proto writes it, but for what it reads: the given reader's methods, until one throws. */
function reading(calls: readonly (keyof BinaryReader)[], Reader = BinaryReader): MessageCodec<unknown> {
  return {
    encode: () => new BinaryWriter(),
    fromPartial: (message) => message,
    decode: (input: BinaryReader | Uint8Array, _length?: number): unknown => {
      const reader = input instanceof Reader ? input : new Reader(input);
      const values: unknown[] = [];
      // Reads the probe to its end, as generated code does.
      if (reader.len === 6) {
        reader.tag();
        reader.skip(0);
        return values;
      }
      try {
        for (const call of calls) values.push(call, (reader[call] as () => unknown)(), reader.pos);
      } catch (error) {
        values.push(String(error));
      }
      return values;
    },
  };
}

const CALLS = [
  ...(["uint32", "int32", "sint32", "int64", "uint64", "sint64", "bool", "fixed32", "sfixed32", "fixed64"] as const),
  ...(["sfixed64", "float", "double", "bytes", "string", "tag"] as const),
];

/** Text whose bytes are about as many as a loop still reads. */
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom("a".repeat(31), "a".repeat(32), "a".repeat(33), "é".repeat(16), "\ufeffa", "\ufeff".repeat(20)),
);

describe("decodeMessage", () => {
  it("reads what the generated code reads by itself", () => {
    const response = fc.record({ text: anyText, instance: anyText });
    fc.assert(fc.property(response, (message) => same(TranslateResponse, TranslateResponse.encode(message).finish())));
    const violations = fc.array(fc.record({ field: anyText, description: anyText }));
    fc.assert(
      fc.property(violations, (fieldViolations) => {
        same(BadRequest, BadRequest.encode(BadRequest.fromPartial({ fieldViolations })).finish());
      }),
    );
    same(FileDescriptorResponse, FileDescriptorResponse.encode({ fileDescriptorProto: [Buffer.alloc(99)] }).finish());
    same(Duration, Duration.encode(Duration.fromPartial({ seconds: -5, nanos: 7 })).finish());
    same(ListLanguagesRequest, Buffer.alloc(0));
  });

  it("reads and refuses any bytes as BinaryReader does, call by call", () => {
    const calls = fc.array(fc.constantFrom(...CALLS), { maxLength: 12 });
    const bytes = fc.uint8Array({ min: 0, maxLength: 80 }).filter((one) => one.length !== 6);
    const small = fc.uint8Array({ max: 40, maxLength: 200 }).filter((one) => one.length !== 6);
    fc.assert(
      fc.property(calls, fc.oneof(bytes, small), (calls, bytes) => same(reading(calls), bytes)),
      { numRuns: 2_000 },
    );
  });

  it("refuses malformed messages with the same words", () => {
    const codecs: MessageCodec<unknown>[] = [TranslateResponse, BadRequest, Duration, FileDescriptorResponse].map(
      (codec) => codec as MessageCodec<unknown>,
    );
    fc.assert(fc.property(fc.constantFrom(...codecs), fc.uint8Array({ max: 40 }), same), { numRuns: 1_000 });
    same(BadRequest, Buffer.from("0a7f", "hex"));
    same(BadRequest, deep(120));
  });

  it("is ready for the next message after one that failed", () => {
    assert.throws(() => decodeMessage(BadRequest, deep(120).subarray(0, -1)));
    const bytes = Buffer.from(TranslateResponse.encode({ text: "hello", instance: "" }).finish());
    assert.equal(decodeMessage(TranslateResponse, bytes).text, "hello");
  });

  it("gives bytes to codecs that take no reader", () => {
    const seen: unknown[] = [];
    const plain: MessageCodec<unknown> = {
      ...reading([]),
      decode: (bytes) => {
        seen.push(bytes);
        return bytes;
      },
    };
    const bytes = Buffer.from("hi");
    assert.equal(decodeMessage(plain, bytes), bytes);
    assert.deepEqual(seen, [bytes]);
    const view = Uint8Array.from(TranslateResponse.encode({ text: "hello", instance: "" }).finish());
    assert.equal(decodeMessage(TranslateResponse, view).text, "hello");
  });

  it("gives bytes to codecs that were made for another copy of @bufbuild/protobuf", async () => {
    // The package has a CommonJS and an ES build; whichever is not the one that is imported here.
    const commonJs = createRequire(import.meta.url).resolve("@bufbuild/protobuf/wire");
    const builds = [commonJs, commonJs.replace("/dist/cjs/", "/dist/esm/")];
    const readers = await Promise.all(builds.map(async (path) => ((await import(path)) as Wire).BinaryReader));
    const other = readers.find((reader) => reader !== BinaryReader);
    assert.ok(other);
    const codec = reading(["string", "fixed32"], other);
    const bytes = Buffer.from("0261620700000000", "hex");
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(decodeMessage(codec, bytes), ["string", "ab", 3, "fixed32", 7, 7]);
    }
  });

  it("decodes a message while it decodes another", () => {
    const inner = Buffer.from(TranslateResponse.encode({ text: "inner", instance: "" }).finish());
    const outer: MessageCodec<unknown> = {
      ...reading([]),
      decode: (input: BinaryReader | Uint8Array, length?: number) => {
        const message = decodeMessage(TranslateResponse, inner);
        return [message.text, TranslateResponse.decode(input, length).text];
      },
    };
    const bytes = Buffer.from(TranslateResponse.encode({ text: "outer", instance: "" }).finish());
    assert.deepEqual(decodeMessage(outer, bytes), ["inner", "outer"]);
    assert.deepEqual(decodeMessage(outer, bytes), ["inner", "outer"]);
  });
});

/** Groups in groups, deeper than a reader follows. */
function deep(depth: number): Buffer {
  return Buffer.concat([Buffer.alloc(depth, 0x7b), Buffer.alloc(depth, 0x7c)]);
}
