import assert from "node:assert/strict";
import { constants, type ServerHttp2Stream } from "node:http2";
import { Metadata } from "../../../../sdk/src/call/metadata.ts";
import { STATUS_NUMBERS } from "../../../../sdk/src/call/status.ts";
import { NativeClientLab, RawServer } from "../../../support/native-lab.ts";
import { StreamAtClient, NO_METADATA, pathOf } from "../../../support/transport-lab.ts";

const GRPC = { ":status": 200, "content-type": "application/grpc" } as const;
const { UNAVAILABLE, UNIMPLEMENTED, UNAUTHENTICATED, PERMISSION_DENIED, INTERNAL, UNKNOWN, CANCELLED } = STATUS_NUMBERS;

function message(text: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(text.length, 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}

/** Answers with headers, messages and trailers. */
function reply(stream: ServerHttp2Stream, body: Buffer, trailers: Record<string, string>): void {
  stream.respond(GRPC, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

describe("a native call at its client", () => {
  let server: RawServer;
  let lab: NativeClientLab;
  beforeEach(async () => {
    server = await RawServer.listen();
    lab = await new NativeClientLab(server.address).ready();
  });
  afterEach(async () => {
    lab.connection.close();
    await server.close();
  });

  function open(): StreamAtClient {
    const call = { path: pathOf("Chat"), metadata: NO_METADATA, deadline: Infinity, encoding: "identity" } as const;
    return new StreamAtClient(lab.connection, call);
  }

  it("takes an answer of HTTP's for the status that gRPC gives it", async () => {
    for (const [http, status] of [
      [400, INTERNAL],
      [401, UNAUTHENTICATED],
      [403, PERMISSION_DENIED],
      [404, UNIMPLEMENTED],
      [429, UNAVAILABLE],
      [502, UNAVAILABLE],
      [503, UNAVAILABLE],
      [504, UNAVAILABLE],
      [500, UNKNOWN],
      [200, UNKNOWN],
    ] as const) {
      for (const ends of [true, false]) {
        const call = lab.unary();
        const stream = await server.streams.next();
        stream.respond({ ":status": http, "content-type": "text/html" }, { endStream: ends });
        if (!ends) stream.end("<html>");
        const outcome = await call;
        assert.equal(outcome.status, status, `HTTP ${http}`);
        assert.match(outcome.reason, new RegExp(`HTTP status ${http}.*no gRPC server, or a proxy`));
      }
    }
  });

  it("takes no answer that breaks off or says too little or too much", async () => {
    const answers: [string, number, (stream: ServerHttp2Stream) => void][] = [
      ["no trailers", INTERNAL, (stream) => void (stream.respond(GRPC), stream.end(message("hi")))],
      ["no status", UNKNOWN, (stream) => reply(stream, message("hi"), { "x-trail": "t" })],
      ["no message", INTERNAL, (stream) => reply(stream, Buffer.alloc(0), { "grpc-status": "0" })],
      [
        "two messages",
        INTERNAL,
        (stream) => reply(stream, Buffer.concat([message("one"), message("two")]), { "grpc-status": "0" }),
      ],
      ["half a message", INTERNAL, (stream) => reply(stream, message("hello").subarray(0, 7), { "grpc-status": "0" })],
      ["no gRPC", INTERNAL, (stream) => reply(stream, Buffer.from("<html>!"), { "grpc-status": "0" })],
      ["a status that is none", UNKNOWN, (stream) => reply(stream, message("hi"), { "grpc-status": "17" })],
    ];
    for (const [what, status, answer] of answers) {
      const call = lab.unary();
      answer(await server.streams.next());
      const outcome = await call;
      assert.deepEqual([outcome.status, outcome.body], [status, undefined], `${what}: ${outcome.reason}`);
      assert.equal(outcome.processed, true);
    }
  });

  it("has the server's status, message and trailers when it fails", async () => {
    const call = lab.unary();
    reply(await server.streams.next(), Buffer.alloc(0), {
      "grpc-status": "9",
      "grpc-message": "not%20now",
      "x-why": "w",
    });
    const { status, reason, trailers } = await call;
    assert.deepEqual([status, reason, trailers.get("x-why")], [STATUS_NUMBERS.FAILED_PRECONDITION, "not now", "w"]);
  });

  it("takes a status that comes without headers of its own", async () => {
    const call = lab.unary();
    const stream = await server.streams.next();
    stream.respond({ ...GRPC, "grpc-status": "5", "grpc-message": "nobody" }, { endStream: true });
    const { status, reason } = await call;
    assert.deepEqual([status, reason], [STATUS_NUMBERS.NOT_FOUND, "nobody"]);
  });

  it("gives every message before the outcome, however late it asks for them", async () => {
    const call = open();
    call.stream.end();
    reply(await server.streams.next(), Buffer.concat(["one", "two", "three"].map(message)), { "grpc-status": "0" });
    assert.equal(await call.events.next(), "headers");
    let over = false;
    void call.ended.then(() => (over = true));
    for (const text of ["one", "two", "three"]) {
      assert.equal(over, false);
      assert.equal(await call.read(), text);
    }
    assert.equal((await call.ended).status, 0);
  });

  it("is over with the server's status when that needs no more of what it sends", async () => {
    const call = open();
    call.send("first");
    const stream = await server.streams.next();
    stream.respond({ ...GRPC, "grpc-status": "0" }, { endStream: true });
    // Node 22 sends nothing of a response whose stream is closed before it has left.
    await new Promise((resolve) => stream.session?.ping(resolve));
    stream.close(constants.NGHTTP2_NO_ERROR);
    assert.equal((await call.ended).status, 0);
    assert.equal(call.send("late"), true);
    call.stream.end();
    call.stream.cancel(CANCELLED, "late");
    assert.equal(lab.sessions[0]?.http2.streams, 0);
  });

  it("may be cancelled by who takes its headers or messages, and then takes no more", async () => {
    for (const moment of ["headers", "message"] as const) {
      const taken: string[] = [];
      const ended = new Promise<number>((resolve) => {
        const call = {
          path: pathOf("Chat"),
          metadata: new Metadata(),
          deadline: Infinity,
          encoding: "identity",
        } as const;
        const take = (what: string): void => {
          taken.push(what);
          if (what === moment) stream.cancel(CANCELLED, "enough");
        };
        const stream = lab.connection.open(call, {
          onHeaders: () => take("headers"),
          onMessage: () => take("message"),
          onDrain() {},
          onDone: ({ status }) => resolve(status),
        });
        for (let ask = 0; ask < 3; ask++) stream.request();
      });
      const stream = await server.streams.next();
      reply(stream, Buffer.concat(["one", "two", "three"].map(message)), { "grpc-status": "0" });
      assert.equal(await ended, CANCELLED);
      assert.deepEqual(taken, moment === "headers" ? ["headers"] : ["headers", "message"]);
    }
    assert.equal(lab.environment.wheel.size, 0);
  });

  it("reads past interim responses", async () => {
    const call = lab.unary();
    const stream = await server.streams.next();
    stream.additionalHeaders({ ":status": 103, link: "</style.css>" });
    reply(stream, message("hi"), { "grpc-status": "0" });
    assert.equal(Buffer.from((await call).body ?? []).toString(), "hi");
  });

  it("fails where the server sends headers beyond its limits, and the connection goes on", async () => {
    const call = lab.unary();
    const stream = await server.streams.next();
    stream.respond({ ...GRPC, "x-long": "v".repeat(20_000) });
    const { status, reason } = await call;
    assert.notEqual(status, 0);
    assert.match(reason, /headers are longer than/);
    const next = lab.unary();
    reply(await server.streams.next(), message("hi"), { "grpc-status": "0" });
    assert.equal((await next).status, 0);
  });
});
