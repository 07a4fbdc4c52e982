import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import type { Address } from "../../../../sdk/src/call/address.ts";
import { systemClock } from "../../../../sdk/src/call/clock.ts";
import { STATUS_NUMBERS } from "../../../../sdk/src/call/status.ts";
import { nativeTransport } from "../../../../sdk/src/transport/native/native-transport.ts";
import {
  DEFAULT_LIMITS,
  type Dispatch,
  type IncomingCall,
  type Listener,
  type TlsOptions,
} from "../../../../sdk/src/transport/transport.ts";
import { testCertificates } from "../../../support/certificates.ts";
import { Inbox } from "../../../support/inbox.ts";
import { NativeClientLab } from "../../../support/native-lab.ts";
import { OK, unaryMethod } from "../../../support/transport-lab.ts";

describe("a native listener", () => {
  const listeners: Listener[] = [];
  const clients: NativeClientLab[] = [];
  const arrived = new Inbox<IncomingCall>();
  let peer = "";
  const dispatch: Dispatch = new Map([
    unaryMethod("Echo", (call, body, respond) => {
      ({ peer } = call);
      respond(OK, body);
    }),
    unaryMethod("Hold", (call, _body, respond) => {
      call.cancellation.onCancel(({ status, reason }) => respond({ ...OK, status, reason }, undefined));
      arrived.put(call);
    }),
  ]);

  afterEach(async () => {
    for (const { connection } of clients.splice(0)) connection.close();
    await Promise.all(listeners.splice(0).map((listener) => listener.drain(0)));
  });

  async function listen(tls?: TlsOptions, host = "127.0.0.1"): Promise<Listener> {
    const options = { address: { host, port: 0 }, limits: DEFAULT_LIMITS, clock: systemClock, tls };
    const listener = await nativeTransport().listen(options, dispatch);
    listeners.push(listener);
    return listener;
  }

  function client(to: Address, tls?: TlsOptions): NativeClientLab {
    const lab = new NativeClientLab(to, {}, systemClock, tls);
    clients.push(lab);
    return lab;
  }

  it("ends every draining when it has ended, also one that came later with less patience", async () => {
    const listener = await listen();
    let cancelled = 0;
    const lab = client(listener.address);
    const held = lab.unary("Hold");
    await arrived.next().then((call) => call.cancellation.onCancel(() => cancelled++));
    const drained = [listener.drain(60_000), listener.drain(10)];
    await Promise.all(drained);
    assert.equal((await held).status, STATUS_NUMBERS.UNAVAILABLE);
    assert.equal(cancelled, 1);
  });

  describe("with TLS", () => {
    const { ca, server, client: caller, strangers } = testCertificates();

    it("carries calls of who shows a certificate it trusts", async () => {
      const { address } = await listen({ ca, ...server });
      for (const to of [address, { ...address, host: "localhost" }]) {
        const { status, body, reason } = await client(to, { ca, ...caller }).unary();
        assert.equal(status, 0, reason);
        assert.equal(Buffer.from(body ?? []).toString(), "hi");
      }
      assert.match(peer, /^127\.0\.0\.1:\d+$/);
    });

    const wrong: readonly (readonly [string, TlsOptions, RegExp])[] = [
      [
        "does not trust the server's authority",
        { ca: strangers.ca, ...caller },
        /not signed by a CA that this side trusts/,
      ],
      ["expects another name", { ca, ...caller, serverName: "elsewhere" }, /is for other names/],
      ["shows no certificate", { ca }, /wants a certificate of this side/],
      ["shows one of another authority", { ca, ...strangers.issue("stranger") }, /not trust this side's certificate/],
    ];
    for (const [who, tls, reason] of wrong) {
      it(`takes no calls of who ${who}, and says so`, async () => {
        const { address } = await listen({ ca, ...server });
        const outcome = await client({ ...address, host: "localhost" }, tls).unary();
        assert.deepEqual([outcome.status, outcome.processed], [STATUS_NUMBERS.UNAVAILABLE, false], outcome.reason);
        assert.match(outcome.reason, reason);
      });
    }

    it("ends connections that do not speak HTTP/2 by ALPN", async () => {
      const { address } = await listen(server);
      for (const ALPNProtocols of [[], ["http/1.1"]]) {
        const socket = connectTls({
          port: address.port,
          host: "127.0.0.1",
          ca,
          servername: "localhost",
          ALPNProtocols,
        });
        // Refused by an alert or by its end, as OpenSSL has it.
        socket.on("error", () => {});
        socket.resume();
        await new Promise((resolve) => socket.once("close", resolve));
      }
      assert.equal((await client({ ...address, host: "localhost" }, { ca }).unary()).status, 0);
    });

    it("ends connections that speak no TLS", async () => {
      const { address } = await listen(server);
      const outcome = await client(address).unary();
      assert.deepEqual([outcome.status, outcome.processed], [STATUS_NUMBERS.UNAVAILABLE, false]);
    });

    it("does not wait for handshakes when it drains", async () => {
      const listener = await listen(server);
      const socket = connect(listener.address.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      await once(socket, "connect");
      // The beginning of a record of a handshake that goes no further.
      socket.write(Buffer.from([0x16, 3, 1]));
      // A call that came through shows that the listener knows of the socket before it.
      assert.equal((await client({ ...listener.address, host: "localhost" }, { ca }).unary()).status, 0);
      const startedAt = performance.now();
      await listener.drain(50);
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < 5_000, `draining took ${tookMs} ms`);
      socket.destroy();
    });
  });

  it("is told by its clients that a server has chosen no ALPN, or speaks no TLS", async () => {
    const { ca, server } = testCertificates();
    const sockets: Socket[] = [];
    for (const [other, reason] of [
      [createTlsServer(server), /does not speak HTTP\/2 over TLS \(ALPN h2\)/],
      [createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")), /TLS/],
    ] as const) {
      other.on("connection", (socket: Socket) => sockets.push(socket.on("error", () => {})));
      other.listen(0, "127.0.0.1");
      await once(other, "listening");
      const { port } = other.address() as AddressInfo;
      const outcome = await client({ host: "localhost", port }, { ca }).unary();
      assert.deepEqual([outcome.status, outcome.processed], [STATUS_NUMBERS.UNAVAILABLE, false]);
      assert.match(outcome.reason, reason);
      for (const socket of sockets) socket.destroy();
      other.close();
      await once(other, "close");
    }
  });

  describe("at a Unix socket", () => {
    let folder = "";
    before(() => (folder = mkdtempSync(join(tmpdir(), "mesh-"))));
    after(() => rmSync(folder, { recursive: true }));

    it("carries calls, and removes its file when it has drained", async () => {
      const host = join(folder, "calls.sock");
      const listener = await listen(undefined, host);
      assert.deepEqual(listener.address, { host, port: 0 });
      assert.equal((await client(listener.address).unary()).status, 0);
      assert.equal(peer, "unix:");
      await listener.drain(1_000);
      assert.equal(existsSync(host), false);
    });

    it("carries calls over TLS", async () => {
      const { ca, server } = testCertificates();
      const listener = await listen(server, join(folder, "tls.sock"));
      const { status, reason } = await client(listener.address, { ca }).unary();
      assert.equal(status, 0, reason);
    });

    it("refuses to listen where there is a file, whether somebody listens there or not", async () => {
      const taken = join(folder, "taken.sock");
      await listen(undefined, taken);
      await assert.rejects(listen(undefined, taken), /the file exists/);
      const stale = join(folder, "stale.sock");
      const killed = `require("node:net").createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 9))`;
      spawnSync(process.execPath, ["--eval", killed]);
      await assert.rejects(listen(undefined, stale), /the file exists.*rm /);
      rmSync(stale);
      await listen(undefined, stale);
    });

    it("fails calls as unseen where there is none", async () => {
      const { status, processed, reason } = await client({ host: join(folder, "none.sock"), port: 0 }).unary();
      assert.deepEqual([status, processed], [STATUS_NUMBERS.UNAVAILABLE, false]);
      assert.match(reason, /ENOENT/);
    });
  });
});
