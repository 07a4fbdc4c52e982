/**
 * Attacks on a live server by its wire, one by one. Each costs the attacker its stream or its connection as
 * sdk/src/transport/http2/limits.ts says; meanwhile another client of the same server is answered, every time.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { PREFACE } from "../../sdk/src/transport/http2/protocol.ts";
import { AttackLab, heldBytes } from "../support/attack-lab.ts";
import {
  block,
  continuation,
  data,
  FLAG,
  FRAME,
  frame,
  grpcRequest,
  headers,
  message,
  ping,
  priority,
  request,
  reset,
  SETTING,
  settings,
  windowUpdate,
} from "../support/h2-frames.ts";
import { RawH2Peer } from "../support/raw-h2-peer.ts";
import { pathOf } from "../support/transport-lab.ts";

const LAST = FLAG.END_HEADERS | FLAG.END_STREAM;
const CANCEL = 8;
const MIB = 1024 * 1024;
const ECHO = grpcRequest(pathOf("Echo"));
const HOLD = grpcRequest(pathOf("Hold"));
const BIG = grpcRequest(pathOf("Big"));
/** Answered by headers alone, which no window holds back. */
const NOBODYS = grpcRequest("/nobody.v1.Nobody/Is");
const DEAF = grpcRequest(pathOf("Deaf"));

/** The stream of the call at a place. */
function id(at: number): number {
  return 1 + 2 * at;
}

/** A unary call in full. */
function call(at: number, head: Buffer, body = message("hi")): Buffer {
  return Buffer.concat([headers(id(at), head), data(id(at), body, FLAG.END_STREAM)]);
}

