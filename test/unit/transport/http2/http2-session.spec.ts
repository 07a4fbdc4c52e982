/** Streams of one connection (RFC 9113, sections 5 and 8), with a peer that keeps to the rules or does not. */
import assert from "node:assert/strict";
import {
  block,
  continuation,
  data,
  ERROR,
  FLAG,
  FRAME,
  frame,
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
import { PREFACE } from "../../../../sdk/src/transport/http2/protocol.ts";

const LAST = FLAG.END_HEADERS | FLAG.END_STREAM;
const OK = block([[":status", "200"]]);

describe("an HTTP/2 session at a server", () => {
  it("gives a request's headers, content, trailers and end, in order", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(
      headers(1, request()),
      data(1, "one"),
      paddedData(1, "two", 9),
      headers(1, block([["x-sum", "7"]]), LAST),
    );
    await lab.peer.settled();
    assert.deepEqual(lab.streams[0]?.events, [
      "headers :method POST :scheme http :path / :authority test",
      "data one",
      "data two",
      "headers x-sum 7 (last)",
      "end",
    ]);
  });

  it("answers, and forgets the stream", async () => {
    const lab = await Http2Lab.server();
    lab.onEnd = (stream) => stream.respond(Buffer.from("answer"));
    lab.peer.write(headers(1, request(), LAST));
    assert.equal((await lab.peer.next(FRAME.DATA)).payload.toString(), "answer");
    assert.equal(lab.session.streams, 0);
  });

  it("takes headers in pieces, with padding and a priority", async () => {
    const lab = await Http2Lab.server();
    const whole = request("/pieces");
    const padded = Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 5]), whole.subarray(0, 10), Buffer.alloc(3)]);
    lab.peer.write(
      frame(FRAME.HEADERS, FLAG.PADDED | FLAG.PRIORITY | FLAG.END_STREAM, 1, padded),
      continuation(1, whole.subarray(10, 20)),
      continuation(1, whole.subarray(20), FLAG.END_HEADERS),
    );
    await lab.peer.settled();
    assert.match(lab.streams[0]?.events.join() ?? "", /:path \/pieces .*\(last\),end$/);
  });

  it("ignores frames and settings that it does not know", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(frame(0x16, 0xff, 7, Buffer.from("what?")), settings([0xf0f0, 7]));
    await lab.peer.settled();
  });

  it("answers a PING with what it said", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(ping("what for"));
    assert.equal((await lab.peer.next(FRAME.PING)).payload.toString(), "what for");
    assert.ok(lab.events.includes("ping"));
  });

  it("ends a stream that its user resets, and lets pass what the peer had sent before it knew", async () => {
    const lab = await Http2Lab.server();
    lab.onNew = ({ stream }) => lab.session.reset(stream, ERROR.CANCEL);
    lab.peer.write(headers(1, request()));
    assert.equal(await lab.peer.resetOf(1), "CANCEL");
    lab.peer.write(
      data(1, "late"),
      headers(1, block([["x-late", "1"]]), LAST),
      windowUpdate(1, 1),
      reset(1, ERROR.CANCEL),
    );
    await lab.peer.settled();
    assert.equal(lab.streams[0]?.events.length, 1);
  });

  it("keeps the table of headers right through blocks of streams that are over", async () => {
    const lab = await Http2Lab.server();
    lab.onNew = ({ stream }) => lab.session.reset(stream, ERROR.CANCEL);
    const inserted = Buffer.from("\x40\x06x-seen\x03yes", "latin1");
    lab.peer.write(headers(1, request()), headers(1, inserted, LAST));
    lab.peer.write(headers(3, Buffer.concat([request(), Buffer.from([0xbe])]), LAST));
    await lab.peer.settled();
    assert.match(lab.streams[1]?.events[0] ?? "", / x-seen yes \(last\)$/);
  });

  it("refuses streams above its limit, and those of the peer that it still works on count", async () => {
    const lab = await Http2Lab.server({ maxConcurrentStreams: 2 });
    lab.peer.write(headers(1, request()), headers(3, request()), headers(5, request()));
    assert.equal(await lab.peer.resetOf(5), "REFUSED_STREAM");
    lab.session.workGoesOn();
    lab.peer.write(reset(1, ERROR.CANCEL), headers(7, request()));
    assert.equal(await lab.peer.resetOf(7), "REFUSED_STREAM");
    lab.session.workEnded();
    lab.peer.write(headers(9, request()));
    await lab.peer.settled();
    assert.equal(lab.session.streams, 2);
  });

  it("refuses streams while too much waits for the peer's windows", async () => {
    const lab = await Http2Lab.server({ maxQueuedBytes: 100_000 });
    lab.onEnd = (stream) => stream.respond(Buffer.alloc(200_000));
    lab.peer.write(headers(1, request(), LAST));
    await lab.peer.settled();
    lab.peer.write(headers(3, request(), LAST));
    assert.equal(await lab.peer.resetOf(3), "REFUSED_STREAM");
    lab.peer.write(windowUpdate(0, 200_000), windowUpdate(1, 200_000), headers(5, request(), LAST));
    await lab.peer.settled();
    assert.equal(lab.streams.length, 2);
  });

  it("says END_STREAM without a byte although no window is open", async () => {
    const lab = await Http2Lab.server({}, [SETTING.INITIAL_WINDOW_SIZE, 0]);
    lab.onEnd = (stream) => {
      stream.respond(Buffer.alloc(0), false);
      lab.session.end(stream.stream);
    };
    lab.peer.write(headers(1, request(), LAST));
    const { flags, payload } = await lab.peer.next(FRAME.DATA);
    assert.deepEqual([flags, payload.length], [FLAG.END_STREAM, 0]);
    assert.equal(lab.session.streams, 0);
  });

  it("gives credit back for what was consumed and for padding, and none for what is held", async () => {
    const lab = await Http2Lab.server({ streamWindowBytes: 65_535, connectionWindowBytes: 65_535 });
    lab.onNew = (stream) => (stream.reads = stream.stream.id !== 1);
    const part = Buffer.alloc(16_000);
    lab.peer.write(headers(1, request()), headers(3, request()), headers(5, request()));
    lab.peer.write(data(1, part), data(1, part), data(1, part));
    lab.peer.write(data(3, part), data(3, part), data(3, part), ping());
    await lab.peer.settled();
    lab.peer.write(...Array.from({ length: 130 }, () => paddedData(5, ".", 255)));
    await lab.peer.settled();
    const credit = (id: number): number =>
      lab.peer.frames
        .filter((sent) => sent.type === FRAME.WINDOW_UPDATE && sent.id === id)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
    assert.equal(credit(1), 0);
    assert.equal(credit(3), 48_000);
    assert.ok(credit(5) > 32_000);
    assert.ok(credit(0) > 96_000);
  });

  it("stops opening the connection's window while too much is held, and opens it when it is consumed", async () => {
    const lab = await Http2Lab.server({ connectionWindowBytes: 65_535, maxHeldBytes: 50_000 });
    lab.onNew = (stream) => (stream.reads = false);
    lab.peer.write(headers(1, request()), ...Array.from({ length: 4 }, () => data(1, Buffer.alloc(15_000))));
    await lab.peer.settled();
    const updates = (): number =>
      lab.peer.frames.filter(({ type, id }) => type === FRAME.WINDOW_UPDATE && id === 0).length;
    assert.equal(updates(), 1);
    lab.peer.write(data(1, Buffer.alloc(30_000)));
    await lab.peer.settled();
    assert.equal(updates(), 1);
    lab.session.consume(lab.streams[0]!.stream, 60_000);
    await lab.peer.settled();
    assert.equal(updates(), 2);
  });

  it("sends what waits as windows open, the connection's and the stream's, and shares them", async () => {
    const lab = await Http2Lab.server({}, [SETTING.INITIAL_WINDOW_SIZE, 10]);
    lab.onEnd = (stream) => stream.respond(Buffer.alloc(100, stream.stream.id));
    lab.peer.write(headers(1, request(), LAST), headers(3, request(), LAST));
    await lab.peer.settled();
    lab.peer.write(settings([SETTING.INITIAL_WINDOW_SIZE, 40]), settings([SETTING.INITIAL_WINDOW_SIZE, 20]));
    await lab.peer.settled();
    lab.peer.write(windowUpdate(1, 10));
    await lab.peer.settled();
    const sent = (id: number): number[] =>
      lab.peer.frames.filter((one) => one.type === FRAME.DATA && one.id === id).map(({ payload }) => payload.length);
    assert.deepEqual(
      [sent(1), sent(3)],
      [
        [10, 30],
        [10, 30],
      ],
      "a window below zero stays shut",
    );
    lab.peer.write(windowUpdate(1, 80), windowUpdate(3, 80));
    await lab.peer.settled();
    assert.deepEqual([sent(1).reduce((a, b) => a + b), sent(3).reduce((a, b) => a + b)], [100, 100]);
    assert.equal(lab.session.streams, 0);
  });

  /** What costs a stream: the connection goes on. */
  const STREAM_ERRORS: readonly (readonly [string, string, readonly Buffer[]])[] = [
    ["DATA after END_STREAM", "STREAM_CLOSED", [headers(1, request(), LAST), data(1, "more")]],
    ["HEADERS after END_STREAM", "STREAM_CLOSED", [headers(1, request(), LAST), headers(1, block([["x", "y"]]), LAST)]],
    ["trailers without END_STREAM", "PROTOCOL_ERROR", [headers(1, request()), headers(1, block([["x", "y"]]))]],
    ["pseudo-fields in trailers", "PROTOCOL_ERROR", [headers(1, request()), headers(1, block([[":path", "/"]]), LAST)]],
    ["a window update of 0", "PROTOCOL_ERROR", [headers(1, request()), windowUpdate(1, 0)]],
    ["a window above 2^31-1", "FLOW_CONTROL_ERROR", [headers(1, request()), windowUpdate(1, 2 ** 31 - 1)]],
    [
      "less than content-length",
      "PROTOCOL_ERROR",
      [headers(1, request("/", ["content-length", "5"])), data(1, "four", FLAG.END_STREAM)],
    ],
    [
      "more than content-length",
      "PROTOCOL_ERROR",
      [headers(1, request("/", ["content-length", "3"])), data(1, "four")],
    ],
    [
      "less than content-length before trailers",
      "PROTOCOL_ERROR",
      [headers(1, request("/", ["content-length", "5"])), data(1, "four"), headers(1, block([["x", "y"]]), LAST)],
    ],
    ["content-length and no content", "PROTOCOL_ERROR", [headers(1, request("/", ["content-length", "5"]), LAST)]],
    ["a content-length that is no number", "PROTOCOL_ERROR", [headers(1, request("/", ["content-length", "+5"]))]],
    [
      "two content-lengths",
      "PROTOCOL_ERROR",
      [headers(1, request("/", ["content-length", "5"], ["content-length", "6"]))],
    ],
    ["PRIORITY of 4 bytes", "FRAME_SIZE_ERROR", [headers(1, request()), frame(FRAME.PRIORITY, 0, 1, Buffer.alloc(4))]],
    [
      "too many fields",
      "ENHANCE_YOUR_CALM",
      [headers(1, request("/", ...Array.from({ length: 130 }, () => ["a", "b"] as const)))],
    ],
    ["too long a list", "ENHANCE_YOUR_CALM", [headers(1, request("/", ["a", "b".repeat(17_000)]))]],
    [
      "no path",
      "PROTOCOL_ERROR",
      [
        headers(
          1,
          block([
            [":method", "POST"],
            [":scheme", "http"],
          ]),
        ),
      ],
    ],
    ["an empty path", "PROTOCOL_ERROR", [headers(1, request(""))]],
    ["a pseudo-field twice", "PROTOCOL_ERROR", [headers(1, Buffer.concat([block([[":path", "/a"]]), request()]))]],
    ["a pseudo-field of responses", "PROTOCOL_ERROR", [headers(1, Buffer.concat([request(), OK]))]],
    ["an unknown pseudo-field", "PROTOCOL_ERROR", [headers(1, Buffer.concat([block([[":what", "?"]]), request()]))]],
    ["a pseudo-field after others", "PROTOCOL_ERROR", [headers(1, Buffer.concat([block([["x", "y"]]), request()]))]],
    ["an upper-case name", "PROTOCOL_ERROR", [headers(1, request("/", ["X-Up", "1"]))]],
    ["an empty name", "PROTOCOL_ERROR", [headers(1, request("/", ["", "1"]))]],
    ["a line break in a value", "PROTOCOL_ERROR", [headers(1, request("/", ["x", "1\r\nhost: evil"]))]],
    ["NUL in a value", "PROTOCOL_ERROR", [headers(1, request("/", ["x", "1\0"]))]],
    [
      "a field of HTTP/1.1's connections",
      "PROTOCOL_ERROR",
      [headers(1, request("/", ["transfer-encoding", "chunked"]))],
    ],
    ["te other than trailers", "PROTOCOL_ERROR", [headers(1, request("/", ["te", "gzip"]))]],
  ];
  for (const [what, code, bytes] of STREAM_ERRORS) {
    it(`ends the stream with ${code} for ${what}, and goes on`, async () => {
      const lab = await Http2Lab.server();
      lab.peer.write(...bytes);
      assert.equal(await lab.peer.resetOf(1), code);
      lab.onEnd = (stream) => stream.respond(Buffer.from("still here"));
      lab.peer.write(headers(3, request(), LAST));
      await lab.peer.next(FRAME.DATA, 3);
      assert.equal(lab.session.streams, 0);
    });
  }

  it("ends the stream with FLOW_CONTROL_ERROR for more DATA than its window", async () => {
    const lab = await Http2Lab.server({ streamWindowBytes: 65_535 });
    lab.onNew = (stream) => (stream.reads = false);
    lab.peer.write(headers(1, request()), data(1, Buffer.alloc(60_000)), data(1, Buffer.alloc(6_000)));
    assert.equal(await lab.peer.resetOf(1), "FLOW_CONTROL_ERROR");
    await lab.peer.settled();
  });

  /** What costs the connection. */
  const CONNECTION_ERRORS: readonly (readonly [string, string, readonly Buffer[]])[] = [
    ["DATA on an idle stream", "STREAM_CLOSED|PROTOCOL_ERROR", [data(1, "early")]],
    ["RST_STREAM on an idle stream", "PROTOCOL_ERROR", [reset(1, 0)]],
    ["WINDOW_UPDATE on an idle stream", "PROTOCOL_ERROR", [windowUpdate(1, 1)]],
    ["HEADERS on an even stream", "PROTOCOL_ERROR", [headers(2, request())]],
    ["HEADERS on a lower stream that never was", "PROTOCOL_ERROR", [headers(5, request()), headers(3, request())]],
    [
      "HEADERS on a stream that the peer reset",
      "STREAM_CLOSED",
      [headers(1, request()), reset(1, 8), headers(1, request())],
    ],
    ["DATA on a stream that the peer reset", "STREAM_CLOSED", [headers(1, request()), reset(1, 8), data(1, "more")]],
    ["DATA on stream 0", "PROTOCOL_ERROR", [data(0, "zero")]],
    ["HEADERS on stream 0", "PROTOCOL_ERROR", [headers(0, request())]],
    ["PRIORITY on stream 0", "PROTOCOL_ERROR", [priority(0)]],
    ["RST_STREAM on stream 0", "PROTOCOL_ERROR", [reset(0, 8)]],
    ["SETTINGS on a stream", "PROTOCOL_ERROR", [frame(FRAME.SETTINGS, 0, 1)]],
    ["PING on a stream", "PROTOCOL_ERROR", [frame(FRAME.PING, 0, 1, Buffer.alloc(8))]],
    ["GOAWAY on a stream", "PROTOCOL_ERROR", [frame(FRAME.GOAWAY, 0, 1, Buffer.alloc(8))]],
    ["PUSH_PROMISE", "PROTOCOL_ERROR", [frame(FRAME.PUSH_PROMISE, FLAG.END_HEADERS, 1, Buffer.alloc(8))]],
    ["SETTINGS of 5 bytes", "FRAME_SIZE_ERROR", [frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(5))]],
    ["an ACK of SETTINGS with content", "FRAME_SIZE_ERROR", [frame(FRAME.SETTINGS, FLAG.ACK, 0, Buffer.alloc(6))]],
    ["PING of 7 bytes", "FRAME_SIZE_ERROR", [frame(FRAME.PING, 0, 0, Buffer.alloc(7))]],
    [
      "RST_STREAM of 5 bytes",
      "FRAME_SIZE_ERROR",
      [headers(1, request()), frame(FRAME.RST_STREAM, 0, 1, Buffer.alloc(5))],
    ],
    ["WINDOW_UPDATE of 3 bytes", "FRAME_SIZE_ERROR", [frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.alloc(3))]],
    ["GOAWAY of 7 bytes", "FRAME_SIZE_ERROR", [frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(7))]],
    [
      "a frame above SETTINGS_MAX_FRAME_SIZE",
      "FRAME_SIZE_ERROR",
      [frame(FRAME.DATA, 0, 1, Buffer.alloc(0), 2 ** 24 - 1)],
    ],
    [
      "padding as long as its frame",
      "PROTOCOL_ERROR",
      [headers(1, request()), frame(FRAME.DATA, FLAG.PADDED, 1, Buffer.from([3, 1, 2]))],
    ],
    [
      "padding as long as HEADERS",
      "PROTOCOL_ERROR",
      [frame(FRAME.HEADERS, FLAG.PADDED | FLAG.END_HEADERS, 1, Buffer.from([3, 1, 2]))],
    ],
    ["CONTINUATION without HEADERS", "PROTOCOL_ERROR", [continuation(1, request(), FLAG.END_HEADERS)]],
    [
      "CONTINUATION behind the end of a block",
      "PROTOCOL_ERROR",
      [headers(1, request()), continuation(1, request(), FLAG.END_HEADERS)],
    ],
    [
      "CONTINUATION of another stream",
      "PROTOCOL_ERROR",
      [headers(1, request(), 0), continuation(3, request(), FLAG.END_HEADERS)],
    ],
    ["DATA within a header block", "PROTOCOL_ERROR", [headers(1, request(), 0), data(1, "x")]],
    ["PING within a header block", "PROTOCOL_ERROR", [headers(1, request(), 0), ping()]],
    ["HEADERS within a header block", "PROTOCOL_ERROR", [headers(1, request(), 0), headers(3, request())]],
    ["an unknown frame within a header block", "PROTOCOL_ERROR", [headers(1, request(), 0), frame(0x16, 0, 1)]],
    ["a block that is not HPACK", "COMPRESSION_ERROR", [headers(1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))]],
    ["a window update of 0 on the connection", "PROTOCOL_ERROR", [windowUpdate(0, 0)]],
    ["a connection window above 2^31-1", "FLOW_CONTROL_ERROR", [windowUpdate(0, 2 ** 31 - 1)]],
    ["an initial window above 2^31-1", "FLOW_CONTROL_ERROR", [settings([SETTING.INITIAL_WINDOW_SIZE, 2 ** 31])]],
    [
      "an initial window that takes a stream's above 2^31-1",
      "FLOW_CONTROL_ERROR",
      [headers(1, request()), windowUpdate(1, 1000), settings([SETTING.INITIAL_WINDOW_SIZE, 2 ** 31 - 1])],
    ],
    ["a frame size that may not be", "PROTOCOL_ERROR", [settings([SETTING.MAX_FRAME_SIZE, 16_383])]],
    ["push that is neither on nor off", "PROTOCOL_ERROR", [settings([SETTING.ENABLE_PUSH, 2])]],
    ["a stream that depends on itself", "PROTOCOL_ERROR", [priority(1, 1)]],
  ];
  for (const [what, code, bytes] of CONNECTION_ERRORS) {
    it(`ends the connection with ${code} for ${what}`, async () => {
      const lab = await Http2Lab.server();
      lab.peer.write(...bytes);
      assert.match(await lab.over(), new RegExp(`^(?:${code}): `));
      assert.equal((await lab.ended).by, "error");
      assert.equal(lab.session.streams, 0);
    });
  }

  it("ends the connection with FLOW_CONTROL_ERROR for more DATA than its window, on streams that are over as well", async () => {
    const lab = await Http2Lab.server({ connectionWindowBytes: 65_535, maxHeldBytes: 0, streamWindowBytes: 200_000 });
    lab.onNew = (stream) => (stream.reads = false);
    lab.peer.write(headers(1, request()), data(1, Buffer.alloc(65_535)), data(1, "."));
    assert.match(await lab.over(), /^FLOW_CONTROL_ERROR: more DATA was sent than the connection's window/);
    assert.match(lab.streams[0]?.events.at(-1) ?? "", /^LOST: more DATA/);
  });

  it("takes only HTTP/2's preface, and SETTINGS first", async () => {
    for (const bytes of [
      Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
      Buffer.concat([PREFACE, ping()]),
      Buffer.concat([PREFACE, data(1, "x")]),
      Buffer.concat([PREFACE, SETTINGS_ACK]),
    ]) {
      const lab = new Http2Lab();
      lab.peer.write(bytes);
      assert.match(await lab.over(), /^PROTOCOL_ERROR: /);
    }
  });

  it("says what the peer did when a connection ends, to its streams and to its user", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(headers(1, request()), ping("12345678", FLAG.ACK), frame(FRAME.PING, 0, 0, Buffer.alloc(3)));
    await lab.over();
    const { by, code, reason } = await lab.ended;
    assert.deepEqual([by, code], ["error", ERROR.FRAME_SIZE_ERROR]);
    assert.equal(lab.streams[0]?.events.at(-1), `LOST: ${reason}`);
  });
});

