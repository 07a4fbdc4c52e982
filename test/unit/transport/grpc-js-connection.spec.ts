/** What grpc-js does where networks and servers do not behave: the words it uses are held here, since only they tell. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { systemClock as clock } from "../../../sdk/src/call/clock.ts";
import { STATUS_NUMBERS } from "../../../sdk/src/call/status.ts";
import { grpcJsTransport } from "../../../sdk/src/transport/grpc-js/grpc-js-transport.ts";
import { DEFAULT_LIMITS } from "../../../sdk/src/transport/transport.ts";
import { freePort } from "../../support/free-port.ts";
import { Inbox } from "../../support/inbox.ts";
import { Connected, OK, unaryMethod } from "../../support/transport-lab.ts";

const transport = grpcJsTransport();

/** A server that speaks HTTP/2 and does with each call what the test says. */
class RawServer {
  readonly server: Http2Server = createServer();
  readonly sessions: ServerHttp2Session[] = [];
  readonly streams = new Inbox<ServerHttp2Stream>();
  readonly headers = new Map<ServerHttp2Stream, IncomingHttpHeaders>();

  async start(handle: (stream: ServerHttp2Stream, nth: number) => void): Promise<{ host: string; port: number }> {
    let nth = 0;
    this.server.on("session", (session) => this.sessions.push(session));
    this.server.on("stream", (stream, headers) => {
      this.headers.set(stream, headers);
      stream.on("error", () => {});
      handle(stream, nth++);
    });
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return { host: "127.0.0.1", port: (this.server.address() as AddressInfo).port };
  }

  close(): void {
    for (const session of this.sessions) session.destroy();
    this.server.close();
  }
}

/** Headers and status in one, as servers answer that have nothing else to say. */
function trailersOnly(stream: ServerHttp2Stream, status: number, message: string): void {
  const headers = {
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": status,
    "grpc-message": message,
  };
  stream.respond(headers, { endStream: true });
}

/** One empty message and OK. */
function answer(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": 0 }));
  stream.end(Buffer.from([0, 0, 0, 0, 0]));
}

/** Whether each message is compressed: the first byte of its frame (gRPC over HTTP/2, Length-Prefixed-Message). */
function flagsOf(frames: Buffer): number[] {
  const flags: number[] = [];
  for (let at = 0; at < frames.byteLength; at += 5 + frames.readUInt32BE(at + 1)) flags.push(frames.readUInt8(at));
  return flags;
}

