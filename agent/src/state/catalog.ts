/**
 * The services and checks of this one node, and the indexes that watchers of them compare.
 *
 * Consul keeps an agent's local state and the servers' catalog apart and syncs them; with one node they are one, except
 * that a check's output alone is not published (see {@link Check.publishedOutput}). Index rules are those of Consul 1.8:
 * one index per service name, moved by its instances and their checks; one for all checks, moved by checks and by every
 * deregistration; one for the list of services; and for a name that is not there, the index of the last name to vanish.
 */
import { firstIndex, type Journal } from "./journal.ts";
import type { Check, Instance, Service, Status } from "./service.ts";

/** Topics to watch, one per kind of query. */
export const topics = {
  services: "services",
  nodes: "nodes",
  health: (service: string): string => `health ${key(service)}`,
  instances: (service: string): string => `instances ${key(service)}`,
  checks: (service: string): string => `checks ${key(service)}`,
  state: (status: string): string => `state ${status}`,
} as const;

/** Consul compares service names without case. */
function key(service: string): string {
  return service.toLowerCase();
}

/** What a check is apart from its indexes. */
export type CheckContent = Omit<Check, "createIndex" | "modifyIndex" | "publishedOutput">;

export class Catalog {
  readonly ownId: string;
  readonly #journal: Journal;
  readonly #instances = new Map<string, Instance>();
  readonly #checks = new Map<string, Check>();
  /** The same checks by service ID: a health query of thousands of instances asks for each one's. */
  readonly #checksByService = new Map<string, Map<string, Check>>();
  readonly #serviceIndexes = new Map<string, number>();
  #servicesIndex = firstIndex;
  #checksIndex = firstIndex;
  /** 0 until the last instance of some service went. */
  #lastExtinction = 0;

  /** `own` is the service that the agent itself is; it is in the catalog from the start and stays. */
  constructor(journal: Journal, own: Service) {
    this.#journal = journal;
    this.ownId = own.id;
    this.#instances.set(own.id, { service: own, createIndex: firstIndex, modifyIndex: firstIndex });
    this.#serviceIndexes.set(key(own.name), firstIndex);
  }

  get servicesIndex(): number {
    return this.#servicesIndex;
  }

  get checksIndex(): number {
    return this.#checksIndex;
  }

  /** Nodes never change here. */
  get nodesIndex(): number {
    return firstIndex;
  }

  /** The index of queries about one service, whether or not it exists. */
  serviceIndex(name: string): number {
    const own = this.#serviceIndexes.get(key(name));
    if (own !== undefined) return own;
    return this.#lastExtinction > 0 ? this.#lastExtinction : Math.max(this.#servicesIndex, this.#checksIndex);
  }

  /** An instance that somebody registered. */
  registered(id: string): Instance | undefined {
    return id === this.ownId ? undefined : this.#instances.get(id);
  }

  /** All instances, or those of one service, by ID. */
  instances(name?: string): Instance[] {
    const all = [...this.#instances.values()];
    const wanted = name === undefined ? all : all.filter(({ service }) => key(service.name) === key(name));
    return wanted.sort((a, b) => compare(a.service.id, b.service.id));
  }

  check(id: string): Check | undefined {
    return this.#checks.get(id);
  }

  checks(): Check[] {
    return [...this.#checks.values()].sort((a, b) => compare(a.id, b.id));
  }

  checksOf(serviceId: string): Check[] {
    const own = this.#checksByService.get(serviceId);
    return own === undefined ? [] : [...own.values()].sort((a, b) => compare(a.id, b.id));
  }

  /**
   * Writes a service, its new or changed checks, and drops the checks named, all under one index. What is the same as
   * before wakes nobody.
   */
  register(service: Service, checks: readonly CheckContent[], drop: readonly string[]): void {
    const write = this.#begin();
    const before = this.#instances.get(service.id);
    if (before === undefined || !same(before.service, service)) {
      if (before !== undefined && key(before.service.name) !== key(service.name)) this.#forget(before, write);
      this.#instances.set(service.id, {
        service,
        createIndex: before?.createIndex ?? write.index(),
        modifyIndex: write.index(),
      });
      this.#servicesIndex = write.index();
      this.#touch(service.name, write);
      write.wake(topics.services).wake(topics.instances(service.name));
    }
    for (const id of drop) this.#dropCheck(id, write);
    for (const check of checks) this.#putCheck(check, write, "publish");
    this.#end(write);
  }

