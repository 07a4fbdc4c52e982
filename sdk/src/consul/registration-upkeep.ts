/**
 * Keeps one service registered: a heartbeat every interval on a background timer, a new registration when the agent does
 * not know the check any more or could not be reached. The first heartbeat follows the registration at once, for an
 * agent that restarts brings back only states that a heartbeat has set. Whoever has put the instance into maintenance
 * ends that too: no registration does.
 */
import type { Clock, Timer } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import type { UpkeepEvent } from "../discovery/registration.ts";
import { deregisterService, maintenanceOf, passCheck, registerService, type ServiceRegistration } from "./agent-api.ts";
import { backoffMs } from "./backoff.ts";
import type { ConsulHttp } from "./consul-http.ts";

export interface RegistrationUpkeepOptions {
  readonly http: ConsulHttp;
  readonly service: ServiceRegistration;
  /** Milliseconds between heartbeats, at most a third of the check's TTL: two may fail. */
  readonly everyMs: number;
  /** Milliseconds without a heartbeat after which Consul takes the instance out. */
  readonly ttlMs: number;
  readonly whenUnreachable: "fail" | "retry";
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger | undefined;
  readonly onUpkeep?: ((event: UpkeepEvent) => void) | undefined;
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
  /** When the next heartbeat should begin. */
  #dueAt = 0;

  constructor(options: RegistrationUpkeepOptions) {
    this.#options = options;
  }

  /** Registers; rejects with a MeshError and leaves nothing behind when that fails for good. */
  async start(): Promise<void> {
    const { http, service, everyMs, random, whenUnreachable } = this.#options;
    try {
      await this.#enter();
      this.#schedule(everyMs);
    } catch (error) {
      if (whenUnreachable === "retry" && error instanceof MeshError && error.code === "UNAVAILABLE") {
        this.#failing(error);
        this.#schedule(backoffMs(this.#failures, everyMs, random));
        return;
      }
      // It may have arrived without an answer. If this fails too, the check that nobody passes removes it.
      await deregisterService(http, service.ID, { timeoutMs: STOP_WITHIN_MS }).catch(() => {});
      throw error;
    }
  }

  /** Resolves once nothing is under way that could register the service again; the process stays alive until then. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    const limit = this.#options.clock.setTimer(() => this.#abort.abort(), STOP_WITHIN_MS);
    await this.#beating;
    limit.cancel();
  }

  async #enter(): Promise<void> {
    const { http, service, log } = this.#options;
    const maintenance = await maintenanceOf(http, service.ID);
    if (maintenance === "on") {
      log?.warn(
        `instance is in maintenance, so nobody will call it: consul maint -disable -service=${service.ID} ends that`,
      );
    }
    // What an earlier process of this id has left beside its heartbeat nobody would keep passing.
    await registerService(http, service, maintenance === "off" ? "remove" : "keep");
    if ((await passCheck(http, service.Check.CheckID)) === "unknown") throw this.#forgotten();
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    this.#dueAt = clock.now() + delayMs;
    this.#timer = clock.setBackgroundTimer(() => {
      this.#noticeStall(clock.now() - this.#dueAt);
      this.#beating = this.#beat();
    }, delayMs);
  }

  /** A timer that fires late was kept waiting by the process itself, which must not be taken for a fault of Consul's. */
  #noticeStall(lateMs: number): void {
    const { everyMs, ttlMs, log, onUpkeep } = this.#options;
    if (lateMs < everyMs) return;
    onUpkeep?.("stalled");
    const missed = lateMs + everyMs > ttlMs ? ", so callers were told that it is dead" : "";
    log?.warn(
      { late_ms: Math.round(lateMs) },
      `event loop was blocked when a heartbeat was due${missed}: find what keeps it busy and move that to a worker thread`,
    );
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
    await registerService(http, service, "keep", bounds);
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
