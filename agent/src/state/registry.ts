/**
 * The agent's own side of registration: its services and checks, maintenance, and services that are removed when they
 * stay critical. It decides; anti-entropy takes it to the catalog.
 */
import { AliasCheck, type AliasView } from "../checks/alias-check.ts";
import { PolledCheck } from "../checks/polled-check.ts";
import type { Probe } from "../checks/probe.ts";
import type { Outcome, Report, RunningCheck } from "../checks/running-check.ts";
import { TtlCheck } from "../checks/ttl-check.ts";
import type { Cancel } from "../clock.ts";
import { AntiEntropy, type AntiEntropyRoom } from "./anti-entropy.ts";
import { topics } from "./catalog.ts";
import type { CheckSpec } from "./check-spec.ts";
import { compare } from "./compare.ts";
import type { Journal } from "./journal.ts";
import type { CheckContent, Service, Status } from "./service.ts";

/** Consul looks for services to remove this often. */
export const reapIntervalMs = 30_000;
/** Consul accepts shorter times and then uses this one. */
export const minDeregisterAfterMs = 60_000;
export const nodeMaintenanceId = "_node_maintenance";

function defaultReason(what: "service" | "node"): string {
  return `Maintenance mode is enabled for this ${what}, but no reason was provided. This is a default message.`;
}

export interface RegistryRoom extends AntiEntropyRoom {
  readonly journal: Journal;
  readonly probe: Probe;
}

type LocalContent = CheckContent & { readonly status: Status };

interface Kept {
  content: LocalContent;
  /** `undefined` for maintenance, which nothing keeps up. */
  readonly running: RunningCheck | undefined;
  readonly deregisterAfterMs: number;
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

/** A check of a service that this agent does not have. */
export class UnknownServiceError extends Error {
  constructor(serviceId: string) {
    super(`ServiceID ${JSON.stringify(serviceId)} does not exist`);
    this.name = "UnknownServiceError";
  }
}

export class Registry {
  readonly #room: RegistryRoom;
  readonly #services = new Map<string, Service>();
  readonly #checks = new Map<string, Kept>();
  readonly #antiEntropy: AntiEntropy;
  #cancelReaper: Cancel;

