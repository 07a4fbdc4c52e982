/**
 * Keeps what the catalog says of this agent's node equal to what the agent knows: changes go there at once, output alone
 * waits, and every now and then everything is compared, because others can write into the catalog too.
 * https://developer.hashicorp.com/consul/docs/architecture/anti-entropy
 */
import type { Cancel, Clock } from "../clock.ts";
import type { Catalog, CatalogRegistration } from "./catalog.ts";
import type { CheckContent, Service } from "./service.ts";

/** Consul's, for a cluster of up to 128 nodes. Up to as much again is added, so that agents do not compare together. */
export const syncIntervalMs = 60_000;
/** Output that changes without the status is published after half of this and a random part of it. */
export const outputIntervalMs = 5 * 60_000;

/** What the agent knows. */
export interface LocalView {
  services(): readonly Service[];
  service(id: string): Service | undefined;
  checks(): readonly CheckContent[];
  check(id: string): CheckContent | undefined;
  /** Somebody changed the tags of a service whose owner allows it. */
  adoptTags(serviceId: string, tags: readonly string[]): void;
}

export interface AntiEntropyRoom {
  readonly catalog: Catalog;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The node with the service and the check that nobody registers. */
  readonly own: CatalogRegistration;
}

export class AntiEntropy {
  readonly #room: AntiEntropyRoom;
  readonly #local: LocalView;
  readonly #waitingOutputs = new Map<string, Cancel>();
  #cancelSync: Cancel;

  constructor(room: AntiEntropyRoom, local: LocalView) {
    this.#room = room;
    this.#local = local;
    this.#cancelSync = this.#arm();
  }

  publish(checks: readonly CheckContent[], service?: Service): void {
    for (const { id } of checks) this.#forgetOutput(id);
    const { catalog, own } = this.#room;
    if (catalog.node(own.node.name) === undefined) catalog.register(own);
    catalog.register({ node: own.node, keepNode: true, ...(service === undefined ? {} : { service }), checks });
  }

  /** The output changed and the status did not: that can wait. */
  publishOutputLater(checkId: string): void {
    if (this.#waitingOutputs.has(checkId)) return;
    const { clock, random } = this.#room;
    const publish = (): void => {
      this.#waitingOutputs.delete(checkId);
      const check = this.#local.check(checkId);
      if (check !== undefined) this.publish([check], this.#local.service(check.serviceId));
    };
    this.#waitingOutputs.set(checkId, clock.after(outputIntervalMs / 2 + random() * outputIntervalMs, publish));
  }

  retractService(id: string): void {
    this.#room.catalog.deregister(this.#nodeName, id);
  }

  retractCheck(id: string): void {
    this.#forgetOutput(id);
    this.#room.catalog.removeCheck(this.#nodeName, id);
  }

  /** Compares everything and writes what differs. */
  sync(): void {
    const { catalog, own } = this.#room;
    const found = catalog.node(this.#nodeName);
    if (found !== undefined && found.id !== own.node.id) catalog.deregisterNode(this.#nodeName);
    catalog.register(own);
    for (const { service } of catalog.instancesOn(this.#nodeName)) {
      const known = this.#local.service(service.id);
      if (known?.enableTagOverride === true) this.#local.adoptTags(service.id, service.tags);
      if (known === undefined && service.id !== own.service?.id) this.retractService(service.id);
    }
    for (const { id } of catalog.checksOn(this.#nodeName)) {
      const isOwn = own.checks?.some((check) => check.id === id) === true;
      if (this.#local.check(id) === undefined && !isOwn) catalog.removeCheck(this.#nodeName, id);
    }
    const checks = this.#local.checks().map((check) => this.#withPublishedOutput(check));
    const node = { node: own.node, keepNode: true };
    for (const service of this.#local.services()) {
      const itsOwn = checks.filter(({ serviceId }) => serviceId === service.id);
      catalog.register({ ...node, service, checks: itsOwn });
    }
    catalog.register({ ...node, checks: checks.filter(({ serviceId }) => serviceId === "") });
  }

  /** Stops every timer. */
  close(): void {
    this.#cancelSync();
    for (const id of this.#waitingOutputs.keys()) this.#forgetOutput(id);
  }

  get #nodeName(): string {
    return this.#room.own.node.name;
  }

  #withPublishedOutput(check: CheckContent): CheckContent {
    const published = this.#room.catalog.check(this.#nodeName, check.id);
    if (published === undefined || !this.#waitingOutputs.has(check.id)) return check;
    return { ...check, output: published.output };
  }

  #forgetOutput(checkId: string): void {
    this.#waitingOutputs.get(checkId)?.();
    this.#waitingOutputs.delete(checkId);
  }

  #arm(): Cancel {
    const { clock, random } = this.#room;
    return clock.after(syncIntervalMs * (1 + random()), () => {
      this.sync();
      this.#cancelSync = this.#arm();
    });
  }
}
