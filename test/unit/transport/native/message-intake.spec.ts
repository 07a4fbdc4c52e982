import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { seededRandom } from "../../../../sdk/src/call/random.ts";
import { STATUS_NUMBERS } from "../../../../sdk/src/call/status.ts";
import type { Http2Session } from "../../../../sdk/src/transport/http2/http2-session.ts";
import { Http2Stream } from "../../../../sdk/src/transport/http2/http2-stream.ts";
import { MessageIntake, type MessageTaker } from "../../../../sdk/src/transport/native/message-intake.ts";
import { Inbox } from "../../../support/inbox.ts";

const MAX_BYTES = 100_000;
const random = seededRandom(1);
/** Compresses badly, so that it is long on the wire and goes to a worker thread. */
const LONG = Array.from({ length: 20_000 }, () => random().toString(36).slice(2, 6)).join("");

/** Takes messages, and the credit that is given back for them. */
class Taken implements MessageTaker {
  readonly events = new Inbox<string>();
  readonly log: string[] = [];
  consumed = 0;
  readonly intake: MessageIntake;
  #onMessage: () => void;

  constructor(onMessage: () => void = () => {}) {
    this.#onMessage = onMessage;
    const session = { consume: (_stream: Http2Stream, bytes: number) => (this.consumed += bytes) };
    const stream = new Http2Stream(1, undefined as never, 0, 0);
    this.intake = new MessageIntake(session as unknown as Http2Session, stream, this, MAX_BYTES);
  }

  whenMessage(then: () => void): void {
    this.#onMessage = then;
  }

  give(bytes: Buffer): void {
    // As a read buffer, of which DATA is a part.
    this.intake.data(Buffer.concat([Buffer.from("xx"), bytes, Buffer.from("yy")]), 2, 2 + bytes.length);
  }

  onIntakeMessage(body: Uint8Array): void {
    this.#say(Buffer.from(body).toString());
    this.#onMessage();
  }

  onIntakeEnd(): void {
    this.#say("end");
  }

  onIntakeBroken(status: number, reason: string): void {
    this.#say(`broken ${status}: ${reason}`);
  }

  #say(event: string): void {
    this.log.push(event);
    this.events.put(event);
  }
}

