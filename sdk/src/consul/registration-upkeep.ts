/**
 * Keeps one service registered: a heartbeat every interval on a background timer, a new registration when the agent does
 * not know the check any more or could not be reached. The first heartbeat follows the registration at once, for an
 * agent that restarts brings back only states that a heartbeat has set.
 */
import type { Clock, Timer } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import type { UpkeepState } from "../discovery/registration.ts";
import { deregisterService, passCheck, registerService, type ServiceRegistration } from "./agent-api.ts";
import { backoffMs } from "./backoff.ts";
import type { ConsulHttp } from "./consul-http.ts";

export interface RegistrationUpkeepOptions {
  readonly http: ConsulHttp;
  readonly service: ServiceRegistration;
  /** Milliseconds between heartbeats, at most a third of the check's TTL: two may fail. */
  readonly everyMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger | undefined;
  readonly onUpkeep?: ((state: UpkeepState) => void) | undefined;
}

/** A heartbeat under way may end by itself for so long before we leave without it. */
const STOP_WITHIN_MS = 2_000;

export class RegistrationUpkeep {
  readonly #options: RegistrationUpkeepOptions;
  readonly #abort = new AbortController();
  #timer: Timer | undefined;
  #beating: Promise<void> = Promise.resolve();
  #failures = 0;
  #stopped = false;

  constructor(options: RegistrationUpkeepOptions) {
    this.#options = options;
  }

  /** Registers; rejects with a MeshError and leaves nothing behind when that fails. */
  async start(): Promise<void> {
    const { http, service } = this.#options;
    try {
      await registerService(http, service);
      if ((await passCheck(http, service.Check.CheckID)) === "unknown") throw this.#forgotten();
    } catch (error) {
      // It may have arrived without an answer. If this fails too, the check that nobody passes removes it.
      await deregisterService(http, service.ID, { timeoutMs: STOP_WITHIN_MS }).catch(() => {});
      throw error;
    }
    this.#schedule(this.#options.everyMs);
  }

  /** Resolves once nothing is under way that could register the service again; the process stays alive until then. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    const limit = this.#options.clock.setTimer(() => this.#abort.abort(), STOP_WITHIN_MS);
    await this.#beating;
    limit.cancel();
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.setBackgroundTimer(() => {
      this.#beating = this.#beat();
    }, delayMs);
  }

  /** Never rejects. */
  async #beat(): Promise<void> {
    const { everyMs, random } = this.#options;
    try {
      await this.#keep();
      this.#recovered();
      this.#schedule(everyMs);
    } catch (error) {
      this.#failing(error);
      this.#schedule(backoffMs(this.#failures, everyMs, random));
    }
  }

  async #keep(): Promise<void> {
    const { http, service, everyMs, log } = this.#options;
    const bounds = { timeoutMs: everyMs, upkeep: "background", signal: this.#abort.signal } as const;
    const checkId = service.Check.CheckID;
    if (this.#failures === 0) {
      if ((await passCheck(http, checkId, bounds)) === "passed") return;
      log?.warn("agent has forgotten the instance: registering it again");
    }
    if (this.#stopped) return;
    await registerService(http, service, bounds);
    if ((await passCheck(http, checkId, bounds)) === "unknown") throw this.#forgotten();
  }

  #failing(error: unknown): void {
    if (this.#stopped) return;
    this.#failures++;
    if (this.#failures > 1) return;
    this.#options.log?.warn({ err: error }, "instance cannot be kept registered: trying on");
    this.#options.onUpkeep?.("failing");
  }

  #recovered(): void {
    if (this.#failures === 0) return;
    this.#options.log?.info({ failures: this.#failures }, "instance is registered again");
    this.#failures = 0;
    this.#options.onUpkeep?.("registered");
  }

  #forgotten(): MeshError {
    const { http, service } = this.#options;
    return new MeshError(
      "UNAVAILABLE",
      `consul at ${http.place} does not know check ${service.Check.CheckID} it was just given: ` +
        `set CONSUL_HTTP_ADDR to one agent, not to several behind a load balancer`,
    );
  }
}