  /** Adds or changes one check. A change of nothing but the output stays with the agent and wakes nobody. */
  putCheck(check: CheckContent): void {
    const write = this.#begin();
    this.#putCheck(check, write, "keep local");
    this.#end(write);
  }

  removeCheck(id: string): void {
    const write = this.#begin();
    this.#dropCheck(id, write);
    this.#end(write);
  }

  /** Removes an instance and its checks. */
  deregister(id: string): void {
    const gone = this.registered(id);
    if (gone === undefined) return;
    const write = this.#begin();
    for (const check of this.checksOf(id)) this.#dropCheck(check.id, write);
    this.#forget(gone, write);
    this.#servicesIndex = write.index();
    this.#checksIndex = write.index();
    write.wake(topics.services);
    this.#end(write);
  }

  #forget(gone: Instance, write: Write): void {
    const { name, id } = gone.service;
    this.#instances.delete(id);
    this.#touch(name, write);
    write.wake(topics.instances(name));
    if (this.instances(name).length > 0) return;
    this.#serviceIndexes.delete(key(name));
    this.#lastExtinction = write.index();
  }

  #putCheck(check: CheckContent, write: Write, output: "publish" | "keep local"): void {
    const before = this.#checks.get(check.id);
    const known = output === "keep local" || before?.publishedOutput === check.output;
    if (before !== undefined && known && sameExceptOutput(before, check)) {
      this.#keep({ ...before, output: check.output });
      return;
    }
    if (before !== undefined && before.serviceId !== check.serviceId) this.#dropCheck(check.id, write);
    const written: Check = {
      ...check,
      publishedOutput: check.output,
      createIndex: before?.createIndex ?? write.index(),
      modifyIndex: write.index(),
    };
    this.#keep(written);
    this.#announceCheck(written, write);
    if (before !== undefined) write.wake(topics.state(before.status));
  }

  #dropCheck(id: string, write: Write): void {
    const gone = this.#checks.get(id);
    if (gone === undefined) return;
    this.#checks.delete(id);
    const siblings = this.#checksByService.get(gone.serviceId);
    siblings?.delete(id);
    if (siblings?.size === 0) this.#checksByService.delete(gone.serviceId);
    this.#announceCheck(gone, write);
  }

  #keep(check: Check): void {
    this.#checks.set(check.id, check);
    const siblings = this.#checksByService.get(check.serviceId) ?? new Map<string, Check>();
    this.#checksByService.set(check.serviceId, siblings.set(check.id, check));
  }

  #announceCheck(check: Check, write: Write): void {
    this.#checksIndex = write.index();
    if (this.#instances.has(check.serviceId)) this.#touch(check.serviceName, write);
    write.wake(topics.checks(check.serviceName));
    write.wake(topics.state(check.status)).wake(topics.state("any"));
  }

  #touch(name: string, write: Write): void {
    this.#serviceIndexes.set(key(name), write.index());
    write.wake(topics.health(name));
  }

  #begin(): Write {
    return new Write(this.#journal);
  }

  #end(write: Write): void {
    this.#journal.announce(write.woken);
  }
}

/** One write: takes its index only when something really changes, and collects whom to wake when all is done. */
class Write {
  readonly woken = new Set<string>();
  readonly #journal: Journal;
  #index = 0;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  index(): number {
    if (this.#index === 0) this.#index = this.#journal.advance();
    return this.#index;
  }

  wake(topic: string): this {
    this.woken.add(topic);
    return this;
  }
}

function same(a: Service, b: Service): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function sameExceptOutput(a: Check, b: CheckContent): boolean {
  return (
    a.status === b.status &&
    a.name === b.name &&
    a.notes === b.notes &&
    a.type === b.type &&
    a.serviceId === b.serviceId &&
    a.serviceName === b.serviceName &&
    JSON.stringify(a.serviceTags) === JSON.stringify(b.serviceTags)
  );
}

/** The worst of several; a service without checks passes. */
export function worst(statuses: Iterable<Status>): Status {
  let result: Status = "passing";
  for (const status of statuses) {
    if (status === "critical") return status;
    if (status === "warning") result = status;
  }
  return result;
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
