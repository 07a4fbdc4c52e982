/**
 * Mutated frames by the million against a live native server, over loopback and many connections. Meanwhile a client of
 * the same server is answered every time, and in the end nothing is left: no socket, no handler, no memory.
 *
 *   npm run soak -- --frames 1000000 --seed 7 --connections 16
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { PREFACE } from "../../sdk/src/transport/http2/protocol.ts";
import { nativeTransport } from "../../sdk/src/transport/native/native-transport.ts";
import { DEFAULT_LIMITS, type Listener, type ServerMethod } from "../../sdk/src/transport/transport.ts";
import { GoawayScanner } from "../support/goaway-scanner.ts";
import { settings, SETTINGS_ACK } from "../support/h2-frames.ts";
import { type Draw, drawing, mutate, RandomClient } from "../support/random-h2.ts";
import { Connected, OK, pathOf, streamMethod, unaryMethod } from "../support/transport-lab.ts";

export interface SoakOptions {
  readonly frames: number;
  readonly seed: number;
  readonly connections: number;
}

export interface SoakReport {
  readonly frames: number;
  readonly connections: number;
  /** How they ended, by the code of the server's GOAWAY; "" where it sent none. */
  readonly ends: Readonly<Record<string, number>>;
  /** Calls of the client that behaves. */
  readonly answered: number;
  readonly slowestMs: number;
  /** Calls that the mutated frames made. */
  readonly handled: number;
  /** What the heap and buffers had grown by in the end, a tenth of the frames not counted. */
  readonly grownBytes: number;
  readonly seconds: number;
}

const BIG = Buffer.alloc(100_000);
const NOTHING = Buffer.alloc(0);
const PATHS = ["Echo", "Later", "Big", "Chat", "Hold", "Nobody"].map(pathOf);
/** Of memory that a run may keep: caches of the engine. A connection that leaked has tens of kilobytes, and there are thousands. */
const MAX_GROWN_BYTES = 16 * 1024 * 1024;
/** Both ends of the one connection of the client that behaves. */
const GOOD_SOCKETS = 2;
/** A connection that is never found wrong is left after so many. */
const MAX_FRAMES_EACH = 5000;
/** How long the client that behaves may have to wait for an answer, on a machine that has other things to do. */
const MAX_ANSWER_MS = 10_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Handlers of all sorts, counted while they run. */
class Handlers {
  running = 0;
  handled = 0;

  readonly dispatch: ReadonlyMap<string, ServerMethod> = new Map([
    unaryMethod("Echo", (_call, body, respond) => {
      this.handled++;
      respond(OK, body);
    }),
    unaryMethod("Later", (_call, body, respond) => {
      this.#begin();
      setImmediate(() => {
        respond(OK, body);
        this.running--;
      });
    }),
    unaryMethod("Big", (_call, _body, respond) => {
      this.handled++;
      respond(OK, BIG);
    }),
    unaryMethod("Hold", (call, _body, respond) => {
      this.#begin();
      call.cancellation.onCancel(({ status, reason }) => {
        respond({ status, reason, trailers: OK.trailers }, undefined);
        this.running--;
      });
    }),
    streamMethod("Chat", (chat) => {
      this.#begin();
      let over = false;
      chat.incoming.cancellation.onCancel(() => {
        if (!over) this.running--;
        over = true;
      });
      void (async () => {
        while (!over) {
          chat.stream.request();
          const event = await chat.events.next();
          if (event.startsWith("cancelled")) return;
          if (event !== "half-close") {
            chat.stream.send(Buffer.from(event));
            continue;
          }
          chat.stream.finish(OK);
          if (!over) this.running--;
          over = true;
        }
      })();
    }),
  ]);

  #begin(): void {
    this.handled++;
    this.running++;
  }
}

export async function soak({ frames, seed, connections }: SoakOptions): Promise<SoakReport> {
  const handlers = new Handlers();
  const complaints: unknown[] = [];
  const complain = (what: unknown): void => void complaints.push(what);
  for (const event of ["warning", "uncaughtException", "unhandledRejection"]) process.on(event, complain);
  const options = { address: { host: "127.0.0.1", port: 0 }, limits: DEFAULT_LIMITS, clock: systemClock };
  const listener = await nativeTransport().listen(options, handlers.dispatch);
  const startedAt = systemClock.now();
  const sockets = openSockets();
  const good = new GoodClient(listener);
  try {
    const attackers: Sum = { frames: 0, connections: 0, ends: {} };
    const attack = (count: number, from: number): Promise<unknown> =>
      Promise.all(
        Array.from({ length: connections }, (_, at) =>
          new Attacker(drawing(seed + from + at), listener.address.port, attackers).send(count / connections),
        ),
      );
    await attack(frames / 10, 0);
    const before = await settled(handlers, sockets + GOOD_SOCKETS);
    await attack(frames - attackers.frames, connections);
    const grownBytes = (await settled(handlers, sockets + GOOD_SOCKETS)) - before;
    const seconds = (systemClock.now() - startedAt) / 1000;
    await good.stop();
    await listener.drain(1000);
    await settled(handlers, sockets);
    assert.deepEqual(complaints, []);
    assert.equal(attackers.ends["INTERNAL_ERROR"], undefined, "a connection ended by an error of the server's own");
    assert.ok(grownBytes < MAX_GROWN_BYTES, `memory grew by ${grownBytes} bytes`);
    const { answered, slowestMs } = good;
    return { ...attackers, answered, slowestMs, handled: handlers.handled, grownBytes, seconds };
  } finally {
    for (const event of ["warning", "uncaughtException", "unhandledRejection"]) process.off(event, complain);
  }
}

