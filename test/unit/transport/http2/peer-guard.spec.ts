/** What a peer may do to a connection (RFC 9113, section 10.5): a session at its limits, and one just below them. */
import assert from "node:assert/strict";
import {
  block,
  continuation,
  data,
  ERROR,
  FLAG,
  frame,
  goaway,
  headers,
  paddedData,
  ping,
  priority,
  request,
  reset,
  SETTING,
  settings,
  SETTINGS_ACK,
  windowUpdate,
} from "../../../support/h2-frames.ts";
import { Http2Lab } from "../../../support/http2-lab.ts";
import type { Http2Limits } from "../../../../sdk/src/transport/http2/limits.ts";

const LAST = FLAG.END_HEADERS | FLAG.END_STREAM;

function times(count: number, make: (at: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, at) => make(at)));
}

/** The stream of the call at a place. */
function id(at: number): number {
  return 1 + 2 * at;
}

/** A reset for each call, however the peer brings it about. */
const RESETS: Readonly<Record<string, (id: number) => Buffer>> = {
  "resets its streams (rapid reset, CVE-2023-44487)": (id) =>
    Buffer.concat([headers(id, request(), LAST), reset(id, 8)]),
  "has them reset by a window update of 0 (CVE-2025-8671)": (id) =>
    Buffer.concat([headers(id, request()), windowUpdate(id, 0)]),
  "has them reset by a window that overflows": (id) =>
    Buffer.concat([headers(id, request()), windowUpdate(id, 2 ** 31 - 1)]),
  "has them reset by DATA after END_STREAM": (id) => Buffer.concat([headers(id, request(), LAST), data(id, "x")]),
  "has them reset by HEADERS after END_STREAM": (id) =>
    Buffer.concat([headers(id, request(), LAST), headers(id, block([["x", "y"]]), LAST)]),
  "has them reset by a PRIORITY of the wrong length": (id) =>
    Buffer.concat([headers(id, request()), frame(2, 0, id, Buffer.alloc(4))]),
  "has them reset by malformed requests": (id) => headers(id, block([["x", "y"]])),
  "has them reset by content that is too long": (id) =>
    Buffer.concat([headers(id, request("/", ["content-length", "1"])), data(id, "xy")]),
};

/** Floods: what is sent so many times, the limits that it meets, and how often it may be. */
const FLOODS: readonly (readonly [string, Partial<Http2Limits>, number, (at: number) => Buffer])[] = [
  ["PINGs", { controlBurst: 50, controlsPerSecond: 0 }, 48, () => ping()],
  [
    "answers to PINGs that were not sent",
    { controlBurst: 50, controlsPerSecond: 0 },
    48,
    () => ping("12345678", FLAG.ACK),
  ],
  [
    "SETTINGS",
    { controlBurst: 50, controlsPerSecond: 0 },
    48,
    () => settings([SETTING.HEADER_TABLE_SIZE, 0], [SETTING.HEADER_TABLE_SIZE, 4096]),
  ],
  ["ACKs of SETTINGS", { controlBurst: 50, controlsPerSecond: 0 }, 48, () => SETTINGS_ACK],
  [
    "SETTINGS that open and shut windows",
    { controlBurst: 50, controlsPerSecond: 0 },
    48,
    (at) => settings([SETTING.INITIAL_WINDOW_SIZE, at % 2]),
  ],
  ["GOAWAYs", { controlBurst: 50, controlsPerSecond: 0 }, 48, () => goaway(0, 0)],
  ["PRIORITY frames", { controlBurst: 50, controlsPerSecond: 0 }, 48, (at) => priority(id(at))],
  ["frames that nobody knows", { controlBurst: 50, controlsPerSecond: 0 }, 48, () => frame(0x77, 0, 1)],
  ["empty DATA frames", { maxEmptyFrames: 50 }, 50, () => data(1, "")],
  ["DATA frames of padding only", { maxEmptyFrames: 50 }, 50, () => paddedData(1, "", 200)],
  ["window updates for nothing", {}, 102, () => windowUpdate(0, 1)],
  ["resets of a stream that is over", {}, 101, () => Buffer.concat([reset(1, 8)])],
];

