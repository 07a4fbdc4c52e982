/** A live native server with a client that behaves: whatever is done to the server, that one is answered. */
import assert from "node:assert/strict";
import { systemClock } from "../../sdk/src/call/clock.ts";
import { VirtualClock } from "../../sdk/src/testing/virtual-clock.ts";
import type { Http2Limits } from "../../sdk/src/transport/http2/limits.ts";
import { nativeTransport } from "../../sdk/src/transport/native/native-transport.ts";
import {
  DEFAULT_LIMITS,
  type Listener,
  type ServerMethod,
  type UnaryRespond,
} from "../../sdk/src/transport/transport.ts";
import { RawH2Peer } from "./raw-h2-peer.ts";
import { Connected, OK, streamMethod, unaryMethod } from "./transport-lab.ts";

/** What Big answers with. */
const BIG_BYTES = 1024 * 1024;
/** Calls of the one that behaves, at a time. */
const GOOD_CALLS = 2;

export class AttackLab {
  /** The server's: it stands still unless moved. */
  readonly clock = new VirtualClock();
  /** Hold's handlers that were called and did not answer: cancelling does not stop them. */
  readonly held: UnaryRespond[] = [];
  /** Streams that were opened; Deaf's never ask for a message. */
  streams = 0;
  #listener: Listener | undefined;
  #good: Connected | undefined;
  #answered = 0;
  #stopped = false;
  readonly #loops: Promise<void>[] = [];
  readonly #attackers: RawH2Peer[] = [];

  readonly #dispatch: ReadonlyMap<string, ServerMethod> = new Map([
    unaryMethod("Echo", (_call, body, respond) => respond(OK, body)),
    unaryMethod("Hold", (_call, _body, respond) => this.held.push(respond)),
    unaryMethod("Big", (_call, _body, respond) => respond(OK, Buffer.alloc(BIG_BYTES))),
    streamMethod("Deaf", () => this.streams++),
  ]);

  async start(http2: Partial<Http2Limits> = {}): Promise<this> {
    const address = { host: "127.0.0.1", port: 0 };
    const options = { address, limits: DEFAULT_LIMITS, clock: this.clock };
    this.#listener = await nativeTransport({ http2, minPingIntervalMs: 0 }).listen(options, this.#dispatch);
    this.#good = new Connected(nativeTransport(), this.#listener.address, systemClock);
    await this.#good.reached("ready");
    for (let loop = 0; loop < GOOD_CALLS; loop++) this.#loops.push(this.#keepCalling());
    return this;
  }

  get port(): number {
    return this.#listener?.address.port ?? 0;
  }

  async attacker(...settings: (readonly [number, number])[]): Promise<RawH2Peer> {
    const attacker = await RawH2Peer.client(this.port, ...settings);
    this.#attackers.push(attacker);
    return attacker;
  }

  /** Resolves when the one that behaves has been answered once more from here on. */
  async stillAnswers(): Promise<void> {
    const before = this.#answered;
    while (this.#answered < before + 2 * GOOD_CALLS) await new Promise((resolve) => setImmediate(resolve));
  }

  async stop(): Promise<void> {
    await this.stillAnswers();
    this.#stopped = true;
    await Promise.all(this.#loops);
    this.#good?.connection.close();
    for (const attacker of this.#attackers) attacker.socket.destroy();
    for (const respond of this.held.splice(0)) respond(OK, Buffer.alloc(0));
    const drained = this.#listener?.drain(0);
    this.clock.advance(10_000);
    await drained;
  }

  async #keepCalling(): Promise<void> {
    while (!this.#stopped) {
      const { status, reason } = (await this.#good?.unary("Echo")) ?? assert.fail();
      assert.equal(status, 0, `the one that behaves was answered ${status}: ${reason}`);
      this.#answered++;
    }
  }
}

/** Bytes that the process holds for buffers and objects. */
export function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
