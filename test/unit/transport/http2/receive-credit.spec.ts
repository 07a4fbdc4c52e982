import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import * as fc from "fast-check";
import { Http2Stream } from "../../../../sdk/src/transport/http2/http2-stream.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../../sdk/src/transport/http2/limits.ts";
import { Output } from "../../../../sdk/src/transport/http2/output.ts";
import { ReceiveCredit } from "../../../../sdk/src/transport/http2/receive-credit.ts";

const DEAF = { onHeaders() {}, onData() {}, onEnd() {}, onDrain() {}, onReset() {} };
const CONNECTION_BYTES = 100_000;
const STREAM_BYTES = 70_000;
const limits = {
  ...DEFAULT_HTTP2_LIMITS,
  connectionWindowBytes: CONNECTION_BYTES,
  streamWindowBytes: STREAM_BYTES,
  maxHeldBytes: 50_000,
};

describe("receive credit", () => {
  it("loses and invents none, whatever comes, is consumed, or is dropped", () => {
    const step = fc.record({
      what: fc.constantFrom("data", "consume", "drop"),
      stream: fc.nat(4),
      bytes: fc.nat(20_000),
      padding: fc.nat(255),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const credit = new ReceiveCredit(new Output(new PassThrough().resume()), limits);
        credit.open();
        const streams = Array.from({ length: 5 }, (_, at) => new Http2Stream(2 * at + 1, DEAF, 0, STREAM_BYTES));
        for (const { what, stream: at, bytes, padding } of steps) {
          const stream = streams[at]!;
          const flowBytes = bytes + padding;
          if (
            what === "data" &&
            flowBytes <= credit.window &&
            flowBytes <= stream.receiveWindow &&
            !stream.remoteDone
          ) {
            credit.take(flowBytes);
            stream.receiveWindow -= flowBytes;
            credit.returnToStream(stream, padding);
            credit.hold(stream, bytes);
            credit.returnToConnection(flowBytes);
          } else if (what === "consume") {
            credit.consume(stream, Math.min(bytes, stream.held));
          } else if (what === "drop") {
            stream.remoteDone = true;
            credit.drop(stream);
          }
          assert.equal(credit.window + credit.unreturned, CONNECTION_BYTES);
          assert.equal(
            credit.held,
            streams.reduce((sum, { held }) => sum + held, 0),
          );
        }
        for (const stream of streams) credit.consume(stream, stream.held);
        for (const stream of streams.filter(({ remoteDone }) => !remoteDone)) {
          assert.equal(stream.receiveWindow + stream.unreturned, STREAM_BYTES);
        }
        assert.ok(credit.window >= CONNECTION_BYTES / 2, "an idle peer has half of the window at least");
      }),
    );
  });
});
