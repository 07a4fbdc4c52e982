import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as zlib from "node:zlib";
import * as fc from "fast-check";
import type { MeshError } from "../../../../sdk/src/call/mesh-error.ts";
import { ACCEPTED_ENCODINGS, gzip, inflate } from "../../../../sdk/src/transport/grpc/compression.ts";

const MIB = 1024 * 1024;

interface Outcome {
  readonly error: MeshError | undefined;
  readonly message: Uint8Array | undefined;
  readonly atOnce: boolean;
}

function run(encoding: string, bytes: Uint8Array, maxBytes = 4 * MIB): Promise<Outcome> {
  return new Promise((resolve) => {
    let returned = false;
    inflate(encoding, bytes, maxBytes, (error, message) => resolve({ error, message, atOnce: !returned }));
    returned = true;
  });
}

async function fails(outcome: Promise<Outcome>, code: string, reason: RegExp): Promise<Outcome> {
  const { error, message } = await outcome;
  assert.equal(message, undefined);
  assert.equal(error?.code, code);
  assert.match(error.reason, reason);
  return outcome;
}

const WRITERS: Readonly<Record<string, readonly ((bytes: Uint8Array) => Uint8Array)[]>> = {
  gzip: [gzip, zlib.gzipSync],
  deflate: [zlib.deflateSync, zlib.deflateRawSync],
};

describe("compression", () => {
  it("reads what it says it reads", async () => {
    const text = Buffer.from("hello ".repeat(100));
    for (const encoding of ACCEPTED_ENCODINGS.split(",")) {
      for (const write of WRITERS[encoding] ?? [(bytes: Uint8Array) => bytes]) {
        const { error, message } = await run(encoding, write(text));
        assert.equal(error, undefined);
        assert.deepEqual(Buffer.from(message ?? []), text);
      }
    }
  });

  it("gives back any message, empty ones too", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom("gzip", "deflate"),
        async (bytes, encoding) => {
          for (const write of WRITERS[encoding] ?? []) {
            const { message } = await run(encoding, write(bytes));
            assert.deepEqual(Buffer.from(message ?? [1]), Buffer.from(bytes));
          }
        },
      ),
    );
  });

  it("inflates small messages before it returns and large ones later", async () => {
    assert.equal((await run("gzip", gzip(Buffer.alloc(1_000)))).atOnce, true);
    const large = randomBytes(100_000);
    const { atOnce, message } = await run("gzip", gzip(large));
    assert.equal(atOnce, false);
    assert.deepEqual(Buffer.from(message ?? []), large);
    const flat = await run("gzip", gzip(Buffer.alloc(MIB)));
    assert.equal(flat.atOnce, false);
    assert.equal(flat.message?.byteLength, MIB);
  });

  it("keeps no more memory for a small message than it needs", async () => {
    const { message } = await run("gzip", gzip(Buffer.alloc(7_000)));
    assert.equal(message?.buffer.byteLength, 7_000);
  });

  it("inflates to the limit and not beyond, at once and later", async () => {
    for (const limit of [0, 1, 1_000, 65_536, 65_537, MIB]) {
      const fits = await run("gzip", gzip(Buffer.alloc(limit)), limit);
      assert.equal(fits.message?.byteLength, limit);
      const reason = new RegExp(`^message in gzip inflates to more than the ${limit} bytes that may be received$`);
      await fails(run("gzip", gzip(Buffer.alloc(limit + 1)), limit), "RESOURCE_EXHAUSTED", reason);
    }
  });

  it("stops a bomb at the limit", async () => {
    const bomb = gzip(Buffer.alloc(40 * MIB));
    const before = process.memoryUsage().arrayBuffers;
    await fails(run("gzip", bomb, MIB), "RESOURCE_EXHAUSTED", /more than the 1048576 bytes/);
    assert.ok(process.memoryUsage().arrayBuffers - before < 10 * MIB);
  });

  it("has no limit when it is told none", async () => {
    assert.equal((await run("gzip", gzip(Buffer.alloc(MIB)), Infinity)).message?.byteLength, MIB);
  });

  it("names the encodings it reads when it meets another", async () => {
    const reason = /^message is compressed with br: what is read is identity, deflate, gzip$/;
    await fails(run("br", Buffer.from("x")), "UNIMPLEMENTED", reason);
  });

  it("refuses what is corrupt or cut off", async () => {
    const large = randomBytes(50_000);
    for (const [encoding, writers] of Object.entries(WRITERS)) {
      for (const write of writers) {
        for (const text of [Buffer.from("hello"), large]) {
          const whole = write(text);
          await fails(run(encoding, whole.subarray(0, -6)), "INTERNAL", /or is cut off: unexpected end of file/);
        }
      }
      await fails(run(encoding, Buffer.alloc(0)), "INTERNAL", /cut off/);
      await fails(run(encoding, Buffer.alloc(20, 0xff)), "INTERNAL", /is not (gzip|deflate) as its call's headers say/);
      await fails(run(encoding, Buffer.alloc(50_000, 0xff)), "INTERNAL", /is not (gzip|deflate)/);
    }
    const altered = Buffer.from(gzip(large));
    altered[altered.length - 6]! ^= 1;
    await fails(run("gzip", altered), "INTERNAL", /incorrect data check/);
  });

  it("leaves to the caller what done throws", () => {
    assert.throws(() => inflate("gzip", gzip(Buffer.from("x")), 10, () => assert.fail("mine")), /mine/);
  });
});
