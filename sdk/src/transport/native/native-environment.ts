/** What all connections of one transport on one clock share. */
import type { Clock } from "../../call/clock.ts";
import { type Random, systemRandom } from "../../call/random.ts";
import { completeLimits, type Http2Limits } from "../http2/limits.ts";
import { DeadlineWheel } from "./deadline-wheel.ts";
import type { NativeTransportOptions } from "./native-options.ts";
import { Upkeep } from "./upkeep.ts";

export type CompleteNativeOptions = Required<Omit<NativeTransportOptions, "http2" | "random">>;

const DEFAULTS: CompleteNativeOptions = {
  connectTimeoutMs: 10_000,
  maxConnectionsPerEndpoint: 4,
  keepaliveMs: Infinity,
  keepaliveTimeoutMs: 20_000,
  keepaliveWithoutCalls: false,
  serverKeepaliveMs: 7_200_000,
  minPingIntervalMs: 300_000,
  maxConnectionAgeMs: Infinity,
  maxConnectionAgeGraceMs: Infinity,
  maxConnectionIdleMs: Infinity,
};

export class NativeEnvironment {
  readonly options: CompleteNativeOptions;
  readonly limits: Http2Limits;
  readonly random: Random;
  readonly wheel: DeadlineWheel;
  readonly upkeep: Upkeep;

  constructor(options: NativeTransportOptions, clock: Clock) {
    this.options = { ...DEFAULTS, ...options };
    this.limits = completeLimits(options.http2);
    this.random = options.random ?? systemRandom;
    this.wheel = new DeadlineWheel(clock);
    this.upkeep = new Upkeep(clock);
  }

  /** The shortest time that is watched over at a client's connection. */
  get shortestClientMs(): number {
    const { keepaliveMs, keepaliveTimeoutMs } = this.options;
    return Math.min(this.#shortestMs, keepaliveMs, keepaliveMs === Infinity ? Infinity : keepaliveTimeoutMs);
  }

  /** The same at a server's. */
  get shortestServerMs(): number {
    const { serverKeepaliveMs, maxConnectionAgeMs, maxConnectionAgeGraceMs, maxConnectionIdleMs } = this.options;
    return Math.min(
      this.#shortestMs,
      serverKeepaliveMs,
      maxConnectionAgeMs,
      maxConnectionAgeGraceMs,
      maxConnectionIdleMs,
    );
  }

  get #shortestMs(): number {
    const { handshakeTimeoutMs, settingsTimeoutMs, headerTimeoutMs, stallTimeoutMs } = this.limits;
    return Math.min(handshakeTimeoutMs, settingsTimeoutMs, headerTimeoutMs, stallTimeoutMs);
  }
}