  constructor(room: RegistryRoom) {
    this.#room = room;
    this.#antiEntropy = new AntiEntropy(room, {
      services: () => this.services(),
      service: (id) => this.service(id),
      checks: () => this.checks(),
      check: (id) => this.check(id),
      adoptTags: (id, tags) => {
        const service = this.#services.get(id);
        if (service !== undefined) this.#services.set(id, { ...service, tags });
      },
    });
    this.#cancelReaper = room.clock.after(reapIntervalMs, () => this.#reap());
  }

  /** By ID. */
  services(): Service[] {
    return [...this.#services.values()].sort((a, b) => compare(a.id, b.id));
  }

  service(id: string): Service | undefined {
    return this.#services.get(id);
  }

  /** By ID, as the agent knows them, with their latest output. */
  checks(): CheckContent[] {
    const contents = [...this.#checks.values()].map(({ content }) => content);
    return contents.sort((a, b) => compare(a.id, b.id));
  }

  check(id: string): CheckContent | undefined {
    return this.#checks.get(id)?.content;
  }

  checksOf(serviceId: string): CheckContent[] {
    return this.checks().filter((check) => check.serviceId === serviceId);
  }

  /**
   * Registers a service or describes it anew. A check that the agent already knows keeps its status and output; checks
   * that are not named again stay unless `replaceChecks` is "replace".
   */
  register(service: Service, specs: readonly CheckSpec[], replaceChecks: "keep" | "replace"): void {
    const isNew = !this.#services.has(service.id);
    const named = new Set<string>();
    const known = this.checksOf(service.id);
    this.#services.set(service.id, service);
    specs.forEach((spec, position) => {
      const id = serviceCheckId(service, spec, position, specs.length);
      named.add(id);
      this.#install(id, spec.name === "" ? `Service '${service.name}' check` : spec.name, spec, service);
    });
    const dropped = replaceChecks === "replace" ? known.filter(({ id }) => !named.has(id)) : [];
    for (const { id } of dropped) this.#forget(id);
    this.#antiEntropy.publish(this.#contents(named), service);
    for (const { id } of dropped) this.#antiEntropy.retractCheck(id);
    this.#startAliases(named);
    if (isNew || named.size > 0 || dropped.length > 0) this.#refreshAliases(service.id);
  }

  /** Removing what is not there is fine. */
  deregister(serviceId: string): void {
    if (!this.#services.delete(serviceId)) return;
    for (const { id } of this.checksOf(serviceId)) this.#forget(id);
    this.#antiEntropy.retractService(serviceId);
    this.#refreshAliases(serviceId);
  }

  /**
   * Registers a check of a service that is there, or of the whole node, or describes it anew.
   *
   * @throws UnknownServiceError when there is no such service.
   */
  registerCheck(id: string, spec: CheckSpec, serviceId: string): void {
    const service = this.#services.get(serviceId);
    if (serviceId !== "" && service === undefined) throw new UnknownServiceError(serviceId);
    this.#install(id, spec.name, spec, service);
    this.#antiEntropy.publish(this.#contents([id]), service);
    this.#startAliases([id]);
    this.#refreshAliases(serviceId);
  }

  /** Removing what is not there is fine. */
  removeCheck(id: string): void {
    const gone = this.check(id);
    if (gone === undefined) return;
    this.#forget(id);
    this.#antiEntropy.retractCheck(id);
    this.#refreshAliases(gone.serviceId);
  }

  /**
   * A heartbeat: the TTL starts again.
   *
   * @throws UnknownTtlError when there is no such TTL check.
   */
  heartbeat(checkId: string, status: Status, output: string): void {
    const running = this.#checks.get(checkId)?.running;
    if (!(running instanceof TtlCheck)) throw new UnknownTtlError(checkId);
    running.heartbeat({ status, output });
  }

  /** Takes one service out of rotation; a second reason for the same maintenance is not recorded. */
  startMaintenance(service: Service, reason: string): void {
    const notes = reason === "" ? defaultReason("service") : reason;
    this.#maintain(serviceMaintenanceId(service.id), "Service Maintenance Mode", notes, service);
  }

  endMaintenance(service: Service): void {
    this.removeCheck(serviceMaintenanceId(service.id));
  }

  /** Takes everything on this node out of rotation. */
  startNodeMaintenance(reason: string): void {
    this.#maintain(nodeMaintenanceId, "Node Maintenance Mode", reason === "" ? defaultReason("node") : reason);
  }

  endNodeMaintenance(): void {
    this.removeCheck(nodeMaintenanceId);
  }

  /** Stops every timer and every attempt under way. The state stays readable. */
  close(): void {
    this.#cancelReaper();
    this.#antiEntropy.close();
    for (const { running } of this.#checks.values()) running?.stop();
  }

  #install(id: string, name: string, spec: CheckSpec, service: Service | undefined): void {
    const known = this.#checks.get(id);
    known?.running?.stop();
    const content: LocalContent = {
      id,
      name,
      notes: spec.notes,
      type: spec.method.kind,
      serviceId: service?.id ?? "",
      serviceName: service?.name ?? "",
      serviceTags: service?.tags ?? [],
      status: known?.content.status ?? spec.status,
      output: known?.content.output ?? "",
    };
    this.#checks.set(id, {
      content,
      running: this.#run(spec, (outcome) => this.#update(id, outcome)),
      deregisterAfterMs: spec.deregisterAfterMs > 0 ? Math.max(spec.deregisterAfterMs, minDeregisterAfterMs) : 0,
      criticalSinceMs: content.status === "critical" ? (known?.criticalSinceMs ?? this.#room.clock.now()) : undefined,
    });
  }

  #run({ method, maxOutputBytes }: CheckSpec, report: Report): RunningCheck {
    const { clock, random, probe } = this.#room;
    switch (method.kind) {
      case "ttl":
        return new TtlCheck({ ttlMs: method.ttlMs, maxOutputBytes, clock, report });
      case "alias":
        return new AliasCheck({
          method,
          view: this.#viewOf(method.node),
          clock,
          report,
          ...this.#watchOf(method.node),
        });
      case "http":
      case "tcp":
      case "grpc":
        return new PolledCheck({ method, maxOutputBytes, clock, random, probe, report });
    }
  }

  #viewOf(node: string): AliasView {
    if (node === "") return { checks: () => this.checks(), hasService: (id) => this.#services.has(id) };
    const { catalog } = this.#room;
    const hasService = (id: string): boolean => catalog.instancesOn(node).some(({ service }) => service.id === id);
    return { checks: () => catalog.checksOn(node), hasService };
  }

  #watchOf(node: string): { watch?: (wake: () => void) => Cancel } {
    const { journal } = this.#room;
    return node === "" ? {} : { watch: (wake) => journal.watch(topics.nodeChecks(node), wake) };
  }

  #update(id: string, { status, output }: Outcome): void {
    const kept = this.#checks.get(id);
    if (kept === undefined) return;
    const before = kept.content;
    kept.criticalSinceMs = status === "critical" ? (kept.criticalSinceMs ?? this.#room.clock.now()) : undefined;
    if (before.status === status && before.output === output) return;
    kept.content = { ...before, status, output };
    if (before.status === status) {
      this.#antiEntropy.publishOutputLater(id);
      return;
    }
    this.#antiEntropy.publish([kept.content], this.#services.get(before.serviceId));
    this.#refreshAliases(before.serviceId);
  }

  #maintain(id: string, name: string, notes: string, service?: Service): void {
    if (this.#checks.has(id)) return;
    const content: LocalContent = {
      id,
      name,
      notes,
      type: "maintenance",
      serviceId: service?.id ?? "",
      serviceName: service?.name ?? "",
      serviceTags: service?.tags ?? [],
      status: "critical",
      output: "",
    };
    const criticalSinceMs = this.#room.clock.now();
    this.#checks.set(id, { content, running: undefined, deregisterAfterMs: 0, criticalSinceMs });
    this.#antiEntropy.publish([content], service);
    this.#refreshAliases(content.serviceId);
  }

  #contents(ids: Iterable<string>): CheckContent[] {
    return [...ids].map((id) => this.check(id)).filter((content) => content !== undefined);
  }

  #startAliases(ids: Iterable<string>): void {
    for (const id of ids) {
      const running = this.#checks.get(id)?.running;
      if (running instanceof AliasCheck) running.refresh();
    }
  }

  /** Only a change of status is told on, so that aliases of each other come to rest. */
  #refreshAliases(serviceId: string): void {
    for (const { running } of this.#checks.values()) {
      if (!(running instanceof AliasCheck)) continue;
      if (running.method.node === "" && running.method.serviceId === serviceId) running.refresh();
    }
  }

  #forget(id: string): void {
    this.#checks.get(id)?.running?.stop();
    this.#checks.delete(id);
  }

  #reap(): void {
    const now = this.#room.clock.now();
    for (const { content, criticalSinceMs, deregisterAfterMs } of this.#checks.values()) {
      if (criticalSinceMs === undefined || deregisterAfterMs === 0 || content.serviceId === "") continue;
      if (now - criticalSinceMs > deregisterAfterMs) this.deregister(content.serviceId);
    }
    this.#cancelReaper = this.#room.clock.after(reapIntervalMs, () => this.#reap());
  }
}

function serviceCheckId(service: Service, spec: CheckSpec, position: number, count: number): string {
  if (spec.id !== "") return spec.id;
  return count === 1 ? `service:${service.id}` : `service:${service.id}:${position + 1}`;
}

function serviceMaintenanceId(serviceId: string): string {
  return `_service_maintenance:${serviceId}`;
}
