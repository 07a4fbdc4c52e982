/**
 * A client and servers on the native transport in one process, joined in four ways: by a connection that lasts, by one that
 * is lost again and again, by one that its server asks to end (GOAWAY), and by several that share a server with few
 * streams. It makes calls of every fate and then tells what has remained of them.
 */
import { systemClock } from "../../sdk/src/call/clock.ts";
import type { Random } from "../../sdk/src/call/random.ts";
import { NativeConnection } from "../../sdk/src/transport/native/native-connection.ts";
import { NativeEnvironment } from "../../sdk/src/transport/native/native-environment.ts";
import { ClientSession } from "../../sdk/src/transport/native/client-session.ts";
import { ServerSession } from "../../sdk/src/transport/native/server-session.ts";
import { listenNative } from "../../sdk/src/transport/native/native-listener.ts";
import type { NativeTransportOptions } from "../../sdk/src/transport/native/native-options.ts";
import { type Connection, DEFAULT_LIMITS, type Listener } from "../../sdk/src/transport/transport.ts";
import { setTimeout as delay } from "node:timers/promises";
import { drawFate, type Kind, KINDS } from "./fates.ts";
import { makeCall } from "./fated-call.ts";
import { fatedDispatch } from "./fated-service.ts";
import { LossyRelay } from "./lossy-relay.ts";

/** Calls at a time of each connection. */
const LANES = 64;
/** Long enough for a connection to count as one that lived. */
const MAX_LIFE_MS = 2_500;
const FEW_STREAMS = 20;
/** Calls of 12 ms, resets and GOAWAYs are over by then, unless the machine is very busy. */
const QUIET_WITHIN_MS = 20_000;
const POLL_MS = 10;
const FAILED_PAUSE_MS = 50;

export class LeakLab {
  /** By outcome: "kind STATUS". */
  readonly outcomes = new Map<string, number>();
  readonly #random: Random;
  readonly #environments: NativeEnvironment[] = [];
  readonly #listeners: Listener[] = [];
  readonly #connections: Connection[] = [];
  #relay: LossyRelay | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  get losses(): number {
    return this.#relay?.losses ?? 0;
  }

  async start(): Promise<void> {
    // Cancelling a third of all calls is not what the guard against resets is for.
    const http2 = { resetBurst: 1e9 };
    const lasting = await this.#listen({ http2 });
    const aging = await this.#listen({ http2, maxConnectionAgeMs: MAX_LIFE_MS, maxConnectionAgeGraceMs: 300 });
    const small = await this.#listen({ http2: { ...http2, maxConcurrentStreams: FEW_STREAMS } });
    this.#relay = new LossyRelay(lasting, this.#random);
    const client = this.#environment({});
    for (const port of [lasting, await this.#relay.listen(), aging, small]) {
      const connection = new NativeConnection(
        { host: "127.0.0.1", port },
        { limits: DEFAULT_LIMITS, clock: systemClock, onStateChange: () => {} },
        client,
      );
      connection.connect();
      this.#connections.push(connection);
    }
  }

  /** Makes so many calls of each kind. */
  async run(callsOfEach: number): Promise<void> {
    let left = callsOfEach * KINDS.length;
    this.#relay?.loseEvery(MAX_LIFE_MS);
    const lane = async (connection: Connection): Promise<void> => {
      while (left > 0) {
        const kind = KINDS[left-- % KINDS.length] as Kind;
        const { status, processed } = await makeCall(connection, drawFate(kind, this.#random), systemClock.now());
        const name = `${kind} ${status}`;
        this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + 1);
        if (processed || connection.state === "ready") continue;
        // A connection that waits to dial again fails calls at once: all would be spent on it.
        left++;
        await delay(FAILED_PAUSE_MS);
      }
    };
    await Promise.all(this.#connections.flatMap((one) => Array.from({ length: LANES }, () => lane(one))));
    this.#relay?.calm();
  }

  /** Waits until nothing is under way. Throws what is, if it does not end. */
  async quiet(): Promise<void> {
    const giveUpAt = performance.now() + QUIET_WITHIN_MS;
    for (;;) {
      const busy = this.#remains();
      if (busy.length === 0) return;
      if (performance.now() > giveUpAt) throw new Error(`what was left of calls: ${busy.join("; ")}`);
      await delay(POLL_MS);
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await this.#relay?.close();
    await Promise.all(this.#listeners.map((listener) => listener.drain(1_000)));
  }

  /** Connections that are still looked after. */
  get sessions(): number {
    return this.#sessions().length;
  }

  #remains(): string[] {
    const remains = this.#environments
      .filter(({ wheel }) => wheel.size > 0)
      .map(({ wheel }) => `${wheel.size} deadlines`);
    const sent: number[] = [];
    const received: number[] = [];
    for (const session of this.#sessions()) {
      const { http2 } = session;
      const { send, receive, unreturned, held } = http2.credit;
      const side = session instanceof ClientSession ? "client" : "server";
      const { connectionWindowBytes } = this.#environments[0]!.limits;
      if (http2.streams > 0) remains.push(`${http2.streams} streams at a ${side}`);
      if (http2.orphans > 0) remains.push(`${http2.orphans} streams that are worked on at a ${side}`);
      if (held > 0) remains.push(`${held} bytes held at a ${side}`);
      if (receive + unreturned !== connectionWindowBytes)
        remains.push(`window of ${receive} + ${unreturned} at a ${side}`);
      sent.push(send);
      received.push(receive);
    }
    // Every connection has both its ends here: what one may send is what the other lets it.
    if (sent.sort(byNumber).join() !== received.sort(byNumber).join())
      remains.push(`windows ${sent.join()} and ${received.join()}`);
    return remains;
  }

  #sessions(): (ClientSession | ServerSession)[] {
    return this.#environments.flatMap(({ upkeep }) =>
      [...upkeep.kept].filter((kept) => kept instanceof ClientSession || kept instanceof ServerSession),
    );
  }

  #environment(options: NativeTransportOptions): NativeEnvironment {
    const environment = new NativeEnvironment({ random: this.#random, ...options }, systemClock);
    this.#environments.push(environment);
    return environment;
  }

  async #listen(options: NativeTransportOptions): Promise<number> {
    const address = { host: "127.0.0.1", port: 0 };
    const listen = { address, limits: DEFAULT_LIMITS, clock: systemClock };
    const listener = await listenNative(listen, fatedDispatch(), this.#environment(options));
    this.#listeners.push(listener);
    return listener.address.port;
  }
}

function byNumber(one: number, other: number): number {
  return one - other;
}
