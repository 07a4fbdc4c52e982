/** Servers that attack their clients: a call fails with the status that says why, and the client lives on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { PREFACE } from "../../sdk/src/transport/http2/protocol.ts";
import { nativeTransport } from "../../sdk/src/transport/native/native-transport.ts";
import {
  block,
  continuation,
  data,
  FLAG,
  FRAME,
  frame,
  headers,
  message,
  ping,
  reset,
  SETTING,
  settings,
  SETTINGS_ACK,
  windowUpdate,
} from "../support/h2-frames.ts";
import { RawH2Peer } from "../support/raw-h2-peer.ts";
import { Connected } from "../support/transport-lab.ts";

const LAST = FLAG.END_HEADERS | FLAG.END_STREAM;
const MIB = 1024 * 1024;
const HEAD = block([
  [":status", "200"],
  ["content-type", "application/grpc"],
]);
const GZIP_HEAD = Buffer.concat([HEAD, block([["grpc-encoding", "gzip"]])]);
const TRAILERS = block([["grpc-status", "0"]]);
const UNAVAILABLE = 14;
const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;

function times(count: number, make: (at: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, at) => make(at)));
}

/** A bomb in frames that no one refuses. */
function bomb(): Buffer {
  const bytes = message(gzipSync(Buffer.alloc(64 * MIB)), 1);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) frames.push(data(1, bytes.subarray(at, at + 16_384)));
  return Buffer.concat(frames);
}

/** What a server says to the first call, and the status and reason that its caller sees. */
const ATTACKS: Readonly<Record<string, readonly [number, RegExp, () => Buffer]>> = {
  "floods with PINGs": [UNAVAILABLE, /too many control frames/, () => times(2000, () => ping())],
  "floods with SETTINGS": [UNAVAILABLE, /too many control frames/, () => times(2000, () => settings())],
  "floods with interim responses": [
    UNAVAILABLE,
    /too many control frames/,
    () => times(2000, () => headers(1, block([[":status", "100"]]))),
  ],
  "floods with window updates": [UNAVAILABLE, /too many window updates/, () => times(2000, () => windowUpdate(0, 1))],
  "floods with empty DATA": [
    UNAVAILABLE,
    /too many empty frames/,
    () => Buffer.concat([headers(1, HEAD), times(200, () => data(1, ""))]),
  ],
  "floods with CONTINUATION": [
    UNAVAILABLE,
    /more than 8 CONTINUATION/,
    () => Buffer.concat([headers(1, HEAD, 0), times(20, () => continuation(1, TRAILERS))]),
  ],
  "resets a stream again and again": [INTERNAL, /PROTOCOL_ERROR/, () => times(500, () => reset(1, 1))],
  "sends too long headers": [
    RESOURCE_EXHAUSTED,
    /headers are longer than/,
    () => headers(1, Buffer.concat([HEAD, block([["x", "y".repeat(17_000)]])])),
  ],
  "sends an HPACK bomb": [
    RESOURCE_EXHAUSTED,
    /headers are longer than/,
    () =>
      headers(
        1,
        Buffer.concat([
          HEAD,
          Buffer.from("\x40\x01x\x7f\xa1\x1e", "latin1"),
          Buffer.alloc(4000, "y"),
          Buffer.alloc(9000, 0xbe),
        ]),
      ),
  ],
  "announces a message of 4 GiB": [
    RESOURCE_EXHAUSTED,
    /4294967295 bytes/,
    () => Buffer.concat([headers(1, HEAD), data(1, message("", 0, 2 ** 32 - 1))]),
  ],
  "sends a gzip bomb": [
    RESOURCE_EXHAUSTED,
    /inflates to more/,
    () => Buffer.concat([headers(1, GZIP_HEAD), bomb(), headers(1, TRAILERS, LAST)]),
  ],
  pushes: [UNAVAILABLE, /PUSH_PROMISE/, () => frame(FRAME.PUSH_PROMISE, FLAG.END_HEADERS, 1, Buffer.alloc(10))],
  "opens a stream": [UNAVAILABLE, /stream 2/, () => headers(2, HEAD)],
  "lets windows overflow": [UNAVAILABLE, /above 2\^31-1/, () => windowUpdate(0, 2 ** 31 - 1)],
  "takes HTTP/1 for the answer": [
    UNAVAILABLE,
    /.*/,
    () => Buffer.from("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"),
  ],
};

describe("a native client", () => {
  let server: Server;
  let answer: () => Buffer;
  let client: Connected;

  beforeEach(async () => {
    // The first connection attacks; those behind it answer.
    let connections = 0;
    server = createServer((socket) => {
      const attacks = connections++ === 0;
      const peer = new RawH2Peer(socket);
      peer.skip(PREFACE.length);
      peer.write(settings([SETTING.MAX_CONCURRENT_STREAMS, 100]), SETTINGS_ACK);
      void peer.next(FRAME.DATA).then(
        ({ id }) =>
          peer.write(
            attacks && id === 1
              ? answer()
              : Buffer.concat([headers(id, HEAD), data(id, message("well")), headers(id, TRAILERS, LAST)]),
          ),
        () => {},
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    client = new Connected(
      nativeTransport(),
      { host: "127.0.0.1", port: (server.address() as AddressInfo).port },
      systemClock,
    );
    await client.reached("ready");
  });
  afterEach(async () => {
    client.connection.close();
    server.close();
    await once(server, "close");
  });

  for (const [attack, [status, reason, make]] of Object.entries(ATTACKS)) {
    it(`fails a call with its reason when the server ${attack}`, async () => {
      answer = make;
      const outcome = await client.unary("Echo");
      assert.equal(outcome.status, status, outcome.reason);
      assert.match(outcome.reason, reason);
    });
  }

  it("is answered by the next connection when the first was given up", async () => {
    answer = () => frame(FRAME.PING, 0, 0, Buffer.alloc(7));
    assert.equal((await client.unary("Echo")).status, UNAVAILABLE);
    await client.entered("ready", 2);
    assert.equal(Buffer.from((await client.unary("Echo")).body ?? "").toString(), "well");
  });
});