describe("a grpc-js connection", () => {
  const connections: Connected[] = [];
  const servers: RawServer[] = [];

  function connectTo(address: { host: string; port: number }): Connected {
    const connected = new Connected(transport, address, clock);
    connections.push(connected);
    return connected;
  }

  async function rawServer(handle: (stream: ServerHttp2Stream, nth: number) => void): Promise<[RawServer, Connected]> {
    const server = new RawServer();
    servers.push(server);
    return [server, await connectTo(await server.start(handle)).reached("ready")];
  }

  afterEach(() => {
    for (const { connection } of connections.splice(0)) connection.close();
    for (const server of servers.splice(0)) server.close();
  });

  it("that is refused fails calls unseen, with the system's own reason alone", async () => {
    const port = await freePort();
    const ended = await (await connectTo({ host: "127.0.0.1", port }).reached("failed")).unary("Echo");
    assert.equal(ended.status, STATUS_NUMBERS.UNAVAILABLE);
    assert.equal(ended.processed, false);
    assert.equal(ended.reason, `no connection: connect ECONNREFUSED 127.0.0.1:${port}`);
  });

  it("to a name that cannot be resolved fails calls unseen", async () => {
    const connected = await connectTo({ host: "no-such-host.invalid", port: 1 }).reached("failed");
    const ended = await connected.unary("Echo");
    assert.equal(ended.status, STATUS_NUMBERS.UNAVAILABLE);
    assert.equal(ended.processed, false);
    assert.match(ended.reason, /^Name resolution failed for target dns:no-such-host.invalid:1/);
  });

  it("whose stream the server refuses fails the call unseen, and the next one goes", async () => {
    const [, client] = await rawServer((stream, nth) => {
      if (nth === 0) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else answer(stream);
    });
    const refused = await client.unary("Echo");
    assert.equal(refused.status, STATUS_NUMBERS.UNAVAILABLE);
    assert.equal(refused.processed, false);
    assert.equal(refused.reason, "Stream refused by server");
    assert.equal((await client.unary("Echo")).status, 0);
  });

  it("takes a server at its word only for the server's own calls: what it passes on was seen", async () => {
    const words = ["No connection established. Last error: null", "Stream refused by server", "Name resolution failed"];
    for (const word of words) {
      const [, client] = await rawServer((stream) => trailersOnly(stream, STATUS_NUMBERS.UNAVAILABLE, word));
      const ended = await client.unary("Echo");
      assert.equal(ended.reason, word);
      assert.equal(ended.processed, true);
      const streamed = client.stream("Chat");
      assert.equal((await streamed.ended).processed, true);
    }
  });

  it("that is cut under a call fails it as seen, and connects again by itself", async () => {
    const arrived = new Inbox<ServerHttp2Stream>();
    const [server, client] = await rawServer((stream) => arrived.put(stream));
    const call = client.unary("Hold");
    await arrived.next();
    server.sessions[0]?.destroy();
    const ended = await call;
    assert.equal(ended.status, STATUS_NUMBERS.UNAVAILABLE);
    assert.equal(ended.processed, true);
    assert.match(ended.reason, /Connection dropped|ECONNRESET/);
    await client.entered("ready", 2);
  });

  it("that is going away finishes its calls and sends new ones over another", async () => {
    const held = new Inbox<ServerHttp2Stream>();
    const [server, client] = await rawServer((stream, nth) => (nth === 0 ? held.put(stream) : answer(stream)));
    const before = client.unary("Hold");
    const stream = await held.next();
    const session = server.sessions[0]!;
    session.goaway(constants.NGHTTP2_NO_ERROR, stream.id);
    await client.entered("ready", 2);
    assert.equal((await client.unary("Echo")).status, 0);
    assert.equal(server.sessions.length, 2);
    answer(stream);
    assert.equal((await before).status, 0);
  });

  it("that is going away without having seen a call fails it unseen", async () => {
    const server = createTcpServer((socket) => goAwayUnseen(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const ended = await (await connectTo({ host: "127.0.0.1", port }).reached("ready")).unary("Echo");
    assert.equal(ended.status, STATUS_NUMBERS.UNAVAILABLE);
    assert.equal(ended.processed, false);
    server.close();
  });

  it("is INTERNAL when a server says OK and sends no message, and when it ends without a status", async () => {
    const [, client] = await rawServer((stream, nth) => {
      if (nth === 0) return trailersOnly(stream, 0, "");
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.end();
    });
    const silent = await client.unary("Echo");
    assert.equal(silent.status, STATUS_NUMBERS.INTERNAL);
    assert.match(silent.reason, /without a response message/);
    assert.notEqual((await client.unary("Echo")).status, 0);
  });

  it("to a process that is killed under a call fails it as seen", async function () {
    this.timeout(20_000);
    const { child, address } = await serverProcess();
    try {
      const client = await connectTo(address).reached("ready");
      const call = client.unary("Hold");
      assert.equal((await once(child.stdout!, "data"))[0].toString().trim(), "held");
      child.kill("SIGKILL");
      const ended = await call;
      assert.equal(ended.status, STATUS_NUMBERS.UNAVAILABLE);
      assert.equal(ended.processed, true);
      await client.reached("failed");
      assert.equal((await client.unary("Hold")).processed, false);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("compresses the messages of the calls that ask for it, save those that are to stay as they are", async () => {
    const server = new RawServer();
    servers.push(server);
    const seen = new Inbox<{ encoding: string | string[] | undefined; flags: number[] }>();
    const address = await server.start((stream) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        seen.put({ encoding: server.headers.get(stream)?.["grpc-encoding"], flags: flagsOf(Buffer.concat(chunks)) });
        answer(stream);
      });
    });
    const client = await connectTo(address).reached("ready");
    const body = Buffer.alloc(1_000, "a");
    assert.equal((await client.unary("Echo", body)).status, 0);
    assert.deepEqual(await seen.next(), { encoding: undefined, flags: [0] });
    assert.equal((await client.unary("Echo", body, { encoding: "gzip" })).status, 0);
    assert.deepEqual(await seen.next(), { encoding: "gzip", flags: [1] });
    const { stream, ended } = client.stream("Chat", { encoding: "gzip" });
    stream.send(body);
    stream.send(body, "identity");
    stream.request();
    stream.end();
    assert.equal((await ended).status, 0);
    assert.deepEqual(await seen.next(), { encoding: "gzip", flags: [1, 0] });
  });

  it("reaches IPv6 addresses", async () => {
    if (!hasIpv6Loopback()) return console.log("      not run: calls over IPv6 need ::1, which this machine has not");
    const options = { address: { host: "::1", port: 0 }, limits: DEFAULT_LIMITS, clock };
    const peers: string[] = [];
    const echo = unaryMethod("Echo", (call, body, respond) => {
      peers.push(call.peer);
      respond(OK, body);
    });
    const listener = await transport.listen(options, new Map([echo]));
    const client = await connectTo(listener.address).reached("ready");
    assert.equal((await client.unary("Echo")).status, 0);
    assert.match(peers[0] ?? "", /::1/);
    client.connection.close();
    await listener.drain(0);
  });

  it("leaves nothing open once it and its server are closed: a process with no more to do ends", async () => {
    const url = (path: string): string => JSON.stringify(new URL(`../../../sdk/src/${path}`, import.meta.url).href);
    const script = `
      import { systemClock as clock } from ${url("call/clock.ts")};
      import { Metadata } from ${url("call/metadata.ts")};
      import { grpcJsTransport } from ${url("transport/grpc-js/grpc-js-transport.ts")};
      import { DEFAULT_LIMITS as limits } from ${url("transport/transport.ts")};
      const transport = grpcJsTransport();
      const method = { service: "lab.Lab", name: "Echo", path: "/lab.Lab/Echo", kind: "unary" };
      const handle = (_call, body, respond) => respond({ status: 0, reason: "", trailers: new Metadata() }, body);
      const methods = new Map([[method.path, { method, kind: "unary", handle }]]);
      const listener = await transport.listen({ address: { host: "127.0.0.1", port: 0 }, limits, clock }, methods);
      const connection = transport.connect(listener.address, { limits, clock, onStateChange: () => {} });
      const call = { path: method.path, metadata: new Metadata(), deadline: Infinity };
      const status = await new Promise((resolve) =>
        connection.unary(call, Buffer.from("x"), { onHeaders() {}, onDone: (outcome) => resolve(outcome.status) }),
      );
      connection.close();
      await listener.drain(1_000);
      console.log("closed after status " + status);`;
    const node = ["--conditions=meshwork-source", "--import", "tsx", "--input-type=module", "-e", script];
    const child = spawn(process.execPath, node, { stdio: ["ignore", "pipe", "inherit"] });
    const [[said], [code]] = await Promise.all([once(child.stdout, "data"), once(child, "exit")]);
    assert.equal(String(said), "closed after status 0\n");
    assert.equal(code, 0);
  });
});

const SETTINGS = 4;
const HEADERS = 1;
const GOAWAY = 7;
const PREFACE_BYTES = 24;
const FRAME_HEADER_BYTES = 9;

/** Answers the first call with a GOAWAY whose last stream is 0 (RFC 9113, section 6.8); node:http2 cannot say so. */
function goAwayUnseen(socket: Socket): void {
  const frame = (type: number, flags: number, payload: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0, 0, payload.byteLength, type, flags, 0, 0, 0, 0]), payload]);
  let received = Buffer.alloc(0);
  let at = PREFACE_BYTES;
  socket.write(frame(SETTINGS, 0, Buffer.alloc(0)));
  socket.on("error", () => {});
  socket.on("data", (data: Buffer) => {
    received = Buffer.concat([received, data]);
    while (received.byteLength >= at + FRAME_HEADER_BYTES) {
      if (received[at + 3] === HEADERS) socket.end(frame(GOAWAY, 0, Buffer.alloc(8)));
      at += FRAME_HEADER_BYTES + received.readUIntBE(at, 3);
    }
  });
}

/** Open sockets and listening servers of this process. */
function hasIpv6Loopback(): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
}

/** A server in a process of its own; it writes "held" when a call has arrived, and never answers. */
async function serverProcess(): Promise<{ child: ChildProcess; address: { host: string; port: number } }> {
  const main = `
    import { createServer } from "node:http2";
    const server = createServer();
    server.on("stream", () => console.log("held"));
    server.listen(0, "127.0.0.1", () => console.log(server.address().port));
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", main], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, address: { host: "127.0.0.1", port: Number(line.toString()) } };
}
