/** How connections end: as both sides wish, by time, or by an error of this side's own. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { PREFACE } from "../../../../sdk/src/transport/http2/protocol.ts";
import {
  block,
  data,
  ERROR,
  FLAG,
  FRAME,
  frame,
  goaway,
  headers,
  ping,
  request,
  SETTING,
  settings,
  windowUpdate,
} from "../../../support/h2-frames.ts";
import { Http2Lab } from "../../../support/http2-lab.ts";
import { Inbox } from "../../../support/inbox.ts";
import type { RawFrame, RawH2Peer } from "../../../support/raw-h2-peer.ts";

const LAST = FLAG.END_HEADERS | FLAG.END_STREAM;
const OK = block([[":status", "200"]]);

function lastId({ payload }: RawFrame): number {
  return payload.readUInt32BE(0);
}

/** Answers the PING of a shutdown. */
async function pong(peer: RawH2Peer): Promise<void> {
  const { payload } = await peer.next(FRAME.PING);
  peer.write(frame(FRAME.PING, FLAG.ACK, 0, payload));
}

describe("a server's session that is shut down", () => {
  it("says so first, serves what was on its way, then names the last stream and closes when all are done", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(headers(1, request(), LAST));
    await lab.peer.settled();
    lab.session.shutdown(ERROR.NO_ERROR, "bye");
    assert.equal(lastId(await lab.peer.next(FRAME.GOAWAY)), 2 ** 31 - 1);
    lab.peer.write(headers(3, request(), LAST));
    await pong(lab.peer);
    const second = await lab.peer.next(FRAME.GOAWAY);
    assert.deepEqual([lastId(second), second.payload.toString("latin1", 8)], [3, "bye"]);
    lab.peer.write(headers(5, request()), data(5, "nobody hears"), windowUpdate(5, 1));
    await lab.peer.settled();
    assert.equal(lab.streams.length, 2);
    for (const stream of lab.streams) stream.respond(Buffer.from("done"));
    assert.equal(await lab.over(), "NO_ERROR: bye");
    assert.deepEqual((await lab.ended).by, "local");
    assert.equal(lab.peer.frames.filter(({ type }) => type === FRAME.DATA).length, 2);
  });

  it("names the last stream after a second when its PING is not answered, under the same code", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(headers(1, request()));
    await lab.peer.settled();
    lab.session.shutdown(ERROR.ENHANCE_YOUR_CALM);
    await lab.peer.next(FRAME.GOAWAY);
    lab.pass(1500);
    const { payload } = await lab.peer.next(FRAME.GOAWAY);
    assert.deepEqual([payload.readUInt32BE(0), payload.readUInt32BE(4)], [1, ERROR.ENHANCE_YOUR_CALM]);
  });

  it("closes at once when nothing is open and the handshake never came", async () => {
    const lab = new Http2Lab();
    lab.session.shutdown();
    assert.equal(await lab.over(), "NO_ERROR");
  });

  it("does so as well when the peer had said GOAWAY before", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(headers(1, request(), LAST), goaway(0, ERROR.NO_ERROR));
    await lab.peer.settled();
    lab.session.shutdown();
    await lab.peer.next(FRAME.GOAWAY);
    await pong(lab.peer);
    lab.streams[0]?.respond();
    assert.equal(await lab.over(), "NO_ERROR");
  });

  it("cuts off a peer that does not close, after its last words had time", async () => {
    const lab = await Http2Lab.server();
    lab.peer.socket.removeAllListeners("end");
    lab.session.abort(ERROR.NO_ERROR, "stopped");
    await lab.peer.next(FRAME.GOAWAY);
    lab.pass(500);
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!lab.peer.socket.destroyed);
    lab.pass(1000);
    assert.equal((await lab.ended).reason, "stopped");
  });
});

describe("a client's session that is shut down", () => {
  it("says once that it takes no streams of the server's, and closes when its own are done", async () => {
    const lab = await Http2Lab.client();
    const { events } = lab.open(true);
    lab.session.shutdown();
    assert.ok(!lab.session.open);
    assert.equal(lastId(await lab.peer.next(FRAME.GOAWAY)), 0);
    lab.peer.write(headers(1, OK, LAST));
    assert.equal(await lab.over(), "NO_ERROR");
    assert.deepEqual(events, ["headers :status 200 (last)", "end"]);
    assert.equal(lab.peer.frames.filter(({ type }) => type === FRAME.GOAWAY).length, 1);
  });
});

