import assert from "node:assert/strict";
import { once } from "node:events";
import { constants, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { STATUS_NUMBERS } from "../../../../sdk/src/call/status.ts";
import { VirtualClock } from "../../../../sdk/src/testing/virtual-clock.ts";
import type { NativeTransportOptions } from "../../../../sdk/src/transport/native/native-options.ts";
import { freePort } from "../../../support/free-port.ts";
import { answer, NativeClientLab, pathAsked, RawServer, socketOf } from "../../../support/native-lab.ts";
import { NO_METADATA, pathOf } from "../../../support/transport-lab.ts";

const { NGHTTP2_REFUSED_STREAM, NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = constants;

describe("a native connection", () => {
  const servers: RawServer[] = [];
  const clients: NativeClientLab[] = [];

  afterEach(async () => {
    for (const { connection } of clients.splice(0)) connection.close();
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  async function serve(settings = {}, port = 0): Promise<RawServer> {
    const server = await RawServer.listen(settings, port);
    servers.push(server);
    return server;
  }

  function client(
    server: RawServer,
    options: NativeTransportOptions = {},
    clock = new VirtualClock(),
  ): NativeClientLab {
    const lab = new NativeClientLab(server.address, options, clock);
    clients.push(lab);
    return lab;
  }

  describe("to a server that allows few streams", () => {
    it("opens no more, and lets calls wait in their order", async () => {
      const server = await serve({ maxConcurrentStreams: 2 });
      const lab = await client(server, { maxConnectionsPerEndpoint: 1 }).ready();
      const names = ["One", "Two", "Three", "Four"];
      const calls = names.map((name) => lab.unary(name));
      const open = [await server.streams.next(), await server.streams.next()];
      await roundTrip(await server.sessions.next());
      assert.equal(server.streams.waiting, 0);
      const paths: string[] = [];
      for (let call = 0; call < calls.length; call++) {
        const stream = open.shift() ?? (await server.streams.next());
        paths.push(pathAsked(stream));
        answer(stream);
        assert.equal((await calls[call]!).status, 0);
      }
      assert.deepEqual(paths, names.map(pathOf));
    });

    it("opens a second connection for what does not fit, and no more than it may", async () => {
      const server = await serve({ maxConcurrentStreams: 1 });
      const lab = await client(server, { maxConnectionsPerEndpoint: 2 }).ready();
      const calls = Array.from({ length: 4 }, () => lab.unary());
      const [one, other] = [await server.streams.next(), await server.streams.next()];
      assert.notEqual(one.session, other.session);
      answer(one);
      answer(other);
      answer(await server.streams.next());
      answer(await server.streams.next());
      for (const call of calls) assert.equal((await call).status, 0);
      assert.equal(server.open, 2);
      assert.equal(lab.sessions.length, 2);
    });

    it("closes the second when it has had nothing to do for 30 s, and keeps the first", async () => {
      const clock = new VirtualClock();
      const server = await serve({ maxConcurrentStreams: 1 });
      const lab = await client(server, {}, clock).ready();
      const calls = [lab.unary(), lab.unary()];
      const sessions = [await settled(server), await settled(server)];
      for (let call = 0; call < 2; call++) answer(await server.streams.next());
      await Promise.all(calls);
      assert.equal(server.open, 2);
      const closed = Promise.race(sessions.map((session) => once(session, "close")));
      clock.advance(29_000);
      await turn();
      assert.equal(server.open, 2);
      clock.advance(3_000);
      await closed;
      assert.equal(server.open, 1);
      assert.equal(lab.connection.state, "ready");
      clock.advance(120_000);
      const call = lab.unary();
      answer(await server.streams.next());
      assert.equal((await call).status, 0);
      assert.equal(lab.changes.waiting, 0);
    });

    it("ends a call that waits at its deadline, or when it is cancelled, as unseen", async () => {
      const clock = new VirtualClock();
      const server = await serve({ maxConcurrentStreams: 1 });
      const lab = await client(server, { maxConnectionsPerEndpoint: 1 }, clock).ready();
      const busy = lab.unary();
      const stream = await server.streams.next();
      const late = lab.unary("Echo", { deadline: clock.now() + 100 });
      let cancelled: ((outcome: { status: number; processed: boolean }) => void) | undefined;
      const gone = new Promise<{ status: number; processed: boolean }>((resolve) => (cancelled = resolve));
      const call = { path: pathOf("Echo"), metadata: NO_METADATA, deadline: Infinity, encoding: "identity" } as const;
      const waits = lab.connection.unary(call, Buffer.from(""), {
        onHeaders() {},
        onDone: (outcome) => cancelled?.(outcome),
      });
      waits.cancel(STATUS_NUMBERS.CANCELLED, "no need");
      clock.advance(105);
      for (const [outcome, status] of [
        [await late, STATUS_NUMBERS.DEADLINE_EXCEEDED],
        [await gone, STATUS_NUMBERS.CANCELLED],
      ] as const) {
        assert.deepEqual([outcome.status, outcome.processed], [status, false]);
      }
      answer(stream);
      assert.equal((await busy).status, 0);
      await roundTrip(await server.sessions.next());
      assert.equal(server.streams.waiting, 0);
    });

    it("waits until the server allows more", async () => {
      const server = await serve({ maxConcurrentStreams: 0 });
      const lab = await client(server, { maxConnectionsPerEndpoint: 1 }).ready();
      const call = lab.unary();
      const session = await server.sessions.next();
      await roundTrip(session);
      assert.equal(server.streams.waiting, 0);
      session.settings({ maxConcurrentStreams: 1 });
      answer(await server.streams.next());
      assert.equal((await call).status, 0);
    });
  });

  describe("whose server sends GOAWAY", () => {
    it("ends calls beyond the last stream as unseen, finishes those before, and dials anew", async () => {
      const clock = new VirtualClock();
      const server = await serve();
      const lab = await client(server, {}, clock).ready();
      const session = await settled(server);
      clock.advance(60_000);
      const [seen, unseen] = [lab.unary("Seen"), lab.unary("Unseen")];
      const stream = await server.streams.next();
      await server.streams.next();
      session.goaway(NGHTTP2_NO_ERROR, stream.id);
      const refused = await unseen;
      assert.deepEqual([refused.status, refused.processed], [STATUS_NUMBERS.UNAVAILABLE, false]);
      assert.match(refused.reason, /GOAWAY NO_ERROR/);
      assert.deepEqual(await lab.until("ready"), ["connecting: GOAWAY NO_ERROR", "ready"]);
      const next = lab.unary("Next");
      const other = await server.streams.next();
      assert.notEqual(other.session, session);
      answer(other);
      answer(stream);
      assert.equal((await next).status, 0);
      assert.equal((await seen).status, 0);
    });

    it("takes a second GOAWAY that names an earlier stream", async () => {
      const server = await serve();
      const lab = await client(server).ready();
      const calls = [lab.unary("One"), lab.unary("Two")];
      const first = await server.streams.next();
      await server.streams.next();
      const session = await server.sessions.next();
      session.goaway(NGHTTP2_NO_ERROR, 2 ** 31 - 1);
      session.goaway(NGHTTP2_NO_ERROR, first.id);
      assert.equal((await calls[1]!).processed, false);
      answer(first);
      assert.equal((await calls[0]!).status, 0);
    });
  });

  it("ends a call that the server refuses as unseen, and one that it resets as seen", async () => {
    const server = await serve();
    const lab = await client(server).ready();
    for (const [code, processed, status] of [
      [NGHTTP2_REFUSED_STREAM, false, STATUS_NUMBERS.UNAVAILABLE],
      [NGHTTP2_ENHANCE_YOUR_CALM, true, STATUS_NUMBERS.RESOURCE_EXHAUSTED],
      [constants.NGHTTP2_INTERNAL_ERROR, true, STATUS_NUMBERS.INTERNAL],
    ] as const) {
      const call = lab.unary();
      (await server.streams.next()).close(code);
      const outcome = await call;
      assert.deepEqual([outcome.status, outcome.processed], [status, processed]);
    }
  });

  describe("that is lost", () => {
    it("dials again at once, but waits when two in a row have not lived for a second", async () => {
      const clock = new VirtualClock();
      const server = await serve();
      const lab = await client(server, { random: () => 0 }, clock).ready();
      for (const livedMs of [1_000, 0]) {
        const session = await settled(server);
        clock.advance(livedMs);
        session.close();
        assert.deepEqual(await lab.until("ready"), ["connecting: GOAWAY NO_ERROR", "ready"]);
      }
      (await settled(server)).close();
      assert.deepEqual(await lab.until("failed: GOAWAY NO_ERROR"), ["failed: GOAWAY NO_ERROR"]);
      const { status, processed, reason } = await lab.unary();
      assert.deepEqual([status, processed], [STATUS_NUMBERS.UNAVAILABLE, false]);
      assert.match(reason, /was lost/);
      clock.advance(79);
      assert.equal(lab.connection.state, "failed");
      clock.advance(1);
      assert.deepEqual(await lab.until("ready"), ["connecting", "ready"]);
    });

    it("waits longer each time, up to 5 s, each time ±20 %", async () => {
      const clock = new VirtualClock();
      const draws = [0, 0.5, 0.999_999, 0, 0.5, 0, 0.5, 0, 0.5, 0.5];
      let draw = 0;
      const lab = new NativeClientLab(
        { host: "127.0.0.1", port: await freePort() },
        { random: () => draws[draw++]! },
        clock,
      );
      clients.push(lab);
      lab.connection.connect();
      for (let attempt = 0; attempt < draws.length; attempt++) {
        await lab.until("failed");
        const waitMs = Math.min(100 * 1.6 ** attempt, 5_000) * (0.8 + 0.4 * draws[attempt]!);
        clock.advance(waitMs - 0.01);
        assert.equal(lab.connection.state, "failed", `attempt ${attempt}`);
        clock.advance(0.02);
        assert.equal(lab.connection.state, "connecting", `attempt ${attempt}`);
      }
    });

    it("starts over with short waits once it was well", async () => {
      const clock = new VirtualClock();
      const port = await freePort();
      const lab = new NativeClientLab({ host: "127.0.0.1", port }, { random: () => 0.5 }, clock);
      clients.push(lab);
      lab.connection.connect();
      for (let attempt = 0; attempt < 6; attempt++) {
        await lab.until("failed");
        clock.advance(5_000);
      }
      await lab.until("failed");
      const server = await serve({}, port);
      clock.advance(5_000);
      await lab.until("ready");
      clock.advance(10_000);
      servers.splice(servers.indexOf(server), 1);
      await server.close();
      await lab.until("failed");
      clock.advance(100);
      assert.equal(lab.connection.state, "connecting");
    });

    it("tells why, in the words of gRFC A94", async () => {
      const causes: [(session: ServerHttp2Session) => unknown, string][] = [
        [(session) => session.goaway(NGHTTP2_ENHANCE_YOUR_CALM), "GOAWAY ENHANCE_YOUR_CALM"],
        [(session) => socketOf(session).resetAndDestroy(), "connection reset"],
        [(session) => socketOf(session).end(), "unknown"],
      ];
      for (const [lose, cause] of causes) {
        const server = await serve();
        const lab = await client(server).ready();
        lose(await settled(server));
        assert.deepEqual(await lab.until(`connecting: ${cause}`), [`connecting: ${cause}`]);
      }
      const lab = await client(await serve()).ready();
      lab.connection.close();
      assert.deepEqual(await lab.until("closed: subchannel shutdown"), ["closed: subchannel shutdown"]);
    });

    it("fails calls that were open as seen", async () => {
      const server = await serve();
      const lab = await client(server).ready();
      const call = lab.unary();
      await server.streams.next();
      socketOf(await server.sessions.next()).resetAndDestroy();
      const { status, processed } = await call;
      assert.deepEqual([status, processed], [STATUS_NUMBERS.UNAVAILABLE, true]);
    });
  });

  describe("that is silent", () => {
    it("is given up when no PING is answered while calls are open", async () => {
      const clock = new VirtualClock();
      const server = await serve();
      const lab = await client(server, { keepaliveMs: 10_000, keepaliveTimeoutMs: 2_000 }, clock).ready();
      const call = lab.unary();
      await server.streams.next();
      socketOf(await settled(server)).pause();
      clock.advance(11_000);
      await turn();
      assert.equal(lab.connection.state, "ready");
      clock.advance(3_000);
      const { status, reason } = await call;
      assert.equal(status, STATUS_NUMBERS.UNAVAILABLE);
      assert.match(reason, /did not answer a PING within 2000 ms/);
    });

    it("is kept when PINGs are answered, and sent none while nothing is open", async () => {
      const clock = new VirtualClock();
      const server = await serve();
      const lab = await client(server, { keepaliveMs: 10_000, keepaliveTimeoutMs: 2_000 }, clock).ready();
      const session = await settled(server);
      let pings = 0;
      session.on("ping", () => pings++);
      clock.advance(60_000);
      await roundTrip(session);
      assert.equal(pings, 0);
      const call = lab.unary();
      const stream = await server.streams.next();
      for (let silence = 0; silence < 3; silence++) {
        const pinged = once(session, "ping");
        clock.advance(11_000);
        await pinged;
        await roundTrip(session);
      }
      answer(stream);
      assert.equal((await call).status, 0);
      assert.ok(pings >= 3);
    });

    it("is sent PINGs for as long as it is idle where that is asked for", async () => {
      const clock = new VirtualClock();
      const server = await serve();
      const lab = await client(server, { keepaliveMs: 10_000, keepaliveWithoutCalls: true }, clock).ready();
      const session = await settled(server);
      for (let silence = 0; silence < 6; silence++) {
        const pinged = once(session, "ping");
        clock.advance(12_000);
        await pinged;
        await roundTrip(session);
      }
      assert.equal(lab.connection.state, "ready");
    });

    it("sends PINGs half as often once the server has called them too many", async () => {
      const clock = new VirtualClock();
      const server = await serve();
      const options = { keepaliveMs: 10_000, keepaliveTimeoutMs: 5_000, keepaliveWithoutCalls: true };
      const lab = await client(server, options, clock).ready();
      clock.advance(2_000);
      const session = await server.sessions.next();
      session.goaway(NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from("too_many_pings"));
      await lab.until("ready");
      const other = await settled(server);
      let pings = 0;
      other.on("ping", () => pings++);
      clock.advance(15_000);
      await roundTrip(other);
      assert.equal(pings, 0);
      const pinged = once(other, "ping");
      // The round trip was a sign of life.
      clock.advance(22_000);
      await pinged;
    });
  });

  it("gives up a server that accepts and says nothing, plain or TLS", async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => sockets.push(socket.on("error", () => {}).resume())).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const { port } = mute.address() as AddressInfo;
    for (const tls of [undefined, {}]) {
      const clock = new VirtualClock();
      const lab = new NativeClientLab({ host: "127.0.0.1", port }, { connectTimeoutMs: 500 }, clock, tls);
      clients.push(lab);
      const accepted = once(mute, "connection");
      const call = lab.unary();
      await accepted;
      clock.advance(499);
      assert.equal(lab.connection.state, "connecting");
      clock.advance(1);
      assert.equal(lab.connection.state, "failed");
      const { processed, reason } = await call;
      assert.equal(processed, false);
      assert.match(reason, /within 500 ms/);
    }
    for (const socket of sockets) socket.destroy();
    mute.close();
    await once(mute, "close");
  });

  it("tells every change of state once, in order", async () => {
    const server = await serve();
    const lab = client(server);
    assert.equal(lab.connection.state, "idle");
    lab.connection.connect();
    lab.connection.connect();
    assert.equal(lab.connection.state, "connecting");
    await lab.until("connecting");
    assert.deepEqual(await lab.until("ready"), ["ready"]);
    lab.connection.close();
    lab.connection.close();
    lab.connection.connect();
    assert.deepEqual(await lab.until("closed: subchannel shutdown"), ["closed: subchannel shutdown"]);
    assert.equal(lab.changes.waiting, 0);
  });

  it("leaves no timer when it is closed, whatever it was at", async () => {
    const server = await serve();
    for (const moment of ["connecting", "ready", "failed"] as const) {
      const clock = new VirtualClock();
      const to = moment === "failed" ? { host: "127.0.0.1", port: await freePort() } : server.address;
      const lab = new NativeClientLab(to, {}, clock);
      lab.connection.connect();
      await lab.until(moment);
      const closed = moment === "ready" ? once(await server.sessions.next(), "close") : undefined;
      lab.connection.close();
      await closed;
      while (lab.sessions.length > 0) await turn();
      assert.equal(clock.pending, 0, moment);
    }
  });

  it("gives a call to a connection that is not there yet a way to come", async () => {
    const server = await serve();
    const lab = client(server, {}, new VirtualClock());
    const call = lab.unary("Echo", { deadline: 10_000 });
    answer(await server.streams.next());
    assert.equal((await call).status, 0);
  });
});

/** What was sent before has been read by the client, and what it sent upon that has come. */
function roundTrip(session: ServerHttp2Session): Promise<void> {
  return new Promise((resolve) => session.ping(() => resolve()));
}

/** The next session, once SETTINGS of both sides have been acknowledged: only then may time pass. */
async function settled(server: RawServer): Promise<ServerHttp2Session> {
  const session = await server.sessions.next();
  // The first PING may leave before the client's SETTINGS have come.
  await roundTrip(session);
  await roundTrip(session);
  return session;
}
