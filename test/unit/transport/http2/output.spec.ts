/** What a connection writes, and when its memory may be used again. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { Output } from "../../../../sdk/src/transport/http2/output.ts";
import { FRAME } from "../../../../sdk/src/transport/http2/protocol.ts";

/** A socket that takes what it is given when told to. */
class SlowSocket extends Duplex {
  readonly chunks: Buffer[] = [];
  /** What the chunks said when they came: their memory is used again. */
  readonly taken: Buffer[] = [];
  slow = false;
  #taken: (() => void)[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    this.taken.push(Buffer.from(chunk));
    if (this.slow) this.#taken.push(done);
    else done();
  }

  takeOne(): void {
    this.#taken.shift()?.();
  }
}

const WORD_BYTES = 13;

describe("the output of a connection", () => {
  it("is one write for what was put in during one turn", async () => {
    const socket = new SlowSocket();
    const output = new Output(socket);
    output.word(FRAME.WINDOW_UPDATE, 0, 1);
    output.word(FRAME.WINDOW_UPDATE, 0, 2);
    await new Promise((resolve) => process.nextTick(resolve));
    assert.deepEqual(
      socket.chunks.map(({ length }) => length),
      [2 * WORD_BYTES],
    );
  });

  it("keeps order between what is copied and what is written as it is", () => {
    const socket = new SlowSocket();
    const output = new Output(socket);
    output.frame(FRAME.PING, 0, 0, Buffer.from("12345678"));
    output.put(Buffer.from("as it is"));
    output.frame(FRAME.PING, 0, 0, Buffer.from("87654321"));
    output.flush();
    assert.match(Buffer.concat(socket.chunks).toString("latin1"), /12345678as it is.{9}87654321/s);
  });

  it("does not write over what the socket has not taken", () => {
    const socket = new SlowSocket();
    socket.slow = true;
    const output = new Output(socket);
    output.word(FRAME.WINDOW_UPDATE, 0, 0x11111111);
    output.flush();
    output.word(FRAME.WINDOW_UPDATE, 0, 0x22222222);
    output.flush();
    assert.equal(socket.chunks[0]?.readUInt32BE(9), 0x11111111);
    assert.deepEqual([output.pendingBytes, output.takenBytes, output.position], [2 * WORD_BYTES, 0, 2 * WORD_BYTES]);
    socket.takeOne();
    assert.equal(output.takenBytes, WORD_BYTES);
  });

  it("uses its memory again once everything was taken", () => {
    const socket = new SlowSocket();
    const output = new Output(socket);
    output.word(FRAME.WINDOW_UPDATE, 0, 1);
    output.flush();
    output.word(FRAME.WINDOW_UPDATE, 0, 2);
    output.flush();
    assert.equal(socket.chunks[0]?.byteOffset, socket.chunks[1]?.byteOffset);
  });

  it("takes more than fits its memory", () => {
    const socket = new SlowSocket();
    const output = new Output(socket);
    for (let at = 0; at < 300; at++) output.frame(FRAME.DATA, 0, 1, Buffer.alloc(1000, at));
    output.flush();
    assert.ok(socket.chunks.length > 1);
    const all = Buffer.concat(socket.taken);
    assert.equal(all.length, 300 * 1009);
    for (let at = 0; at < 300; at++) assert.equal(all[at * 1009 + 500], at % 256);
  });

  it("writes and keeps nothing once it is closed", () => {
    const socket = new SlowSocket();
    const output = new Output(socket);
    output.close();
    for (let at = 0; at < 300; at++) output.frame(FRAME.DATA, 0, 1, Buffer.alloc(1000));
    output.put(Buffer.alloc(1_000_000));
    output.flush();
    assert.equal(socket.chunks.length, 0);
    assert.ok(output.pendingBytes <= 64 * 1024);
  });
});