function message(text: string, compressed = false): Buffer {
  const body = compressed ? gzipSync(text) : Buffer.from(text);
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

describe("the intake of messages", () => {
  it("gives one message for one request, and credit only for what was given", () => {
    const taken = new Taken();
    const bytes = Buffer.concat([message("one"), message("two"), message("three")]);
    taken.give(bytes);
    assert.deepEqual([taken.log.length, taken.consumed], [0, 0]);
    taken.intake.request(1);
    assert.deepEqual([taken.log, taken.consumed], [["one"], 8]);
    taken.intake.request(1);
    assert.deepEqual([taken.log, taken.consumed], [["one", "two"], 16]);
    taken.intake.request(1);
    assert.deepEqual([taken.log, taken.consumed], [["one", "two", "three"], 26]);
    assert.equal(taken.intake.receivedBytes, 11);
  });

  it("waits for a message that was asked for before", () => {
    const taken = new Taken();
    taken.intake.request(2);
    const bytes = message("hello");
    for (const byte of bytes) taken.give(Buffer.from([byte]));
    assert.deepEqual(taken.log, ["hello"]);
    assert.equal(taken.consumed, bytes.length);
  });

  it("keeps what it holds when the memory that it came in is used again", () => {
    const taken = new Taken();
    const chunk = message("short");
    taken.intake.data(chunk, 0, chunk.length);
    chunk.fill(0);
    taken.intake.request(1);
    assert.deepEqual(taken.log, ["short"]);
  });

  it("says that the peer has ended only when every message was taken", () => {
    const taken = new Taken();
    taken.give(Buffer.concat([message("one"), message("two")]));
    taken.intake.end();
    taken.intake.request(1);
    assert.deepEqual(taken.log, ["one"]);
    taken.intake.request(1);
    assert.deepEqual(taken.log, ["one", "two", "end"]);
    taken.intake.request(1);
    assert.equal(taken.log.length, 3);
  });

  it("lets who takes a message ask for the next", () => {
    const taken = new Taken();
    taken.whenMessage(() => taken.intake.request(1));
    taken.give(Buffer.concat(Array.from({ length: 5_000 }, (_, at) => message(String(at)))));
    taken.intake.end();
    taken.intake.request(1);
    assert.equal(taken.log.length, 5_001);
    assert.equal(taken.log[4_999], "4999");
  });

  it("gives nothing more when who takes a message stops it", () => {
    const taken = new Taken();
    taken.whenMessage(() => taken.intake.stop());
    const bytes = Buffer.concat([message("one"), message("two")]);
    taken.intake.request(9);
    taken.give(bytes);
    taken.intake.end();
    assert.deepEqual(taken.log, ["one"]);
    const before = taken.consumed;
    taken.give(bytes);
    assert.equal(taken.consumed - before, bytes.length, "what comes late gives its credit back");
  });

  it("tells of an end in the middle of a message", () => {
    const taken = new Taken();
    taken.intake.request(1);
    taken.give(message("hello").subarray(0, 7));
    taken.intake.end();
    assert.deepEqual(taken.log, [
      `broken ${STATUS_NUMBERS.INTERNAL}: stream ended 3 bytes before the end of a message`,
    ]);
  });

  it("tells of bytes that are no message, and of one that is too long, once", () => {
    for (const [bytes, status] of [
      [Buffer.from([7, 0, 0, 0, 0, 0]), STATUS_NUMBERS.INTERNAL],
      [message("x".repeat(MAX_BYTES + 1)), STATUS_NUMBERS.RESOURCE_EXHAUSTED],
    ] as const) {
      const taken = new Taken();
      taken.intake.request(2);
      taken.give(bytes);
      taken.give(bytes);
      taken.intake.end();
      assert.equal(taken.log.length, 1);
      assert.match(taken.log[0]!, new RegExp(`^broken ${status}`));
    }
  });

  it("inflates messages in their order, long and short", async () => {
    const taken = new Taken();
    taken.intake.encoding = "gzip";
    taken.intake.request(3);
    taken.give(Buffer.concat([message(LONG, true), message("short", true), message("plain")]));
    taken.intake.end();
    assert.equal(await taken.events.next(), LONG);
    assert.equal(await taken.events.next(), "short");
    assert.equal(await taken.events.next(), "plain");
    assert.equal(await taken.events.next(), "end");
  });

  it("gives no message that was inflated after it was stopped", async () => {
    const taken = new Taken();
    taken.intake.encoding = "gzip";
    taken.intake.request(1);
    taken.give(message(LONG, true));
    taken.intake.stop();
    const other = new Taken();
    other.intake.encoding = "gzip";
    other.intake.request(1);
    other.give(message(LONG, true));
    await other.events.next();
    assert.deepEqual(taken.log, []);
  });

  it("tells of a compressed message in a call that does not compress", () => {
    const taken = new Taken();
    taken.intake.request(1);
    taken.give(message("packed", true));
    assert.match(taken.log[0]!, new RegExp(`^broken ${STATUS_NUMBERS.INTERNAL}: .*no grpc-encoding`));
  });

  it("gives every message once and all credit back, however bytes and requests come", () => {
    const texts = fc.array(fc.string({ maxLength: 40, unit: "grapheme-ascii" }), { maxLength: 12 });
    const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
    const asks = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(texts, cuts, asks, (texts, cuts, asks) => {
        const taken = new Taken();
        const bytes = Buffer.concat(texts.map((text) => message(text)));
        let at = 0;
        for (let turn = 0; at < bytes.length; turn++) {
          const to = Math.min(bytes.length, at + (cuts[turn % cuts.length] ?? 1));
          taken.give(bytes.subarray(at, to));
          at = to;
          taken.intake.request(asks[turn % asks.length] ?? 0);
        }
        taken.intake.end();
        taken.intake.request(texts.length);
        assert.deepEqual(taken.log, [...texts, "end"]);
        assert.equal(taken.consumed, bytes.length);
      }),
    );
  });
});