describe("a session whose peer says GOAWAY", () => {
  it("hands back what the server did not work on, and lets the rest finish", async () => {
    const lab = await Http2Lab.client();
    const [first, second] = [lab.open(true), lab.open(true)];
    lab.peer.write(goaway(1, ERROR.NO_ERROR, "max_age\u0007"));
    await lab.peer.settled();
    assert.ok(!lab.session.open);
    assert.deepEqual(second.events, ["REFUSED_STREAM (unseen): peer sent GOAWAY NO_ERROR: max_age?"]);
    assert.deepEqual(lab.events.slice(-2, -1), ["goaway NO_ERROR: peer sent GOAWAY NO_ERROR: max_age?"]);
    lab.peer.write(headers(1, OK, LAST));
    await lab.over();
    assert.deepEqual(first.events, ["headers :status 200 (last)", "end"]);
    assert.equal((await lab.ended).by, "peer");
  });

  it("takes two of them, as a graceful shutdown has", async () => {
    const lab = await Http2Lab.client();
    lab.open(true);
    lab.peer.write(goaway(2 ** 31 - 1, ERROR.NO_ERROR), goaway(0, ERROR.NO_ERROR));
    await lab.over();
    assert.match(lab.streams[0]?.events[0] ?? "", /^REFUSED_STREAM \(unseen\)/);
  });

  it("takes none that names a later stream than the one before", async () => {
    const lab = await Http2Lab.client();
    lab.open(true);
    lab.peer.write(goaway(1, ERROR.NO_ERROR), goaway(3, ERROR.NO_ERROR));
    assert.match(await lab.over(), /^PROTOCOL_ERROR: GOAWAY names a later stream/);
  });

  it("serves a client that goes on asking, and tells it what was worked on in the end", async () => {
    const lab = await Http2Lab.server();
    lab.onEnd = (stream) => stream.respond(Buffer.from("yes"));
    lab.onNew = (stream) => void stream;
    lab.peer.write(headers(1, request()), goaway(0, ERROR.NO_ERROR), headers(3, request(), LAST));
    await lab.peer.next(FRAME.DATA, 3);
    lab.peer.write(data(1, "", FLAG.END_STREAM));
    assert.equal(lastId(await lab.peer.next(FRAME.GOAWAY)), 3);
    await lab.over();
  });
});

describe("a session whose socket ends", () => {
  it("tells every stream, and its user why", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(headers(1, request()));
    await lab.peer.settled();
    lab.peer.socket.end();
    await lab.over();
    assert.deepEqual(lab.streams[0]?.events.slice(-1), ["LOST: connection was closed by the peer"]);
    assert.deepEqual(await lab.ended, {
      by: "socket",
      code: 0,
      socketCode: "",
      reason: "connection was closed by the peer",
    });
  });

  it("opens no stream once the server writes no more", async () => {
    const lab = await Http2Lab.client();
    lab.peer.socket.end();
    await once(lab.peer.socket, "finish");
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!lab.session.open);
    await lab.over();
  });

  it("delivers what was sent before", async () => {
    const lab = await Http2Lab.server();
    lab.onEnd = (stream) => stream.respond(Buffer.alloc(50_000));
    lab.peer.write(headers(1, request(), LAST));
    lab.peer.socket.end();
    await lab.over();
    const bytes = lab.peer.frames
      .filter(({ type }) => type === FRAME.DATA)
      .reduce((sum, { payload }) => sum + payload.length, 0);
    assert.equal(bytes, 50_000);
  });

  it("names the socket's error", async () => {
    const lab = await Http2Lab.server();
    lab.socket.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
    assert.deepEqual(await lab.ended, {
      by: "socket",
      code: 0,
      socketCode: "ECONNRESET",
      reason: "connection failed: read ECONNRESET",
    });
  });
});