/** Writes the same again and again, as fast as it is taken, until the connection ends or it was written so often. */
async function flood(attacker: RawH2Peer, times: number, make: (at: number) => Buffer, perWrite = 50): Promise<void> {
  for (let at = 0; at < times && !attacker.over; at += perWrite) {
    attacker.write(...Array.from({ length: perWrite }, (_, more) => make(at + more)));
    await attacker.drained();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** grpc-status in the trailers of a stream. */
async function statusOf(attacker: RawH2Peer, stream: number): Promise<string> {
  const NAME = "grpc-status";
  for (;;) {
    const { flags, payload } = await attacker.next(FRAME.HEADERS, stream);
    if ((flags & FLAG.END_STREAM) === 0) continue;
    // A literal, as all but 0 are: the name, the value's length and the value.
    const at = payload.indexOf(NAME) + NAME.length;
    return payload.toString("latin1", at + 1, at + 1 + payload[at]!);
  }
}

describe("a native server under attack", () => {
  let lab: AttackLab;
  beforeEach(() => (lab = new AttackLab()));
  afterEach(() => lab.stop());

  /** Floods that end the connection with ENHANCE_YOUR_CALM, at the limits as they are. */
  const CALMED: Readonly<Record<string, readonly [RegExp, (at: number) => Buffer]>> = {
    "rapid reset (CVE-2023-44487)": [
      /too many streams were reset/,
      (at) => Buffer.concat([call(at, HOLD), reset(id(at), CANCEL)]),
    ],
    "rapid reset of calls that are answered at once": [
      /too many streams were reset/,
      (at) => Buffer.concat([headers(id(at), DEAF, LAST), reset(id(at), CANCEL)]),
    ],
    "made-you-reset by window updates of 0 (CVE-2025-8671)": [
      /too many streams were reset/,
      (at) => Buffer.concat([call(at, HOLD), windowUpdate(id(at), 0)]),
    ],
    "made-you-reset by windows that overflow": [
      /too many streams were reset/,
      (at) => Buffer.concat([call(at, HOLD), windowUpdate(id(at), 2 ** 31 - 1)]),
    ],
    "made-you-reset by DATA after END_STREAM": [
      /too many streams were reset/,
      (at) => Buffer.concat([call(at, HOLD), data(id(at), "x")]),
    ],
    "made-you-reset by PRIORITY of the wrong length": [
      /too many streams were reset/,
      (at) => Buffer.concat([call(at, HOLD), frame(FRAME.PRIORITY, 0, id(at), Buffer.alloc(4))]),
    ],
    "malformed requests": [
      /too many streams were reset/,
      (at) => headers(id(at), request("/", ["Upper", "case"]), LAST),
    ],
    "streams above the limit": [/too many streams were reset/, (at) => headers(id(at), HOLD)],
    "PING flood (CVE-2019-9512)": [/too many control frames/, () => ping()],
    "SETTINGS flood (CVE-2019-9515)": [/too many control frames/, () => settings()],
    "flapping of the initial window": [
      /too many control frames/,
      (at) => settings([SETTING.INITIAL_WINDOW_SIZE, at % 2 === 0 ? 0 : MIB]),
    ],
    "PRIORITY flood (CVE-2019-9513)": [/too many control frames/, (at) => priority(id(at))],
    "a flood of unknown frames": [/too many control frames/, () => frame(0x42, 0, 0, Buffer.alloc(100))],
    "a flood of window updates": [/too many window updates/, () => windowUpdate(0, 1)],
    "empty DATA frames (CVE-2019-9518)": [/too many empty frames/, (at) => (at === 0 ? headers(1, HOLD) : data(1, ""))],
    "CONTINUATION flood (CVE-2024-27316)": [
      /more than 8 CONTINUATION frames/,
      (at) => (at === 0 ? headers(1, HOLD, 0) : continuation(1, block([["a", "b"]]))),
    ],
    "CONTINUATION frames that are empty": [
      /more than 8 CONTINUATION frames/,
      (at) => (at === 0 ? headers(1, HOLD, 0) : continuation(1, Buffer.alloc(0))),
    ],
    "CONTINUATION frames that are long": [
      /header block of \d+ bytes is longer/,
      (at) => (at === 0 ? headers(1, HOLD, 0) : continuation(1, Buffer.alloc(16_384))),
    ],
  };
  for (const [attack, [reason, make]] of Object.entries(CALMED)) {
    it(`calms ${attack}`, async () => {
      await lab.start();
      const attacker = await lab.attacker();
      await flood(attacker, 20_000, make);
      const said = await attacker.closed;
      assert.match(said, /^ENHANCE_YOUR_CALM: /);
      assert.match(said, reason);
      assert.ok(lab.held.length <= 1001, `${lab.held.length} handlers run`);
    });
  }

  /** What ends the connection at once, with its own code. */
  const BROKEN: Readonly<Record<string, readonly [string, Buffer]>> = {
    "a connection window above 2^31-1": ["FLOW_CONTROL_ERROR", windowUpdate(0, 2 ** 31 - 1)],
    "an initial window above 2^31-1": ["FLOW_CONTROL_ERROR", settings([SETTING.INITIAL_WINDOW_SIZE, 2 ** 32 - 1])],
    "an initial window that takes a stream's above 2^31-1": [
      "FLOW_CONTROL_ERROR",
      Buffer.concat([headers(1, HOLD), windowUpdate(1, MIB), settings([SETTING.INITIAL_WINDOW_SIZE, 2 ** 31 - 1])]),
    ],
    "33 settings in a frame": ["ENHANCE_YOUR_CALM", settings(...Array.from({ length: 33 }, () => [1, 4096] as const))],
    "an even id": ["PROTOCOL_ERROR", headers(2, HOLD)],
    "an id that goes back": ["PROTOCOL_ERROR", Buffer.concat([headers(9, HOLD), headers(3, HOLD)])],
    "an id that is used again": [
      "STREAM_CLOSED",
      Buffer.concat([headers(1, HOLD), reset(1, CANCEL), headers(1, HOLD)]),
    ],
    "DATA on an idle stream": ["PROTOCOL_ERROR", data(7, "x")],
    "a frame of 16 MiB": ["FRAME_SIZE_ERROR", frame(FRAME.DATA, 0, 1, Buffer.alloc(0), 2 ** 24 - 1)],
    "a header block that is not HPACK": ["COMPRESSION_ERROR", headers(1, Buffer.from([0x80]))],
    "a table of 1 GiB": ["COMPRESSION_ERROR", headers(1, Buffer.from([0x3f, 0xe1, 0xff, 0xff, 0xff, 0x03]))],
    "CONTINUATION of another stream": ["PROTOCOL_ERROR", Buffer.concat([headers(1, HOLD, 0), continuation(3, HOLD)])],
    "a stray CONTINUATION": ["PROTOCOL_ERROR", continuation(1, HOLD, FLAG.END_HEADERS)],
  };
  for (const [attack, [code, bytes]] of Object.entries(BROKEN)) {
    it(`ends the connection with ${code} for ${attack}`, async () => {
      await lab.start();
      const attacker = await lab.attacker();
      attacker.write(bytes);
      assert.equal((await attacker.closed).split(":")[0], code);
    });
  }

  /** What ends the stream, and leaves the connection to others. */
  const RESET: Readonly<Record<string, readonly [string, Buffer]>> = {
    "many tiny fields (CVE-2026-49975)": [
      "ENHANCE_YOUR_CALM",
      headers(1, grpcRequest(pathOf("Echo"), ...Array.from({ length: 500 }, () => ["a", ""] as const)), LAST),
    ],
    "a header list that is too long": [
      "ENHANCE_YOUR_CALM",
      headers(1, grpcRequest(pathOf("Echo"), ["a", "b".repeat(17_000)]), LAST),
    ],
    "an HPACK bomb (CVE-2016-6581)": [
      "ENHANCE_YOUR_CALM",
      headers(
        1,
        Buffer.concat([
          ECHO,
          Buffer.from("\x40\x01x\x7f\xa1\x1e", "latin1"),
          Buffer.alloc(4000, "y"),
          Buffer.alloc(16_000, 0xbe),
        ]),
        LAST,
      ),
    ],
    "a pseudo-field that is none": [
      "PROTOCOL_ERROR",
      headers(1, Buffer.concat([block([[":protocol", "x"]]), ECHO]), LAST),
    ],
    "a line break in a field": ["PROTOCOL_ERROR", headers(1, grpcRequest(pathOf("Echo"), ["x", "a\r\nb: c"]), LAST)],
    "transfer-encoding": [
      "PROTOCOL_ERROR",
      headers(1, grpcRequest(pathOf("Echo"), ["transfer-encoding", "chunked"]), LAST),
    ],
    "content-length that lies": [
      "PROTOCOL_ERROR",
      Buffer.concat([
        headers(1, grpcRequest(pathOf("Hold"), ["content-length", "100"])),
        data(1, message("hi"), FLAG.END_STREAM),
      ]),
    ],
  };
  for (const [attack, [code, bytes]] of Object.entries(RESET)) {
    it(`ends the stream with ${code} for ${attack}`, async () => {
      await lab.start();
      const attacker = await lab.attacker();
      attacker.write(bytes);
      assert.equal(await attacker.resetOf(1), code);
      attacker.write(call(1, ECHO));
      assert.equal((await attacker.next(FRAME.DATA, 3)).payload.toString("latin1", 5), "hi");
    });
  }

  it("refuses streams above the limit, and counts handlers that still run for streams that are over (CVE-2023-39325)", async () => {
    await lab.start({ maxConcurrentStreams: 10 });
    const attacker = await lab.attacker();
    for (let at = 0; at < 10; at++) attacker.write(call(at, HOLD), reset(id(at), CANCEL));
    await attacker.settled();
    assert.equal(lab.held.length, 10);
    attacker.write(call(10, HOLD));
    assert.equal(await attacker.resetOf(id(10)), "REFUSED_STREAM");
    assert.equal(lab.held.length, 10);
    lab.held.pop()?.({ status: 1, reason: "late", trailers: undefined as never }, undefined);
    attacker.write(call(11, HOLD));
    await attacker.settled();
    assert.equal(lab.held.length, 10);
  });

  it("ends a stream that sends more than its window, and a connection that does", async () => {
    await lab.start({ streamWindowBytes: 65_535, connectionWindowBytes: 65_535, maxHeldBytes: 0 });
    const attacker = await lab.attacker();
    const part = Buffer.alloc(16_384);
    attacker.write(headers(1, DEAF), data(1, part), data(1, part), data(1, part), data(1, part));
    assert.match(await attacker.closed, /^FLOW_CONTROL_ERROR/);
    await lab.stillAnswers();
  });

  it("refuses a message of 4 GiB by its prefix", async () => {
    await lab.start();
    const attacker = await lab.attacker();
    attacker.write(headers(1, ECHO), data(1, message("", 0, 2 ** 32 - 1)));
    assert.equal(await statusOf(attacker, 1), "8");
    assert.equal(await attacker.resetOf(1), "NO_ERROR");
    await attacker.settled();
  });

  it("inflates no message to more than may be received", async () => {
    await lab.start();
    const attacker = await lab.attacker();
    const bomb = gzipSync(Buffer.alloc(64 * MIB));
    const before = heldBytes();
    attacker.write(headers(1, grpcRequest(pathOf("Echo"), ["grpc-encoding", "gzip"])));
    const bytes = message(bomb, 1);
    for (let at = 0; at < bytes.length; at += 16_384) attacker.write(data(1, bytes.subarray(at, at + 16_384)));
    attacker.write(data(1, "", FLAG.END_STREAM));
    assert.equal(await statusOf(attacker, 1), "8");
    assert.ok(heldBytes() - before < 32 * MIB);
  });

  it("bounds what a peer that never reads can have it keep, and gives it up (CVE-2019-9514, CVE-2019-9517)", async () => {
    await lab.start();
    const attacker = await lab.attacker([SETTING.INITIAL_WINDOW_SIZE, 2 ** 31 - 1]);
    attacker.write(windowUpdate(0, 2 ** 31 - 1 - 65_535));
    await attacker.settled();
    attacker.socket.pause();
    const before = heldBytes();
    let at = 0;
    // Until the server stops reading, and with it the socket taking.
    for (; at < 400_000 && attacker.socket.writableLength < MIB; at += 100) {
      attacker.write(...Array.from({ length: 100 }, (_, more) => headers(id(at + more), NOBODYS, LAST)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await lab.stillAnswers();
    assert.ok(at < 400_000, "the server reads on although nothing of what it says is read");
    assert.ok(heldBytes() - before < 100 * MIB, `${heldBytes() - before} bytes are kept`);
    lab.clock.advance(35_000);
    attacker.socket.resume();
    await attacker.closed;
  });

  it("keeps no more answers than it says for a peer that never reads", async () => {
    await lab.start({ controlBurst: 1e9, maxUnreadBytes: 1e9 });
    const attacker = await lab.attacker([SETTING.INITIAL_WINDOW_SIZE, 2 ** 31 - 1]);
    attacker.write(windowUpdate(0, 2 ** 31 - 1 - 65_535));
    await attacker.settled();
    attacker.socket.pause();
    for (let at = 0; at < 20; at++) attacker.write(call(at, BIG));
    await lab.stillAnswers();
    await flood(attacker, 2000, () => ping(), 100);
    attacker.socket.resume();
    assert.match(await attacker.closed, /^ENHANCE_YOUR_CALM: too many answers wait to be read/);
  });

  it("gives up a peer whose windows stay shut while much waits for them", async () => {
    await lab.start({ maxQueuedBytes: 8 * MIB });
    const attacker = await lab.attacker([SETTING.INITIAL_WINDOW_SIZE, 0]);
    const before = heldBytes();
    for (let at = 0; at < 100; at++) {
      attacker.write(call(at, BIG));
      await attacker.settled();
    }
    assert.ok(heldBytes() - before < 30 * MIB, `${heldBytes() - before} bytes are kept`);
    assert.ok(attacker.frames.filter(({ type }) => type === FRAME.RST_STREAM).length > 80, "the rest is refused");
    lab.clock.advance(35_000);
    assert.match(await attacker.closed, /^ENHANCE_YOUR_CALM: \d+ bytes wait, and no window was opened for them/);
  });

  it("gives up a peer that has answers cut into single bytes (CVE-2019-9511)", async () => {
    await lab.start();
    const attacker = await lab.attacker([SETTING.INITIAL_WINDOW_SIZE, 0]);
    attacker.write(call(0, BIG));
    await flood(attacker, 5000, () => windowUpdate(1, 1), 1);
    assert.match(await attacker.closed, /^ENHANCE_YOUR_CALM: too many windows opened by a few bytes/);
  });

  it("keeps little for many tiny DATA frames that nobody asks for", async () => {
    await lab.start();
    const attacker = await lab.attacker();
    globalThis.gc?.();
    const before = heldBytes();
    attacker.write(headers(1, DEAF), data(1, message("", 0, 2 * MIB)));
    const tiny = data(1, "x");
    const many = Buffer.concat(Array.from({ length: 5000 }, () => tiny));
    for (let at = 0; at < 100; at++) {
      attacker.write(many);
      await attacker.drained();
    }
    await attacker.settled();
    globalThis.gc?.();
    assert.ok(heldBytes() - before < 25 * MIB, `${heldBytes() - before} bytes are kept for 500,000`);
  });

  const UNFINISHED: Readonly<Record<string, readonly [RegExp, Buffer]>> = {
    "its preface": [/^PROTOCOL_ERROR: no SETTINGS came/, PREFACE.subarray(0, 20)],
    "its SETTINGS": [/^PROTOCOL_ERROR: no SETTINGS came/, Buffer.concat([PREFACE, settings([1, 1]).subarray(0, 12)])],
    "the ACK of ours": [/^SETTINGS_TIMEOUT/, Buffer.concat([PREFACE, settings()])],
    "its header block": [
      /^ENHANCE_YOUR_CALM: header block was not completed/,
      Buffer.concat([PREFACE, settings(), frame(FRAME.SETTINGS, FLAG.ACK, 0), headers(1, HOLD, 0)]),
    ],
    "its frame": [
      /^ENHANCE_YOUR_CALM: frame was not completed/,
      Buffer.concat([
        PREFACE,
        settings(),
        frame(FRAME.SETTINGS, FLAG.ACK, 0),
        frame(FRAME.HEADERS, 4, 1, HOLD, 60_000),
      ]),
    ],
  };
  for (const [what, [expected, bytes]] of Object.entries(UNFINISHED)) {
    it(`waits 10 s for a peer to complete ${what} (slow loris)`, async () => {
      await lab.start();
      const socket = connect({ host: "127.0.0.1", port: lab.port });
      await once(socket, "connect");
      const attacker = new RawH2Peer(socket);
      attacker.write(bytes);
      await attacker.next(FRAME.SETTINGS);
      await lab.stillAnswers();
      lab.clock.advance(9_000);
      assert.equal(attacker.goaway, "");
      lab.clock.advance(5_000);
      assert.match(await attacker.closed, expected);
    });
  }

  it("lives through bytes that are no HTTP/2 at all", async () => {
    await lab.start();
    for (const text of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "\0".repeat(1000)]) {
      const socket = connect({ host: "127.0.0.1", port: lab.port });
      await once(socket, "connect");
      const attacker = new RawH2Peer(socket);
      attacker.write(Buffer.from(text, "latin1"));
      assert.match(await attacker.closed, /^PROTOCOL_ERROR: connection does not begin with HTTP\/2's preface/);
    }
  });
});
