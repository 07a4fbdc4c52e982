/** A connection that its client gives up takes no more calls from that moment, however long its socket lingers. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { systemClock } from "../../../../sdk/src/call/clock.ts";
import { nativeTransport } from "../../../../sdk/src/transport/native/native-transport.ts";
import { Connected } from "../../../support/transport-lab.ts";

const SETTINGS = Buffer.from("000000040000000000", "hex");
const GOAWAY = 7;

describe("a connection that is given up", () => {
  it("is not ready any more when its server hears of it", async () => {
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      // Its client's SETTINGS are never acknowledged.
      if (sockets.length === 1) socket.write(SETTINGS);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const transport = nativeTransport({ http2: { settingsTimeoutMs: 50 } });
    const client = new Connected(transport, { host: "127.0.0.1", port }, systemClock);
    await client.reached("ready");
    let read = Buffer.alloc(0);
    const heard = new Promise<void>((resolve) => {
      sockets[0]?.on("data", (chunk: Buffer) => {
        read = Buffer.concat([read, chunk]);
        if (read.includes(Buffer.of(GOAWAY, 0, 0, 0, 0, 0))) resolve();
      });
    });
    await heard;
    assert.notEqual(client.connection.state, "ready");
    client.connection.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});
