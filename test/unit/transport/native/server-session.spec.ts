import assert from "node:assert/strict";
import { once } from "node:events";
import { constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { VirtualClock } from "../../../../sdk/src/testing/virtual-clock.ts";
import type { NativeTransportOptions } from "../../../../sdk/src/transport/native/native-options.ts";
import type { Dispatch, UnaryRespond } from "../../../../sdk/src/transport/transport.ts";
import { Inbox } from "../../../support/inbox.ts";
import { NativeServerLab, RawClient } from "../../../support/native-lab.ts";
import { OK, unaryMethod } from "../../../support/transport-lab.ts";

/** A request of no bytes. */
const EMPTY = Buffer.alloc(5);
const FRAME_HEAD_BYTES = 9;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const SETTINGS_ACK = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]);
const PING = 6;

describe("a native server's connection", () => {
  const held = new Inbox<UnaryRespond>();
  const dispatch: Dispatch = new Map([
    unaryMethod("Echo", (_call, body, respond) => respond(OK, body)),
    unaryMethod("Hold", (call, _body, respond) => {
      call.cancellation.onCancel(({ status, reason }) => respond({ ...OK, status, reason }, undefined));
      held.put(respond);
    }),
  ]);
  let clock: VirtualClock;
  const servers: NativeServerLab[] = [];
  const clients: RawClient[] = [];
  beforeEach(() => (clock = new VirtualClock()));

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    for (const { listener } of servers.splice(0)) await listener.drain(1_000);
  });

  async function serve(options: NativeTransportOptions = {}): Promise<NativeServerLab> {
    const server = await NativeServerLab.listen(dispatch, options, clock);
    servers.push(server);
    return server;
  }

  async function connected(server: NativeServerLab): Promise<RawClient> {
    const client = await RawClient.connect(server.listener.address.port);
    clients.push(client);
    // After this both sides have acknowledged SETTINGS: time may pass.
    await client.ping();
    return client;
  }

  function goaway(client: RawClient): Promise<{ code: number; text: string }> {
    return new Promise((resolve) =>
      client.session.once("goaway", (code: number, _last: number, data?: Buffer) =>
        resolve({ code, text: data?.toString() ?? "" }),
      ),
    );
  }

  async function asked(client: RawClient, name: string): Promise<Record<string, unknown>> {
    const stream = client.request(name);
    stream.end(EMPTY);
    stream.resume();
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    await once(stream, "close");
    return headers;
  }

  describe("that grows old", () => {
    for (const [draw, ageMs] of [
      [0, 54_000],
      [0.5, 60_000],
      [0.999_999, 66_000],
    ] as const) {
      it(`is asked to end after ${ageMs} ms when chance is ${draw}`, async () => {
        const server = await serve({ maxConnectionAgeMs: 60_000, random: () => draw });
        const client = await connected(server);
        let told = false;
        const asked = goaway(client).then((said) => ((told = true), said));
        clock.advance(ageMs - 1_100);
        await client.ping();
        assert.equal(told, false);
        clock.advance(1_200);
        assert.deepEqual(await asked, { code: 0, text: "max_age" });
        await once(client.session, "close");
      });
    }

    it("lets its calls finish for its grace, and is cut then", async () => {
      const options = { maxConnectionAgeMs: 10_000, maxConnectionAgeGraceMs: 5_000, random: () => 0.5 };
      for (const inTime of [true, false]) {
        const server = await serve(options);
        const client = await connected(server);
        const stream = client.request("Hold");
        stream.end(EMPTY);
        stream.resume();
        const respond = await held.next();
        const told = goaway(client);
        clock.advance(10_000);
        await told;
        clock.advance(4_500);
        await turn();
        assert.equal(stream.closed, false);
        const closed = once(stream, "close");
        if (inTime) {
          const trailers = once(stream, "trailers") as Promise<[Record<string, string>]>;
          respond(OK, Buffer.alloc(0));
          assert.equal((await trailers)[0]["grpc-status"], "0");
        } else {
          clock.advance(1_000);
        }
        await closed;
      }
    });

    it("serves what was on its way when it was told", async () => {
      const server = await serve({ maxConnectionAgeMs: 10_000, random: () => 0.5 });
      const client = await connected(server);
      clock.advance(10_000);
      // The client has not read the GOAWAY yet.
      assert.equal((await asked(client, "Echo"))[":status"], 200);
    });
  });

  it("is asked to end when it has had no call for long", async () => {
    const server = await serve({ maxConnectionIdleMs: 5_000 });
    const client = await connected(server);
    let told = false;
    const said = goaway(client).then((words) => ((told = true), words));
    clock.advance(4_000);
    assert.equal((await asked(client, "Echo"))[":status"], 200);
    const stream = client.request("Hold");
    stream.end(EMPTY);
    stream.resume();
    const respond = await held.next();
    clock.advance(20_000);
    await client.ping();
    assert.equal(told, false, "a call was open");
    const closed = once(stream, "close");
    respond(OK, Buffer.alloc(0));
    await closed;
    clock.advance(4_000);
    await client.ping();
    assert.equal(told, false);
    clock.advance(3_000);
    assert.deepEqual(await said, { code: 0, text: "max_idle" });
  });

  it("is told to calm down after three PINGs that come too early", async () => {
    const server = await serve();
    const client = await connected(server);
    const told = goaway(client);
    await client.ping();
    await client.ping();
    client.session.ping(() => {});
    assert.deepEqual(await told, { code: constants.NGHTTP2_ENHANCE_YOUR_CALM, text: "too_many_pings" });
  });

  it("may send PINGs as often as it likes while it is sent something, and now and then otherwise", async () => {
    const server = await serve({ minPingIntervalMs: 1_000 });
    const client = await connected(server);
    for (let call = 0; call < 10; call++) {
      assert.equal((await asked(client, "Echo"))[":status"], 200);
      await client.ping();
    }
    for (let ping = 0; ping < 10; ping++) {
      clock.advance(1_000);
      await client.ping();
    }
    assert.equal(client.session.closed, false);
  });

  it("is sent PINGs when it is silent, and kept when it answers", async () => {
    const server = await serve({ serverKeepaliveMs: 10_000, keepaliveTimeoutMs: 4_000 });
    const client = await connected(server);
    for (let silence = 0; silence < 3; silence++) {
      const pinged = once(client.session, "ping");
      clock.advance(12_000);
      await pinged;
      await asked(client, "Echo");
    }
    assert.equal(server.sessions.length, 1);
  });

  it("is given up when it does not answer", async () => {
    const server = await serve({ serverKeepaliveMs: 4_000, keepaliveTimeoutMs: 2_000 });
    const socket = connect(server.listener.address.port, "127.0.0.1").on("error", () => {});
    const pinged = frameOf(socket, PING);
    const ended = once(socket, "end");
    socket.write(Buffer.concat([PREFACE, EMPTY_SETTINGS, SETTINGS_ACK]));
    while (server.sessions[0]?.http2.ready !== true) await turn();
    clock.advance(5_000);
    await pinged;
    clock.advance(3_000);
    await ended;
    socket.destroy();
    await once(socket, "close");
  });

  it("is given up when no preface comes, or no ACK of SETTINGS", async () => {
    for (const said of [Buffer.alloc(0), PREFACE.subarray(0, 10), PREFACE, Buffer.concat([PREFACE, EMPTY_SETTINGS])]) {
      const server = await serve({ http2: { handshakeTimeoutMs: 2_000, settingsTimeoutMs: 2_000 } });
      const socket = connect(server.listener.address.port, "127.0.0.1").on("error", () => {});
      socket.resume();
      const ended = once(socket, "end");
      socket.write(said);
      while ((server.sessions[0]?.http2.reads ?? 0) < (said.length > 0 ? 1 : 0) || server.sessions.length === 0) {
        await turn();
      }
      clock.advance(1_900);
      assert.equal(server.sessions.length, 1);
      clock.advance(1_000);
      await ended;
      socket.destroy();
      await once(socket, "close");
    }
  });

  it("leaves nothing to be looked after when it ends", async () => {
    const server = await serve();
    const client = await connected(server);
    await asked(client, "Echo");
    const stream = client.request("Hold", { "grpc-timeout": "1H" });
    stream.end(EMPTY);
    await held.next();
    await client.close();
    while (server.sessions.length > 0) await turn();
    assert.equal(server.environment.wheel.size, 0);
  });
});

/** Waits for a frame of a type. */
function frameOf(socket: Socket, type: number): Promise<void> {
  let bytes = Buffer.alloc(0);
  return new Promise((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= FRAME_HEAD_BYTES && bytes.length >= FRAME_HEAD_BYTES + bytes.readUIntBE(0, 3)) {
        if (bytes[3] === type) resolve();
        bytes = bytes.subarray(FRAME_HEAD_BYTES + bytes.readUIntBE(0, 3));
      }
    });
  });
}
