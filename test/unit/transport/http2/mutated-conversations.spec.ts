/** Conversations that go wrong somewhere: whatever a peer sends, a session ends as it should and keeps nothing. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { PREFACE } from "../../../../sdk/src/transport/http2/protocol.ts";
import { block, data, FLAG, FRAME, headers, settings, SETTINGS_ACK, windowUpdate } from "../../../support/h2-frames.ts";
import { Http2Lab } from "../../../support/http2-lab.ts";
import { drawing, mutate, RandomClient } from "../../../support/random-h2.ts";

const FRAMES = 60;

function conversation(seed: number, wrongOneIn: number): Buffer[] {
  const draw = drawing(seed);
  const client = new RandomClient(draw, ["/a", "/b"]);
  const frames = [PREFACE, settings(), SETTINGS_ACK];
  while (frames.length < FRAMES) {
    for (const frame of client.next()) frames.push(...(draw(wrongOneIn) === 0 ? mutate(draw, frame) : [frame]));
  }
  return frames;
}

/** Writes bytes in pieces of their own length. */
function pieces(draw: (below: number) => number, bytes: Buffer): Buffer[] {
  const all: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + draw(draw(4) === 0 ? 10 : 2000));
    all.push(bytes.subarray(at, end));
    at = end;
  }
  return all;
}

/** A stream hears of its end once at most, and of its reset last. */
function inOrder(events: readonly string[]): boolean {
  const word = (event: string): string =>
    /^(?:headers|data|end|drain)\b/.exec(event)?.[0].slice(0, 1) ??
    (/^(?:[A-Z_]+|error \d+)\b/.test(event) ? "R" : "?");
  return /^h(?:d)*h?e?d*R?$/.test(events.map(word).join(""));
}

describe("conversations that go wrong", () => {
  const faults: unknown[] = [];
  const emitWarning = process.emitWarning.bind(process);
  before(() => {
    process.emitWarning = (...warning: unknown[]): void => void faults.push(warning);
  });
  after(() => {
    process.emitWarning = emitWarning;
  });

  it("never throw out of a server's session, nor leave a stream behind", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 5, max: 100 }), async (seed, wrongOneIn) => {
        const lab = new Http2Lab("server");
        lab.onEnd = (stream) => stream.respond(Buffer.alloc(100));
        const draw = drawing(seed);
        for (const piece of pieces(draw, Buffer.concat(conversation(seed, wrongOneIn)))) lab.peer.write(piece);
        lab.peer.socket.end();
        await lab.over();
        assert.equal(lab.session.streams, 0);
        assert.deepEqual(faults, []);
        for (const { events } of lab.streams) assert.ok(inOrder(events), events.join("\n"));
      }),
      { numRuns: 150 },
    );
  });

  it("never throw out of a client's session either", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const draw = drawing(seed);
        const lab = await Http2Lab.client();
        for (let call = 0; call < 10; call++) lab.open(true);
        const frames: Buffer[] = [];
        for (let call = 0; call < 10; call++) {
          const id = 1 + 2 * call;
          const answer = [
            headers(id, block([[":status", "200"]])),
            data(id, "some content"),
            windowUpdate(0, 100),
            headers(id, block([["grpc-status", "0"]]), FLAG.END_HEADERS | FLAG.END_STREAM),
          ];
          for (const one of answer) frames.push(...(draw(10) === 0 ? mutate(draw, one) : [one]));
        }
        for (const piece of pieces(draw, Buffer.concat(frames))) lab.peer.write(piece);
        lab.peer.socket.end();
        await lab.over();
        assert.equal(lab.session.streams, 0);
        assert.deepEqual(faults, []);
      }),
      { numRuns: 150 },
    );
  });

  it("leave every window open that was, once all calls of right ones are done", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const lab = await Http2Lab.server({ connectionWindowBytes: 65_535, streamWindowBytes: 65_535 });
        lab.onEnd = (stream) => stream.respond(Buffer.alloc(2000));
        const draw = drawing(seed);
        const client = new RandomClient(draw, ["/a"]);
        let sent = 0;
        for (let step = 0; step < 60; step++) {
          const frames = client.next().filter((frame) => frame[3] !== FRAME.GOAWAY && frame[3] !== FRAME.SETTINGS);
          for (const frame of frames) if (frame[3] === FRAME.DATA) sent += frame.length - 9;
          lab.peer.write(...frames);
        }
        await lab.peer.settled();
        const credited = lab.peer.frames
          .filter(({ type, id }) => type === FRAME.WINDOW_UPDATE && id === 0)
          .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
        assert.ok(sent - credited >= 0 && sent - credited <= 65_535 / 2, `${sent} bytes sent, ${credited} given back`);
        lab.peer.socket.end();
        await lab.over();
      }),
      { numRuns: 50 },
    );
  });
});