describe("an HTTP/2 session at a client", () => {
  it("gives a response, its content and its trailers, and passes over interim ones", async () => {
    const lab = await Http2Lab.client();
    const { stream, events } = lab.open(true);
    lab.peer.write(
      headers(
        1,
        block([
          [":status", "103"],
          ["link", "x"],
        ]),
      ),
      headers(1, OK),
      data(1, "hi"),
      headers(1, block([["x", "y"]]), LAST),
    );
    await lab.peer.settled();
    assert.deepEqual(events, ["headers :status 200", "data hi", "headers x y (last)", "end"]);
    assert.ok(stream.remoteDone);
    assert.equal(lab.session.streams, 0);
  });

  it("has as much room as the server allows", async () => {
    const lab = await Http2Lab.client({}, [SETTING.MAX_CONCURRENT_STREAMS, 2]);
    lab.open();
    assert.equal(lab.session.room, 1);
    lab.open();
    assert.equal(lab.session.room, 0);
    lab.peer.write(reset(1, ERROR.REFUSED_STREAM));
    await lab.peer.settled();
    assert.equal(lab.session.room, 1);
    assert.match(lab.streams[0]?.events[0] ?? "", /^REFUSED_STREAM \(unseen\): /);
  });

  it("takes a reset for each stream that is over, since it may have crossed the end, and not one for each byte", async () => {
    const lab = await Http2Lab.client({ controlBurst: 10, controlsPerSecond: 0 });
    for (let call = 0; call < 300; call++) {
      const { stream } = lab.open(true);
      lab.peer.write(headers(stream.id, OK, LAST), reset(stream.id, ERROR.NO_ERROR));
    }
    // The peer's own PINGs are paid for by the streams.
    await lab.peer.settled();
    lab.peer.write(...Array.from({ length: 101 }, () => reset(1, ERROR.NO_ERROR)));
    assert.match(await lab.over(), /^ENHANCE_YOUR_CALM: too many streams were reset that were over/);
  });

  const STREAM_ERRORS: readonly (readonly [string, string, readonly Buffer[]])[] = [
    ["DATA before headers", "PROTOCOL_ERROR", [data(1, "x")]],
    ["no :status", "PROTOCOL_ERROR", [headers(1, block([["x", "y"]]))]],
    ["a :status that is none", "PROTOCOL_ERROR", [headers(1, block([[":status", "20"]]))]],
    ["an interim response with END_STREAM", "PROTOCOL_ERROR", [headers(1, block([[":status", "100"]]), LAST)]],
    [
      "a content-length that is no number",
      "PROTOCOL_ERROR",
      [
        headers(
          1,
          block([
            [":status", "200"],
            ["content-length", "x"],
          ]),
        ),
      ],
    ],
    ["trailers without END_STREAM", "PROTOCOL_ERROR", [headers(1, OK), headers(1, block([["x", "y"]]))]],
    [
      "headers that are too long",
      "ENHANCE_YOUR_CALM",
      [
        headers(
          1,
          block([
            [":status", "200"],
            ["x", "y".repeat(17_000)],
          ]),
        ),
      ],
    ],
  ];
  for (const [what, code, bytes] of STREAM_ERRORS) {
    it(`ends the stream with ${code} for ${what}`, async () => {
      const lab = await Http2Lab.client();
      const { events } = lab.open();
      lab.peer.write(...bytes);
      assert.equal(await lab.peer.resetOf(1), code);
      assert.match(events.at(-1) ?? "", new RegExp(`^${code}: stream was reset: `));
      await lab.peer.settled();
    });
  }

  const CONNECTION_ERRORS: readonly (readonly [string, string, readonly Buffer[]])[] = [
    ["a stream of the server's", "PROTOCOL_ERROR", [headers(2, request())]],
    ["HEADERS on a stream that it has not opened", "PROTOCOL_ERROR", [headers(3, OK)]],
    ["push that a server turns on", "PROTOCOL_ERROR", [settings([SETTING.ENABLE_PUSH, 1])]],
    ["PUSH_PROMISE", "PROTOCOL_ERROR", [frame(FRAME.PUSH_PROMISE, FLAG.END_HEADERS, 1, Buffer.alloc(8))]],
    [
      "interim responses without end",
      "ENHANCE_YOUR_CALM",
      Array.from({ length: 600 }, () => headers(1, block([[":status", "100"]]))),
    ],
  ];
  for (const [what, code, bytes] of CONNECTION_ERRORS) {
    it(`ends the connection with ${code} for ${what}`, async () => {
      const lab = await Http2Lab.client();
      const { events } = lab.open();
      lab.peer.write(...bytes);
      assert.match(await lab.over(), new RegExp(`^${code}: `));
      assert.match(events.at(-1) ?? "", /^LOST: /);
    });
  }
});