describe("a session whose peer is slow", () => {
  it("waits 10 s for the preface and SETTINGS", async () => {
    for (const bytes of [Buffer.alloc(0), PREFACE.subarray(0, 10), PREFACE]) {
      const lab = new Http2Lab();
      lab.peer.write(bytes);
      lab.pass(9_500);
      assert.equal(lab.peer.goaway, "");
      lab.pass(1_000);
      assert.equal(await lab.over(), "PROTOCOL_ERROR: no SETTINGS came within 10000 ms");
    }
  });

  it("waits 10 s for its SETTINGS to be acknowledged", async () => {
    const lab = new Http2Lab();
    lab.peer.write(PREFACE, settings());
    await lab.peer.settled();
    lab.pass(10_500);
    assert.equal(await lab.over(), "SETTINGS_TIMEOUT: SETTINGS were not acknowledged within 10000 ms");
  });

  it("waits 10 s for the rest of a header block", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(headers(1, request(), 0));
    await lab.peer.settled().catch(() => {});
    assert.match(await lab.over(), /^PROTOCOL_ERROR/, "a PING is not the rest");
    const slow = await Http2Lab.server();
    slow.peer.write(headers(1, request(), 0));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    slow.pass(11_000);
    assert.equal(await slow.over(), "ENHANCE_YOUR_CALM: header block was not completed within 10000 ms");
  });

  it("waits 10 s for the rest of a frame, and as long as it likes for the rest of DATA", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(headers(1, request()), data(1, "first").subarray(0, 12));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    lab.pass(60_000);
    lab.peer.write(data(1, "first").subarray(12), ping().subarray(0, 12));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    assert.deepEqual(lab.streams[0]?.events.slice(1), ["data fir", "data st"]);
    lab.pass(11_000);
    assert.equal(await lab.over(), "ENHANCE_YOUR_CALM: frame was not completed within 10000 ms");
  });

  it("waits 30 s until some of what it sent is read", async () => {
    const lab = await Http2Lab.server();
    lab.onEnd = (stream) => stream.respond(Buffer.alloc(400_000));
    lab.peer.write(windowUpdate(0, 1e6), settings([SETTING.INITIAL_WINDOW_SIZE, 1e6]));
    await lab.peer.settled();
    lab.peer.socket.pause();
    lab.peer.write(headers(1, request(), LAST));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    lab.pass(29_000);
    assert.equal(lab.session.streams, 0);
    assert.equal(lab.session.output.pendingBytes > 0, true);
    lab.pass(3_000);
    const { code, reason } = await lab.ended.then(
      (end) => end,
      () => assert.fail(),
    );
    assert.deepEqual([code, reason], [ERROR.ENHANCE_YOUR_CALM, "nothing that was sent was read within 30000 ms"]);
  });

  it("waits 30 s for windows that much waits for", async () => {
    const lab = await Http2Lab.server({ maxQueuedBytes: 100_000 });
    lab.onEnd = (stream) => stream.respond(Buffer.alloc(400_000));
    lab.peer.write(headers(1, request(), LAST));
    await lab.peer.settled();
    lab.pass(25_000);
    lab.peer.write(windowUpdate(0, 1000), windowUpdate(1, 1000));
    await lab.peer.settled();
    lab.pass(25_000);
    assert.equal(lab.peer.goaway, "");
    lab.pass(10_000);
    assert.match(
      await lab.over(),
      /^ENHANCE_YOUR_CALM: 333465 bytes wait, and no window was opened for them within 30000 ms/,
    );
  });

  it("reads no more from who does not read its answers, and goes on when it does", async () => {
    const lab = await Http2Lab.server({ maxUnreadBytes: 100_000, resetBurst: 10 });
    lab.onEnd = (stream) => stream.respond(Buffer.alloc(2_000));
    lab.peer.write(windowUpdate(0, 1e9));
    await lab.peer.settled();
    lab.peer.socket.pause();
    for (let call = 0; call < 2_000; call++) lab.peer.write(headers(1 + 2 * call, request(), LAST));
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(lab.session.output.pendingBytes < 500_000, `${lab.session.output.pendingBytes} bytes wait`);
    assert.ok(lab.streams.length < 300, `${lab.streams.length} streams`);
    lab.pass(20_000);
    lab.peer.socket.resume();
    await lab.peer.settled();
    assert.equal(lab.streams.length, 2_000);
  });
});

describe("a session whose own callbacks throw", () => {
  /** What the process would be warned of. */
  const warnings = new Inbox<string>();
  const emitWarning = process.emitWarning.bind(process);
  before(() => {
    process.emitWarning = (message: string | Error, options?: unknown): void => {
      warnings.put(`${String(message)}\n${(options as { detail: string }).detail}`);
    };
  });
  after(() => {
    process.emitWarning = emitWarning;
  });

  const THROWN = new Error("a bug of ours");
  const cases: Readonly<Record<string, (lab: Http2Lab) => void>> = {
    "for a request": (lab) => {
      lab.onNew = () => {
        throw THROWN;
      };
      lab.peer.write(headers(3, request()));
    },
    "for the end of a stream": (lab) => {
      lab.onEnd = () => {
        throw THROWN;
      };
      lab.peer.write(headers(3, request(), LAST));
    },
    "for room to send": (lab) => {
      lab.onEnd = (stream) => {
        stream.onDrain = () => {
          throw THROWN;
        };
        stream.respond(Buffer.alloc(100_000));
      };
      lab.peer.write(headers(3, request(), LAST), windowUpdate(3, 1e5), windowUpdate(0, 1e5));
    },
  };
  for (const [what, act] of Object.entries(cases)) {
    it(`gives up the connection, tells the peer nothing of its inside, and warns: ${what}`, async () => {
      const lab = await Http2Lab.server();
      lab.peer.write(headers(1, request()));
      await lab.peer.settled();
      act(lab);
      assert.match(await warnings.next(), /callback of its own side threw\nError: a bug of ours/);
      assert.equal(await lab.over(), "INTERNAL_ERROR: connection failed by an error of this side");
      assert.equal((await lab.ended).by, "fault");
      assert.match(lab.streams[0]?.events.at(-1) ?? "", /^LOST: /);
    });
  }

  it("tells the other streams when one throws at the end", async () => {
    const lab = await Http2Lab.server();
    lab.peer.write(headers(1, request()), headers(3, request()));
    await lab.peer.settled();
    lab.streams[0]!.onReset = () => {
      throw THROWN;
    };
    lab.peer.socket.end();
    await warnings.next();
    await lab.over();
    assert.match(lab.streams[1]?.events.at(-1) ?? "", /^LOST: /);
  });
});