/** Waits until nothing of the attackers is left; resolves to the bytes in use then. */
async function settled(handlers: Handlers, sockets: number): Promise<number> {
  const until = systemClock.now() + MAX_ANSWER_MS;
  while (handlers.running > 0 || openSockets() > sockets) {
    const what = `${handlers.running} handlers and ${openSockets() - sockets} sockets are left`;
    assert.ok(systemClock.now() < until, what);
    await turn();
  }
  for (let round = 0; round < 3; round++) {
    collect();
    await turn();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === "TCPSocketWrap").length;
}

/** Calls without a pause, one after the other. */
class GoodClient {
  answered = 0;
  slowestMs = 0;
  readonly #connected: Connected;
  readonly #loop: Promise<void>;
  #stopped = false;

  constructor({ address }: Listener) {
    this.#connected = new Connected(nativeTransport(), address, systemClock);
    this.#loop = this.#call();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
    this.#connected.connection.close();
  }

  async #call(): Promise<void> {
    while (!this.#stopped) {
      const at = systemClock.now();
      const text = `call ${this.answered}`;
      const { status, reason, body = NOTHING } = await this.#connected.unary("Echo", Buffer.from(text));
      assert.deepEqual([status, reason, Buffer.from(body).toString()], [0, "", text]);
      this.slowestMs = Math.max(this.slowestMs, systemClock.now() - at);
      assert.ok(this.slowestMs < MAX_ANSWER_MS, `the client that behaves waited ${this.slowestMs} ms`);
      this.answered++;
      await turn();
    }
  }
}

/** What all attackers have done. */
interface Sum {
  frames: number;
  connections: number;
  readonly ends: Record<string, number>;
}

/** Sends what is nearly right, on one connection after the other. */
class Attacker {
  readonly #draw: Draw;
  readonly #port: number;
  readonly #sum: Sum;

  constructor(draw: Draw, port: number, sum: Sum) {
    this.#draw = draw;
    this.#port = port;
    this.#sum = sum;
  }

  async send(frames: number): Promise<void> {
    for (let sent = 0; sent < frames;) sent += await this.#connection(frames - sent);
  }

  async #connection(most: number): Promise<number> {
    const draw = this.#draw;
    const socket = connect({ host: "127.0.0.1", port: this.#port, noDelay: true });
    socket.on("error", () => {});
    await once(socket, "connect");
    this.#sum.connections++;
    const client = new RandomClient(draw, PATHS);
    // Some go wrong soon, and some after long.
    const wrongOneIn = 10 + draw(draw(6) === 0 ? 1000 : 60);
    const scanner = new GoawayScanner();
    socket.on("data", (chunk: Buffer) => scanner.push(chunk));
    if (draw(20) === 0) socket.pause();
    socket.write(Buffer.concat([PREFACE, settings(), SETTINGS_ACK]));
    let sent = 0;
    while (sent < most && sent < MAX_FRAMES_EACH && scanner.code === "" && socket.readable) {
      const bytes: Buffer[] = [];
      for (let more = 1 + draw(10); more > 0; more--) {
        for (const frame of client.next()) bytes.push(...(draw(wrongOneIn) === 0 ? mutate(draw, frame) : [frame]));
      }
      sent += bytes.length;
      await write(socket, Buffer.concat(bytes), draw);
    }
    this.#sum.frames += sent;
    this.#sum.ends[scanner.code] = (this.#sum.ends[scanner.code] ?? 0) + 1;
    // No socket is left to wait for what may still be on its way: there are thousands.
    if (draw(2) === 0) socket.resetAndDestroy();
    else socket.destroy();
    return sent;
  }
}

/** Some chunks end within a frame. */
async function write(socket: Socket, bytes: Buffer, draw: Draw): Promise<void> {
  const cut = draw(3) === 0 ? draw(bytes.length + 1) : bytes.length;
  socket.write(bytes.subarray(0, cut));
  await turn();
  if (cut < bytes.length) socket.write(bytes.subarray(cut));
  // What the server makes of it comes back in the next turn.
  await turn();
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const { values } = parseArgs({
    options: { frames: { type: "string" }, seed: { type: "string" }, connections: { type: "string" } },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  const report = await soak({
    frames: Number(values.frames ?? 1_000_000),
    seed,
    connections: Number(values.connections ?? 16),
  });
  console.log(JSON.stringify(report));
}
