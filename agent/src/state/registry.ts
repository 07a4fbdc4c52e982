/**
 * The agent's side of registration: TTLs that run out, maintenance, and services that are removed when they stay
 * critical. It decides; the catalog keeps.
 */
import type { Cancel, Clock } from "../clock.ts";
import type { Catalog, CheckContent } from "./catalog.ts";
import type { CheckSpec, Service, Status } from "./service.ts";

/** Consul looks for services to remove this often. */
export const reapIntervalMs = 30_000;
/** Consul accepts shorter times and then uses this one. */
export const minDeregisterAfterMs = 60_000;
/** Consul keeps this much of a check's output and says what it cut. */
export const maxOutputBytes = 4_096;

const defaultReason =
  "Maintenance mode is enabled for this service, but no reason was provided. This is a default message.";

/** What the catalog does not need to know of a TTL check. */
interface Ttl {
  readonly ttlMs: number;
  readonly deregisterAfterMs: number;
  cancelExpiry: Cancel;
  /** What the last heartbeat said; a check registered anew starts with nothing. */
  lastOutput: string;
  /** When it turned critical, on the agent's clock; `undefined` while it is not. */
  criticalSinceMs: number | undefined;
}

/** A check that no heartbeat can reach: it does not exist, or it is not a TTL check. */
export class UnknownTtlError extends Error {
  constructor(checkId: string) {
    super(`CheckID ${JSON.stringify(checkId)} does not have associated TTL`);
    this.name = "UnknownTtlError";
  }
}

export class Registry {
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  readonly #ttls = new Map<string, Ttl>();
  #cancelReaper: Cancel;

  constructor(catalog: Catalog, clock: Clock) {
    this.#catalog = catalog;
    this.#clock = clock;
    this.#cancelReaper = clock.after(reapIntervalMs, () => this.#reap());
  }

  /**
   * Registers a service or describes it anew. A check that the agent already knows keeps its status and output; checks
   * that are not named again stay unless `replaceChecks` is "replace".
   */
  register(service: Service, specs: readonly CheckSpec[], replaceChecks: "keep" | "replace"): void {
    const contents = new Map<string, CheckContent>();
    specs.forEach((spec, position) => {
      const id = checkId(service, spec, position, specs.length);
      const content = this.#describe(id, spec, service);
      contents.set(id, content);
      this.#keepTtl(id, spec, content.status);
    });
    const known = this.#catalog.checksOf(service.id);
    const drop = replaceChecks === "replace" ? known.filter(({ id }) => !contents.has(id)).map(({ id }) => id) : [];
    for (const id of drop) this.#forgetTtl(id);
    this.#catalog.register(service, [...contents.values()], drop);
  }

  /** Removing what is not there is fine. */
  deregister(serviceId: string): void {
    for (const { id } of this.#catalog.checksOf(serviceId)) this.#forgetTtl(id);
    this.#catalog.deregister(serviceId);
  }

  /**
   * A heartbeat: the TTL starts again.
   *
   * @throws UnknownTtlError when there is no such TTL check.
   */
  heartbeat(checkId: string, status: Status, output: string): void {
    const ttl = this.#ttls.get(checkId);
    if (ttl === undefined) throw new UnknownTtlError(checkId);
    ttl.lastOutput = truncated(output);
    this.#arm(checkId, ttl);
    this.#setStatus(checkId, ttl, status, ttl.lastOutput);
  }

  /** Takes one service out of rotation; a second reason for the same maintenance is not recorded. */
  startMaintenance(service: Service, reason: string): void {
    const id = maintenanceId(service.id);
    if (this.#catalog.check(id) !== undefined) return;
    this.#catalog.putCheck({
      id,
      name: "Service Maintenance Mode",
      notes: reason === "" ? defaultReason : reason,
      type: "maintenance",
      serviceId: service.id,
      serviceName: service.name,
      serviceTags: service.tags,
      status: "critical",
      output: "",
    });
  }

  endMaintenance(service: Service): void {
    this.#catalog.removeCheck(maintenanceId(service.id));
  }

  /** Stops every timer. The state stays readable. */
  close(): void {
    this.#cancelReaper();
    for (const id of this.#ttls.keys()) this.#forgetTtl(id);
  }

  #describe(id: string, spec: CheckSpec, service: Service): CheckContent {
    const known = this.#catalog.check(id);
    return {
      id,
      name: spec.name === "" ? `Service '${service.name}' check` : spec.name,
      notes: spec.notes,
      type: "ttl",
      serviceId: service.id,
      serviceName: service.name,
      serviceTags: service.tags,
      status: known?.status ?? spec.status,
      output: known?.output ?? "",
    };
  }

  #keepTtl(id: string, spec: CheckSpec, status: Status): void {
    const known = this.#ttls.get(id);
    known?.cancelExpiry();
    const ttl: Ttl = {
      ttlMs: spec.ttlMs,
      deregisterAfterMs: spec.deregisterAfterMs > 0 ? Math.max(spec.deregisterAfterMs, minDeregisterAfterMs) : 0,
      cancelExpiry: () => undefined,
      lastOutput: "",
      criticalSinceMs: status === "critical" ? (known?.criticalSinceMs ?? this.#clock.now()) : undefined,
    };
    this.#ttls.set(id, ttl);
    this.#arm(id, ttl);
  }

  #arm(id: string, ttl: Ttl): void {
    ttl.cancelExpiry();
    ttl.cancelExpiry = this.#clock.after(ttl.ttlMs, () => {
      const follows = ttl.lastOutput === "" ? "" : ` (last output before timeout follows): ${ttl.lastOutput}`;
      this.#setStatus(id, ttl, "critical", `TTL expired${follows}`);
    });
  }

  #setStatus(id: string, ttl: Ttl, status: Status, output: string): void {
    const check = this.#catalog.check(id);
    if (check === undefined) return;
    ttl.criticalSinceMs = status === "critical" ? (ttl.criticalSinceMs ?? this.#clock.now()) : undefined;
    const { createIndex: _created, modifyIndex: _modified, publishedOutput: _published, ...content } = check;
    this.#catalog.putCheck({ ...content, status, output });
  }

  #forgetTtl(id: string): void {
    this.#ttls.get(id)?.cancelExpiry();
    this.#ttls.delete(id);
  }

  #reap(): void {
    const now = this.#clock.now();
    for (const [id, { criticalSinceMs, deregisterAfterMs }] of this.#ttls) {
      if (criticalSinceMs === undefined || deregisterAfterMs === 0) continue;
      if (now - criticalSinceMs <= deregisterAfterMs) continue;
      const check = this.#catalog.check(id);
      if (check !== undefined) this.deregister(check.serviceId);
    }
    this.#cancelReaper = this.#clock.after(reapIntervalMs, () => this.#reap());
  }
}

function checkId(service: Service, spec: CheckSpec, position: number, count: number): string {
  if (spec.id !== "") return spec.id;
  return count === 1 ? `service:${service.id}` : `service:${service.id}:${position + 1}`;
}

function maintenanceId(serviceId: string): string {
  return `_service_maintenance:${serviceId}`;
}

function truncated(output: string): string {
  const bytes = Buffer.from(output);
  if (bytes.length <= maxOutputBytes) return output;
  const kept = bytes.subarray(0, maxOutputBytes).toString();
  return `${kept} ... (captured ${maxOutputBytes} of ${bytes.length} bytes)`;
}
