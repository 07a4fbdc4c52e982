import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { VirtualClock } from "../../../../sdk/src/testing/virtual-clock.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../../sdk/src/transport/http2/limits.ts";
import { Output } from "../../../../sdk/src/transport/http2/output.ts";
import { PeerGuard } from "../../../../sdk/src/transport/http2/peer-guard.ts";
import { ConnectionError, ERROR, MAX_STREAM_ID } from "../../../../sdk/src/transport/http2/protocol.ts";
import { ReceiveCredit } from "../../../../sdk/src/transport/http2/receive-credit.ts";
import { SendScheduler } from "../../../../sdk/src/transport/http2/send-scheduler.ts";
import { PeerSettings } from "../../../../sdk/src/transport/http2/settings.ts";
import { Streams } from "../../../../sdk/src/transport/http2/streams.ts";

function fail(error: unknown): never {
  assert.fail(String(error));
}

const DEAF = { onHeaders() {}, onData() {}, onEnd() {}, onDrain() {}, onReset() {} };

function streamsOf(role: "client" | "server"): Streams {
  const limits = { ...DEFAULT_HTTP2_LIMITS, resetBurst: 1e6 };
  const output = new Output(new PassThrough().resume());
  return new Streams({
    role,
    limits,
    output,
    peer: new PeerSettings(),
    sender: new SendScheduler(output, () => {}, fail),
    credit: new ReceiveCredit(output, limits),
    guard: new PeerGuard(limits, new VirtualClock()),
    onEnded: () => {},
    onFault: fail,
  });
}

function codeOf(act: () => void): number {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ConnectionError);
    return error.code;
  }
  return ERROR.NO_ERROR;
}

describe("the streams of a connection", () => {
  it("have ids up to 2^31-1 and none beyond", () => {
    const streams = streamsOf("client");
    streams.nextId = MAX_STREAM_ID - 2;
    streams.begin(DEAF);
    assert.ok(streams.idsLeft);
    streams.begin(DEAF);
    assert.ok(!streams.idsLeft);
  });

  it("may have frames come late when they were reset, for as long as thousands of others", () => {
    const streams = streamsOf("client");
    const first = streams.begin(DEAF);
    streams.reset(first, ERROR.CANCEL);
    for (let more = 0; more < 4000; more++) streams.reset(streams.begin(DEAF), ERROR.CANCEL);
    assert.equal(
      codeOf(() => streams.needsLeave("DATA", first.id)),
      ERROR.NO_ERROR,
    );
    for (let more = 0; more < 8000; more++) streams.reset(streams.begin(DEAF), ERROR.CANCEL);
    assert.equal(
      codeOf(() => streams.needsLeave("DATA", first.id)),
      ERROR.STREAM_CLOSED,
    );
  });

  it("may have none come when they have ended", () => {
    const streams = streamsOf("server");
    const stream = streams.accept(1);
    streams.remoteEnded(stream);
    streams.localEnded(stream);
    assert.equal(
      codeOf(() => streams.needsLeave("DATA", 1)),
      ERROR.STREAM_CLOSED,
    );
    assert.equal(
      codeOf(() => streams.needsBegun("RST_STREAM", 1)),
      ERROR.NO_ERROR,
    );
    assert.equal(
      codeOf(() => streams.needsBegun("RST_STREAM", 3)),
      ERROR.PROTOCOL_ERROR,
    );
    assert.equal(
      codeOf(() => streams.needsBegun("RST_STREAM", 2)),
      ERROR.PROTOCOL_ERROR,
    );
  });

  it("pass without a word once a GOAWAY has said that they would", () => {
    const streams = streamsOf("server");
    streams.ignoresNew = true;
    assert.equal(
      codeOf(() => streams.needsLeave("DATA", 7)),
      ERROR.NO_ERROR,
    );
  });
});
