import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { Http2Stream } from "../../../../sdk/src/transport/http2/http2-stream.ts";
import { Output } from "../../../../sdk/src/transport/http2/output.ts";
import { SendScheduler } from "../../../../sdk/src/transport/http2/send-scheduler.ts";

const NO_BYTES = Buffer.alloc(0);

/** A scheduler and the payloads that it has sent: "1: 10" for 10 bytes on stream 1, with "." for END_STREAM. */
class SendLab {
  readonly sent: string[] = [];
  readonly drained: number[] = [];
  readonly ended: number[] = [];
  readonly output: Output;
  readonly sender: SendScheduler;

  constructor() {
    const socket = new Duplex({
      read() {},
      write: (chunk: Buffer, _encoding, done) => {
        this.#read(chunk);
        done();
      },
    });
    this.output = new Output(socket);
    this.sender = new SendScheduler(
      this.output,
      ({ id }) => this.ended.push(id),
      (error) => assert.fail(String(error)),
    );
  }

  stream(id: number, window: number): Http2Stream {
    const onDrain = (): void => void this.drained.push(id);
    return new Http2Stream(id, { onHeaders() {}, onData() {}, onEnd() {}, onReset() {}, onDrain }, window, 0);
  }

  /** Of 1,000 bytes, unless said otherwise. */
  send(stream: Http2Stream, bytes = 1000, last = true): boolean {
    return this.sender.send(stream, NO_BYTES, Buffer.alloc(bytes), last);
  }

  flush(): string[] {
    this.output.flush();
    return this.sent.splice(0);
  }

  #rest: Buffer = NO_BYTES;

  #read(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const length = bytes.readUIntBE(0, 3);
      this.sent.push(`${bytes.readUInt32BE(5)}: ${length}${bytes[4] === 1 ? "." : ""}`);
      bytes = bytes.subarray(9 + length);
    }
    this.#rest = Buffer.from(bytes);
  }
}

describe("the send scheduler", () => {
  it("sends what fits at once", () => {
    const lab = new SendLab();
    assert.ok(lab.send(lab.stream(1, 1000)));
    assert.deepEqual([lab.flush(), lab.drained], [["1: 1000."], []]);
  });

  it("cuts what is longer than a frame, and lets streams take turns", () => {
    const lab = new SendLab();
    lab.sender.window = 0;
    const [one, three] = [lab.stream(1, 1e6), lab.stream(3, 1e6)];
    assert.ok(!lab.send(one, 40_000));
    assert.ok(!lab.send(three, 20_000));
    lab.sender.window = 1e6;
    lab.sender.pump();
    assert.deepEqual(lab.flush(), ["1: 16384", "3: 16384", "1: 16384", "3: 3616.", "1: 7232."]);
    assert.deepEqual(
      [lab.drained, lab.ended],
      [
        [3, 1],
        [3, 1],
      ],
    );
    assert.equal(lab.sender.queuedBytes, 0);
  });

  it("does not let a stream without window hold up others", () => {
    const lab = new SendLab();
    assert.ok(!lab.send(lab.stream(1, 400)));
    assert.ok(lab.send(lab.stream(3, 1000)));
    assert.deepEqual(lab.flush(), ["1: 400", "3: 1000."]);
    assert.equal(lab.sender.queuedBytes, 600);
  });

  it("says the end without bytes whatever the windows", () => {
    const lab = new SendLab();
    lab.sender.window = 0;
    assert.ok(lab.send(lab.stream(1, -5), 0));
    assert.deepEqual(lab.flush(), ["1: 0."]);
  });

  it("keeps nothing of a stream that is dropped, also in the middle of the line", () => {
    const lab = new SendLab();
    lab.sender.window = 0;
    const streams = [1, 3, 5].map((id) => lab.stream(id, 1e6));
    for (const stream of streams) lab.send(stream);
    lab.sender.drop(streams[1]!);
    assert.deepEqual([streams[1]!.next, streams[1]!.before, lab.sender.queuedBytes], [undefined, undefined, 2000]);
    lab.sender.window = 1e6;
    lab.sender.pump();
    assert.deepEqual(lab.flush(), ["1: 1000.", "5: 1000."]);
  });

  it("counts frames that windows make too short, and forgives them for longer ones", () => {
    const lab = new SendLab();
    const stream = lab.stream(1, 1);
    lab.send(stream, 10_000);
    for (let step = 0; step < 5; step++) {
      stream.sendWindow = 1;
      lab.sender.wake(stream);
      lab.sender.pump();
    }
    assert.equal(lab.sender.dribbled, 6);
    stream.sendWindow = 100;
    lab.sender.wake(stream);
    lab.sender.pump();
    assert.equal(lab.sender.dribbled, 5);
  });
});
