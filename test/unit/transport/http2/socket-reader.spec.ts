/** It stands on what Node keeps for itself, so it is held to it on every Node that is supported. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSocket } from "../../../../sdk/src/transport/http2/socket-reader.ts";
import { duplexPair } from "../../../support/duplex-pair.ts";

interface Read {
  readonly memory: ArrayBufferLike;
  readonly text: string;
}

/** Everything that comes, as it comes. */
function reads(socket: Parameters<typeof readSocket>[0]): Read[] {
  const all: Read[] = [];
  readSocket(socket, (chunk) => void all.push({ memory: chunk.buffer, text: chunk.toString("latin1") }));
  return all;
}

async function pair(server: Server, to: { path: string } | undefined): Promise<[Socket, Socket]> {
  server.listen(to ?? { port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const client = connect(to ?? { port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  const [[accepted]] = await Promise.all([once(server, "connection"), once(client, "connect")]);
  return [client, accepted as Socket];
}

describe("reading a socket", () => {
  let server: Server;
  let client: Socket;
  let accepted: Socket;

  for (const [kind, to] of [
    ["TCP", undefined],
    ["Unix", { path: join(tmpdir(), `socket-reader-${process.pid}.sock`) }],
  ] as const) {
    describe(`of ${kind}`, () => {
      beforeEach(async () => {
        server = createServer();
        [client, accepted] = await pair(server, to);
      });

      afterEach(async () => {
        client.destroy();
        accepted.destroy();
        server.close();
        await once(server, "close");
      });

      it("uses one memory for all sockets, whoever made them", async () => {
        const [atClient, atServer] = [reads(client), reads(accepted)];
        for (const turn of ["one", "two"]) {
          client.write(turn);
          accepted.write(turn);
          while (atClient.length === 0 || atServer.length === 0) await new Promise(setImmediate);
          assert.deepEqual([atClient.at(-1)?.text, atServer.at(-1)?.text], [turn, turn]);
          const memory = atClient[0]?.memory;
          assert.ok([...atClient, ...atServer].every((read) => read.memory === memory));
          atClient.length = 0;
          atServer.length = 0;
        }
      });

      it("brings all that was sent, and the end", async () => {
        const all = reads(accepted);
        const sent = "0123456789".repeat(200_000);
        client.end(sent);
        await once(accepted, "end");
        assert.equal(all.map(({ text }) => text).join(""), sent);
      });

      it("stops while the socket is paused", async () => {
        const all = reads(accepted);
        accepted.pause();
        client.write("x".repeat(20_000_000), () => {});
        const drained = once(client, "drain");
        for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
        assert.equal(all.length, 0);
        accepted.resume();
        await drained;
        assert.ok(all.length > 0);
      });
    });
  }

  it("tells of a connection that is cut", async () => {
    server = createServer();
    [client, accepted] = await pair(server, undefined);
    reads(accepted);
    client.resetAndDestroy();
    const [error] = await once(accepted, "error");
    assert.equal((error as NodeJS.ErrnoException).code, "ECONNRESET");
    server.close();
    await once(server, "close");
  });

  it("takes any duplex, in memory that its stream makes", async () => {
    const [near, far] = duplexPair();
    const all = reads(near);
    far.write("hello");
    while (all.length === 0) await new Promise(setImmediate);
    assert.equal(all[0]?.text, "hello");
  });

  it("misses nothing that a socket has read before", async () => {
    server = createServer();
    [client, accepted] = await pair(server, undefined);
    client.write("early");
    await once(accepted, "readable");
    const all = reads(accepted);
    client.write("late");
    while (all.map(({ text }) => text).join("") !== "earlylate") await new Promise(setImmediate);
    client.destroy();
    accepted.destroy();
    server.close();
    await once(server, "close");
  });
});
