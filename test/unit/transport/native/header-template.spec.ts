import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { VirtualClock } from "../../../../sdk/src/testing/virtual-clock.ts";
import { HpackDecoder } from "../../../../sdk/src/transport/http2/hpack/hpack-decoder.ts";
import { Http2Session, type SessionEvents } from "../../../../sdk/src/transport/http2/http2-session.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../../sdk/src/transport/http2/limits.ts";
import { HeaderTemplate } from "../../../../sdk/src/transport/native/header-template.ts";

const NO_EVENTS: SessionEvents = {
  onRequest: () => assert.fail("a request came"),
  onSettings() {},
  onStreamEnded() {},
  onGoaway() {},
  onLeaving() {},
  onPing() {},
  onClosed() {},
};
const FIELDS = [":method", "POST", ":path", "/lab.v1.LabService/Echo", "x-long", "v".repeat(200)];

describe("a header template", () => {
  let session: Http2Session;
  let decoder: HpackDecoder;
  beforeEach(() => {
    const socket = new PassThrough();
    socket.cork();
    const limits = DEFAULT_HTTP2_LIMITS;
    session = new Http2Session({ role: "client", socket, limits, clock: new VirtualClock(), events: NO_EVENTS });
    decoder = new HpackDecoder(limits.headerTableBytes, { maxListBytes: 16_384, maxFields: 128 });
  });

  /** Writes a block of templates and what else is to come, as a peer reads it. */
  function block(write: (at: number) => number, maxBytes: number): { bytes: number; fields: string[] } {
    const start = session.startHeaders(maxBytes);
    const end = write(start);
    assert.ok(end - start <= maxBytes, `${end - start} bytes in room for ${maxBytes}`);
    const bytes = Buffer.from(session.output.slab.subarray(start, end));
    session.output.trim(end);
    return { bytes: bytes.length, fields: decoder.decode(bytes, 0, bytes.length) };
  }

  function written(template: HeaderTemplate): { bytes: number; fields: string[] } {
    return block((at) => template.write(at), template.maxBytes);
  }

  it("says the same fields every time, in a byte each once the peer knows them", () => {
    const template = new HeaderTemplate(session, FIELDS);
    const sizes = [];
    for (let time = 0; time < 4; time++) {
      const { bytes, fields } = written(template);
      assert.deepEqual(fields, FIELDS);
      sizes.push(bytes);
    }
    assert.ok(sizes[0]! > 100);
    assert.deepEqual(sizes.slice(1), [3, 3, 3]);
  });

  it("finds its fields again when others have entered the table, and when they were put out of it", () => {
    const template = new HeaderTemplate(session, FIELDS);
    written(template);
    for (let other = 0; other < 100; other++) {
      const fields = ["x-other", `${other}`.padStart(80, "0")];
      written(new HeaderTemplate(session, fields));
      const { fields: again } = written(template);
      assert.deepEqual(again, FIELDS);
    }
  });

  it("works where the peer keeps no table", () => {
    session.encoder.setMaxTableBytes(0);
    const template = new HeaderTemplate(session, FIELDS);
    for (let time = 0; time < 3; time++) assert.deepEqual(written(template).fields, FIELDS);
  });

  it("works beside others in one block", () => {
    const one = new HeaderTemplate(session, FIELDS);
    const other = new HeaderTemplate(session, ["te", "trailers", "content-type", "application/grpc"]);
    const both = [...FIELDS, "te", "trailers", "content-type", "application/grpc"];
    for (let time = 0; time < 4; time++) {
      const { fields } = block((at) => other.write(one.write(at)), one.maxBytes + other.maxBytes);
      assert.deepEqual(fields, both);
    }
  });
});
