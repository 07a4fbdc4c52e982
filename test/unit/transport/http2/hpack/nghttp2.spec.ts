/** Our HPACK and that of nghttp2, which node:http2 is made of, over real sockets: each must understand the other. */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as http2 from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import * as fc from "fast-check";
import { HpackDecoder } from "../../../../../sdk/src/transport/http2/hpack/hpack-decoder.ts";
import { HpackEncoder } from "../../../../../sdk/src/transport/http2/hpack/hpack-encoder.ts";
import { encode, type Field, flat, type Way } from "./blocks.ts";
import { ACK, clientStart, frame, FrameReader, headers, settings, SETTINGS } from "./wire.ts";

const LIMITS = { maxListBytes: 256 * 1024, maxFields: 1000 };
const TABLE_SIZES = [4096, 0, 64, 150, 1000, 65_536];
/** A connection for each. */
const RUNS = 25;

const pick = (alphabet: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...alphabet.split("")), { minLength, maxLength }).map((chars) => chars.join(""));

const TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
const VISIBLE = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte).slice(0x21)).replace("\x7f", "");

/** Few enough to come again in later requests; of prefixes that no rule is about. */
const name = fc.oneof(
  fc.constantFrom("x-a", "x-request-id", "traceparent", "grpc-timeout", "user-agent", "accept", "cache-control", "via"),
  pick(TOKEN, 1, 12).map((rest) => `x-${rest}`),
);
const value = fc.oneof(
  fc.constantFrom("1S", "identity,deflate,gzip", "a".repeat(100), "b".repeat(1000)),
  pick("0123456789abcdef-", 1, 60),
  pick(VISIBLE, 0, 30),
  fc.tuple(pick(VISIBLE, 1, 9), pick(VISIBLE, 1, 9)).map((words) => words.join(" ")),
  pick(VISIBLE, 0, 3).map((text) => text.repeat(3000)),
);
const way = fc.constantFrom<Way>("recurring", "recurring", "literal", "secret");
const path = pick("abc/", 0, 5).map((rest) => `/${rest}`);

describe("HPACK beside that of node:http2", () => {
  it("writes what node:http2 reads, under table sizes that change", async () => {
    const server = http2.createServer();
    const received: string[][] = [];
    let expected = 0;
    let arrived = (): void => {};
    let session: http2.ServerHttp2Session | undefined;
    server.on("session", (opened) => (session = opened));
    server.on("stream", (...[stream, , , raw]: [http2.ServerHttp2Stream, unknown, unknown, string[]]) => {
      received.push(raw);
      stream.on("error", () => {});
      stream.respond({ ":status": 200 }, { endStream: true });
      if (received.length === expected) arrived();
    });
    const port = await listening(server);

    const requests = fc.array(
      fc.record({
        tableSize: fc.option(fc.constantFrom(...TABLE_SIZES), { nil: undefined, freq: 3 }),
        fields: fc.array(fc.tuple(name, value, way), { maxLength: 10 }),
        path,
      }),
      { minLength: 1, maxLength: 20 },
    );
    try {
      await fc.assert(
        fc.asyncProperty(requests, fc.boolean(), async (requests, huffman) => {
          received.length = 0;
          const encoder = new HpackEncoder({ huffman });
          const socket = connect(port, "127.0.0.1");
          let told = (): void => {};
          const reader = FrameReader.ofServer({
            settings(size) {
              socket.write(frame(SETTINGS, ACK, 0));
              if (size !== undefined) encoder.setMaxTableBytes(size);
              told();
            },
            block() {},
          });
          const failed = failureOf(socket);
          socket.on("data", (chunk: Buffer) => reader.read(chunk));
          const started = new Promise<void>((resolve) => (told = resolve));
          socket.write(clientStart());
          await Promise.race([started, failed]);
          const sent: string[][] = [];
          for (const [index, request] of requests.entries()) {
            if (request.tableSize !== undefined) {
              const changed = new Promise<void>((resolve) => (told = resolve));
              session?.settings({ headerTableSize: request.tableSize });
              await Promise.race([changed, failed]);
            }
            const fields: Field[] = [
              [":method", "POST", "recurring"],
              [":scheme", "http", "recurring"],
              [":path", request.path, "recurring"],
              [":authority", "localhost", "recurring"],
              ...request.fields,
            ];
            sent.push(flat(fields));
            expected = sent.length;
            const all = new Promise<void>((resolve) => (arrived = resolve));
            socket.write(headers(2 * index + 1, encode(encoder, fields)));
            await Promise.race([all, failed]);
          }
          assert.deepEqual(received, sent);
          socket.destroy();
        }),
        { numRuns: RUNS },
      );
    } finally {
      session?.destroy();
      server.close();
    }
  });

  it("reads what node:http2 writes, Huffman codes and the dynamic table included", async () => {
    const server = createServer();
    const port = await listening(server);
    const requests = fc.array(
      fc.record({ fields: fc.array(fc.tuple(name, value, fc.boolean()), { maxLength: 10 }), path }),
      { minLength: 1, maxLength: 20 },
    );
    try {
      await fc.assert(
        fc.asyncProperty(requests, fc.constantFrom(...TABLE_SIZES), async (requests, tableSize) => {
          const accepted = once(server, "connection") as Promise<[Socket]>;
          const client = http2.connect(`http://127.0.0.1:${port}`, { maxDeflateDynamicTableSize: 65_536 } as object);
          const [socket] = await accepted;
          const failed = Promise.race([failureOf(socket), failureOf(client)]);
          const decoder = new HpackDecoder(tableSize, LIMITS);
          const received: string[][] = [];
          let arrived = (): void => {};
          const reader = FrameReader.ofClient({
            settings() {},
            block(block) {
              received.push(decoder.decode(block, 0, block.length));
              assert.deepEqual([decoder.malformed, decoder.overflowed], ["", false]);
              if (received.length === requests.length) arrived();
            },
          });
          const all = new Promise<void>((resolve, reject) => {
            arrived = resolve;
            socket.on("data", (chunk: Buffer) => {
              try {
                reader.read(chunk);
              } catch (error) {
                reject(error);
              }
            });
          });
          const told = once(client, "remoteSettings");
          socket.write(Buffer.concat([settings(tableSize), frame(SETTINGS, ACK, 0)]));
          await Promise.race([told, failed]);
          const sent = requests.map(({ fields, path }) => {
            const pseudo = { ":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost" };
            // Of a name that comes twice node:http2 takes the last.
            const list = new Map(fields.map(([name, value]) => [name, value]));
            const secrets = fields.filter(([, , secret]) => secret).map(([name]) => name);
            const given = { ...pseudo, ...Object.fromEntries(list), [http2.sensitiveHeaders]: secrets };
            client.request(given, { endStream: true }).on("error", () => {});
            return [...Object.entries(pseudo).flat(), ...[...list].flat()];
          });
          await Promise.race([all, failed]);
          assert.deepEqual(received, sent);
          client.destroy();
          socket.destroy();
        }),
        { numRuns: RUNS },
      );
    } finally {
      server.close();
    }
  });
});

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Rejects when it ends or fails, if anybody still waits for it. */
function failureOf(connection: Socket | http2.ClientHttp2Session): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    connection.on("error", reject);
    connection.on("close", () => reject(new Error("the connection was closed")));
  });
  failure.catch(() => {});
  return failure;
}