describe("a peer", () => {
  for (const [what, make] of Object.entries(RESETS)) {
    it(`is told to calm down when it ${what} more often than allowed`, async () => {
      const lab = await Http2Lab.server({ resetBurst: 20, resetsPerSecond: 10 });
      lab.peer.write(times(20, (at) => make(id(at))));
      await lab.peer.settled();
      lab.clock.advance(1000);
      lab.peer.write(times(10, (at) => make(id(20 + at))));
      await lab.peer.settled();
      assert.equal(lab.session.streams, 0);
      lab.peer.write(make(id(30)));
      assert.equal(await lab.over(), "ENHANCE_YOUR_CALM: too many streams were reset: more than 20 at once");
    });
  }

  it("may reset one stream more for each that it let be answered", async () => {
    const lab = await Http2Lab.server({ resetBurst: 5, resetsPerSecond: 0 });
    for (let call = 0; call < 200; call += 2) {
      lab.peer.write(headers(id(call), request(), LAST));
      await lab.peer.settled();
      lab.streams.at(-1)?.respond();
      lab.peer.write(headers(id(call + 1), request(), LAST), reset(id(call + 1), 8));
    }
    await lab.peer.settled();
  });

  it("is told to calm down when it begins streams above the limit for ever", async () => {
    const lab = await Http2Lab.server({ maxConcurrentStreams: 3, resetBurst: 20, resetsPerSecond: 0 });
    lab.peer.write(times(23, (at) => headers(id(at), request())));
    await lab.peer.settled();
    lab.peer.write(headers(id(23), request()));
    assert.match(await lab.over(), /^ENHANCE_YOUR_CALM: too many streams were reset/);
  });

  for (const [what, limits, allowed, make] of FLOODS) {
    it(`is told to calm down after too many ${what}`, async () => {
      const lab = await Http2Lab.server(limits);
      lab.peer.write(headers(1, request()));
      if (what.startsWith("resets")) lab.peer.write(reset(1, 8));
      lab.peer.write(times(allowed, make));
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(lab.peer.goaway, "", "it is still welcome");
      // Handshake and streams allow a few more.
      lab.peer.write(times(5, make));
      assert.match(await lab.over(), /^ENHANCE_YOUR_CALM: too many /);
    });
  }

  it("may send a PING for each call and each DATA frame that it gets, for ever", async () => {
    const lab = await Http2Lab.server({ controlBurst: 20, controlsPerSecond: 0 });
    lab.onEnd = (stream) => stream.respond(Buffer.from("answer"));
    for (let call = 0; call < 300; call++) {
      lab.peer.write(headers(id(call), request(), LAST), ping());
      if (call % 10 === 0) await lab.peer.settled();
    }
    await lab.peer.settled();
  });

  it("may send only so many settings at once", async () => {
    const lab = await Http2Lab.server();
    const entries = (count: number) => Array.from({ length: count }, (_, at) => [0x100 + at, at] as const);
    lab.peer.write(settings(...entries(32)));
    await lab.peer.settled();
    lab.peer.write(settings(...entries(33)));
    assert.equal(await lab.over(), "ENHANCE_YOUR_CALM: SETTINGS has 33 entries, more than 32");
  });

  it("may have only so many answers wait, counted anew once it reads", async () => {
    const limits = { maxQueuedAnswers: 50, controlBurst: 1e6, maxUnreadBytes: 1e9 };
    const lab = await Http2Lab.server(limits);
    for (let round = 0; round < 20; round++) {
      lab.peer.write(times(30, () => ping()));
      await lab.peer.settled();
    }
    lab.peer.socket.pause();
    for (let round = 0; round < 200 && lab.session.open; round++) {
      lab.peer.write(times(30, () => ping()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    lab.peer.socket.resume();
    assert.match(await lab.over(), /^ENHANCE_YOUR_CALM: too many answers wait to be read: more than 50/);
  });

  it("may get answers for ever while it never reads all that waits", async () => {
    const lab = await Http2Lab.server({ maxQueuedAnswers: 50, controlBurst: 1e6 });
    lab.onEnd = (stream) => stream.respond(Buffer.alloc(60_000));
    lab.peer.write(windowUpdate(0, 2e9));
    for (let call = 0; call < 300; call++) {
      lab.peer.write(headers(id(call), request(), LAST), ping());
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    await lab.peer.settled();
  });

  it("may cut a header block into 8 CONTINUATION frames and no more (CVE-2024-27316)", async () => {
    const lab = await Http2Lab.server();
    const field = block([["a", "b"]]);
    lab.peer.write(
      headers(1, request(), 0),
      times(7, () => continuation(1, field)),
      continuation(1, field, FLAG.END_HEADERS),
    );
    await lab.peer.settled();
    assert.equal(lab.streams.length, 1);
    lab.peer.write(
      headers(3, request(), 0),
      times(9, () => continuation(3, field)),
    );
    assert.equal(await lab.over(), "ENHANCE_YOUR_CALM: header block has more than 8 CONTINUATION frames");
  });

  it("may send only so many bytes of a header block, in one frame or in several", async () => {
    for (const bytes of [
      frame(1, 4, 1, Buffer.alloc(65_537)),
      Buffer.concat([headers(1, Buffer.alloc(40_000), 0), continuation(1, Buffer.alloc(40_000))]),
    ]) {
      const lab = await Http2Lab.server();
      lab.peer.write(bytes);
      assert.match(
        await lab.over(),
        /^ENHANCE_YOUR_CALM: header block of (?:65537|80000) bytes is longer than the 65536 allowed/,
      );
    }
  });

  it("cannot make one byte stand for many: a list that expands is cut off (CVE-2016-6581)", async () => {
    const lab = await Http2Lab.server();
    const big = Buffer.concat([Buffer.from("\x40\x01x\x7f\xa1\x1e", "latin1"), Buffer.alloc(4000, "y")]);
    lab.peer.write(headers(1, Buffer.concat([request(), big]), LAST));
    await lab.peer.settled();
    lab.peer.write(headers(3, Buffer.concat([request(), Buffer.alloc(16_000, 0xbe)]), LAST));
    assert.equal(await lab.peer.resetOf(3), "ENHANCE_YOUR_CALM");
    assert.equal(lab.streams.length, 1);
  });

  it("cannot have its answers cut into frames of a byte (CVE-2019-9511)", async () => {
    const lab = await Http2Lab.server({}, [SETTING.INITIAL_WINDOW_SIZE, 0]);
    lab.onEnd = (stream) => stream.respond(Buffer.alloc(100_000));
    lab.peer.write(
      headers(1, request(), LAST),
      times(150, () => windowUpdate(1, 1)),
    );
    assert.match(await lab.over(), /^ENHANCE_YOUR_CALM: too many windows opened by a few bytes: more than 100/);
  });

  it("may update windows as it reads, in pieces of 8 KiB of both windows", async () => {
    const lab = await Http2Lab.server({}, [SETTING.MAX_FRAME_SIZE, 1024 * 1024]);
    lab.onEnd = (stream) => stream.respond(Buffer.alloc(8_000_000));
    lab.peer.write(headers(1, request(), LAST));
    let credited = 0;
    let received = 0;
    while (received < 8_000_000) {
      const { payload } = await lab.peer.next(0);
      received += payload.length;
      for (; credited + 8192 <= received; credited += 8192)
        lab.peer.write(windowUpdate(0, 8192), windowUpdate(1, 8192));
    }
  });

  it("at a server may be told no code but the one of its error", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(ping(), frame(7, 0, 0, Buffer.alloc(1)));
    assert.equal((await lab.over()).split(":")[0], "FRAME_SIZE_ERROR");
    assert.equal((await lab.ended).code, ERROR.FRAME_SIZE_ERROR);
  });
});
