/**
 * The nodes, services and checks that everybody sees, and the indexes that watchers of them compare.
 *
 * Index rules are those of Consul 1.8: one index per service name, moved by its instances, their checks and their nodes;
 * one for all checks, moved by checks and by every deregistration; one for the list of services; one for nodes; and for
 * a service that is not there, the index of the last one to vanish.
 */
import { CatalogError, checkReferences, faultOfNode } from "./catalog-rules.ts";
import { compare } from "./compare.ts";
import { firstIndex, type Journal } from "./journal.ts";
import {
  type CatalogNode,
  type Check,
  type CheckContent,
  type Instance,
  type NodeDescription,
  type Service,
  worst,
} from "./service.ts";
import { Write } from "./write.ts";

export { CatalogError, compare, worst };

/** Topics to watch, one per kind of query. */
export const topics = {
  services: "services",
  nodes: "nodes",
  node: (name: string): string => `node ${key(name)}`,
  nodeChecks: (node: string): string => `checks of node ${key(node)}`,
  health: (service: string): string => `health ${key(service)}`,
  instances: (service: string): string => `instances ${key(service)}`,
  checks: (service: string): string => `checks ${key(service)}`,
  state: (status: string): string => `state ${status}`,
} as const;

/** Consul compares the names of nodes and services without case. */
function key(name: string): string {
  return name.toLowerCase();
}

/** What one write says about a node, its services and checks. */
export interface CatalogRegistration {
  readonly node: NodeDescription;
  /** Leave a node that is there as it is. */
  readonly keepNode?: boolean;
  readonly service?: Service;
  readonly checks?: readonly CheckContent[];
}

/** Told, within the write, when what others rest on is lost. Names of nodes and checks have no case. */
export interface Dependents {
  /** A check turned critical, or is gone. */
  checkLost(write: Write, node: string, checkId: string): void;
  nodeLost(write: Write, node: string): void;
}

/** `extinctions`: the last instance of some service went. */
type Table = "nodes" | "services" | "checks" | "extinctions";

interface Entry {
  node: CatalogNode;
  readonly instances: Map<string, Instance>;
  readonly checks: Map<string, Check>;
  /** The same checks by service ID: a health query of thousands of instances asks for each one's. */
  readonly checksByService: Map<string, Map<string, Check>>;
}

export class Catalog {
  readonly #journal: Journal;
  readonly #entries = new Map<string, Entry>();
  /** The same instances by service. */
  readonly #services = new Map<string, Map<string, Instance>>();
  readonly #serviceIndexes = new Map<string, number>();
  readonly #tableIndexes = new Map<Table, number>();
  #dependents: Dependents | undefined;
  #sorted: { readonly index: number; readonly checks: readonly Check[] } | undefined;

  /** `own` is what the agent itself is; it is there from the start, under {@link firstIndex}. */
  constructor(journal: Journal, own: CatalogRegistration) {
    this.#journal = journal;
    this.#write(new Write(journal, firstIndex), own);
  }

  /** Whom to tell of losses. */
  set dependents(dependents: Dependents) {
    this.#dependents = dependents;
  }

  get servicesIndex(): number {
    return this.#tableIndexes.get("services") ?? firstIndex;
  }

  get checksIndex(): number {
    return this.#tableIndexes.get("checks") ?? firstIndex;
  }

  get nodesIndex(): number {
    return this.#tableIndexes.get("nodes") ?? firstIndex;
  }

  /** The index of queries about one service, whether or not it exists. */
  serviceIndex(name: string): number {
    const own = this.#serviceIndexes.get(key(name));
    if (own !== undefined) return own;
    return this.#tableIndexes.get("extinctions") ?? Math.max(this.servicesIndex, this.checksIndex);
  }

  /**
   * The index of queries about the native instances of one service. Where there are none Consul shows the index of the
   * last service to vanish, even while the service has others.
   */
  nativeIndex(name: string): number {
    if (this.nativeInstances(name).length > 0) return this.serviceIndex(name);
    return this.#tableIndexes.get("extinctions") ?? this.serviceIndex(name);
  }

  /** All nodes, by name. */
  nodes(): CatalogNode[] {
    return [...this.#entries].sort(([a], [b]) => compare(a, b)).map(([, { node }]) => node);
  }

  node(name: string): CatalogNode | undefined {
    return this.#entries.get(key(name))?.node;
  }

  /** All instances, or those of one service, by node and ID. */
  instances(name?: string): Instance[] {
    const found = name === undefined ? this.#allInstances() : [...(this.#services.get(key(name))?.values() ?? [])];
    return found.sort((a, b) => compare(key(a.node.name), key(b.node.name)) || compare(a.service.id, b.service.id));
  }

  /** Those of one service that speak the mesh's TLS themselves, by node and ID. */
  nativeInstances(name: string): Instance[] {
    return this.instances(name).filter(({ service }) => service.connectNative);
  }

  /** The instances on one node, by ID. */
  instancesOn(node: string): Instance[] {
    const found = [...(this.#entries.get(key(node))?.instances.values() ?? [])];
    return found.sort((a, b) => compare(a.service.id, b.service.id));
  }

  instance(node: string, serviceId: string): Instance | undefined {
    return this.#entries.get(key(node))?.instances.get(serviceId);
  }

  check(node: string, id: string): Check | undefined {
    return this.#entries.get(key(node))?.checks.get(id);
  }

  /** All checks, by node and ID. Sorted once for all who ask before the next change. */
  checks(): readonly Check[] {
    const index = this.checksIndex;
    if (this.#sorted?.index !== index) {
      this.#sorted = { index, checks: this.nodes().flatMap(({ name }) => this.checksOn(name)) };
    }
    return this.#sorted.checks;
  }

  /** All checks of one node, those of its services among them, by ID. */
  checksOn(node: string): Check[] {
    return byId(this.#entries.get(key(node))?.checks.values());
  }

  /** What decides an instance's health: the checks of its node, then its own. */
  checksOf({ node, service }: Instance): Check[] {
    const { checksByService } = this.#entries.get(key(node.name)) ?? {};
    return [...byId(checksByService?.get("")?.values()), ...byId(checksByService?.get(service.id)?.values())];
  }

  /**
   * Writes a node, a service and checks, as far as they are new or changed, all under one index. What is the same as
   * before wakes nobody.
   *
   * @throws CatalogError when the parts do not fit together; nothing is written then.
   */
  register(registration: CatalogRegistration): void {
    this.#journal.write((write) => this.registerIn(write, registration));
  }

  removeCheck(node: string, id: string): void {
    this.#journal.write((write) => this.removeCheckIn(write, node, id));
  }

  /** Removes an instance and its checks. */
  deregister(node: string, serviceId: string): void {
    this.#journal.write((write) => this.deregisterIn(write, node, serviceId));
  }

  /** Removes a node with everything on it. */
  deregisterNode(node: string): void {
    this.#journal.write((write) => this.deregisterNodeIn(write, node));
  }

  /** {@link register} as a part of a larger write. @throws CatalogError */
  registerIn(write: Write, registration: CatalogRegistration): void {
    const { node, service, checks = [] } = registration;
    if (registration.keepNode !== true || this.node(node.name) === undefined) {
      const fault = this.#faultOf(node);
      if (fault !== undefined) throw new CatalogError(`failed inserting node: ${fault}`);
    }
    const known = this.#entries.get(key(node.name))?.instances;
    checkReferences(node.name, checks, (id) => id === service?.id || known?.has(id) === true);
    this.#write(write, registration);
  }

  removeCheckIn(write: Write, node: string, id: string): void {
    const entry = this.#entries.get(key(node));
    if (entry !== undefined) this.#dropCheck(write, entry, id);
  }

  deregisterIn(write: Write, node: string, serviceId: string): void {
    const entry = this.#entries.get(key(node));
    const gone = entry?.instances.get(serviceId);
    if (entry !== undefined && gone !== undefined) this.#dropInstance(write, entry, gone);
  }

  deregisterNodeIn(write: Write, node: string): void {
    const entry = this.#entries.get(key(node));
    if (entry !== undefined) this.#dropNode(write, entry);
  }

  /** The node alone. @throws CatalogError when its name belongs to another. */
  putNodeIn(write: Write, node: NodeDescription): void {
    const fault = this.#faultOf(node);
    if (fault !== undefined) throw new CatalogError(fault);
    this.#putNode(write, node, false);
  }

  /** A service of a node that is there. @throws CatalogError when the node is not. */
  putServiceIn(write: Write, node: string, service: Service): void {
    this.#putInstance(write, this.#entryOf(node), service);
  }

  /** A check of a node and a service that are there. @throws CatalogError when one of them is not. */
  putCheckIn(write: Write, node: string, check: CheckContent): void {
    const entry = this.#entryOf(node);
    if (check.serviceId !== "" && !entry.instances.has(check.serviceId)) {
      throw new CatalogError("Missing service registration");
    }
    this.#putCheck(write, entry, check);
  }

  #entryOf(node: string): Entry {
    const entry = this.#entries.get(key(node));
    if (entry === undefined) throw new CatalogError("Missing node registration");
    return entry;
  }

  #faultOf(node: NodeDescription): string | undefined {
    return faultOfNode(node, this.nodes(), (name) => this.check(name, "serfHealth")?.status);
  }

  #write(write: Write, { node, keepNode, service, checks = [] }: CatalogRegistration): void {
    const entry = this.#putNode(write, node, keepNode === true);
    if (service !== undefined) this.#putInstance(write, entry, service);
    for (const check of checks) this.#putCheck(write, entry, check);
  }

  #putNode(write: Write, node: NodeDescription, keep: boolean): Entry {
    const renamed = node.id === "" ? undefined : this.nodes().find(({ id }) => id === node.id);
    if (renamed !== undefined && renamed.name !== node.name && !keep) {
      const entry = this.#entries.get(key(renamed.name));
      if (entry !== undefined) this.#dropNode(write, entry);
    }
    const known = this.#entries.get(key(node.name));
    if (known !== undefined && (keep || sameNode(known.node, node))) return known;
    const createIndex = known?.node.createIndex ?? write.index();
    const written = { ...node, createIndex, modifyIndex: write.index() };
    const entry = known ?? { node: written, instances: new Map(), checks: new Map(), checksByService: new Map() };
    write.set(this.#entries, key(node.name), entry);
    const before = entry.node;
    write.onRollback(() => (entry.node = before));
    entry.node = written;
    for (const instance of entry.instances.values()) {
      this.#keepInstance(write, entry, { ...instance, node: written });
      this.#touch(write, instance.service.name);
      write.wake(topics.instances(instance.service.name));
    }
    this.#move(write, "nodes");
    write.wake(topics.nodes).wake(topics.node(node.name));
    return entry;
  }

  #putInstance(write: Write, entry: Entry, service: Service): void {
    const before = entry.instances.get(service.id);
    if (before !== undefined && JSON.stringify(before.service) === JSON.stringify(service)) return;
    if (before !== undefined && key(before.service.name) !== key(service.name)) this.#forget(write, entry, before);
    const createIndex = before?.createIndex ?? write.index();
    this.#keepInstance(write, entry, { node: entry.node, service, createIndex, modifyIndex: write.index() });
    this.#move(write, "services");
    this.#touch(write, service.name);
    write.wake(topics.services).wake(topics.instances(service.name)).wake(topics.node(entry.node.name));
  }

  #putCheck(write: Write, entry: Entry, content: CheckContent): void {
    const before = entry.checks.get(content.id);
    const owner = entry.instances.get(content.serviceId)?.service;
    const check = { ...content, serviceName: owner?.name ?? "", serviceTags: owner?.tags ?? [] };
    if (before !== undefined && sameCheck(before, check)) return;
    if (before !== undefined && before.serviceId !== check.serviceId) this.#forgetCheck(write, entry, before);
    const createIndex = before?.createIndex ?? write.index();
    const written: Check = { ...check, node: entry.node.name, createIndex, modifyIndex: write.index() };
    write.set(entry.checks, check.id, written);
    const siblings = entry.checksByService.get(check.serviceId) ?? new Map<string, Check>();
    write.set(entry.checksByService, check.serviceId, siblings);
    write.set(siblings, check.id, written);
    this.#announceCheck(write, entry, written);
    if (before !== undefined) write.wake(topics.state(before.status));
    if (check.status === "critical") this.#dependents?.checkLost(write, written.node, written.id);
  }

  #dropCheck(write: Write, entry: Entry, id: string): void {
    const gone = entry.checks.get(id);
    if (gone === undefined) return;
    this.#forgetCheck(write, entry, gone);
    this.#dependents?.checkLost(write, gone.node, gone.id);
  }

  #forgetCheck(write: Write, entry: Entry, gone: Check): void {
    write.delete(entry.checks, gone.id);
    const siblings = entry.checksByService.get(gone.serviceId);
    if (siblings !== undefined) write.delete(siblings, gone.id);
    if (siblings?.size === 0) write.delete(entry.checksByService, gone.serviceId);
    if (gone.serviceId === "") this.#move(write, "services");
    this.#announceCheck(write, entry, gone);
  }

  #dropInstance(write: Write, entry: Entry, gone: Instance): void {
    for (const { id } of byId(entry.checksByService.get(gone.service.id)?.values())) this.#dropCheck(write, entry, id);
    this.#forget(write, entry, gone);
    this.#move(write, "services");
    this.#move(write, "checks");
    write.wake(topics.services).wake(topics.node(entry.node.name));
  }

  #dropNode(write: Write, entry: Entry): void {
    for (const instance of entry.instances.values()) this.#dropInstance(write, entry, instance);
    for (const id of entry.checks.keys()) this.#dropCheck(write, entry, id);
    write.delete(this.#entries, key(entry.node.name));
    this.#move(write, "nodes");
    write.wake(topics.nodes).wake(topics.node(entry.node.name));
    this.#dependents?.nodeLost(write, entry.node.name);
  }

  #keepInstance(write: Write, entry: Entry, instance: Instance): void {
    const { id, name } = instance.service;
    const siblings = this.#services.get(key(name)) ?? new Map<string, Instance>();
    write.set(this.#services, key(name), siblings);
    write.set(siblings, placeOf(instance), instance);
    write.set(entry.instances, id, instance);
  }

  #forget(write: Write, entry: Entry, gone: Instance): void {
    const { name, id } = gone.service;
    write.delete(entry.instances, id);
    const siblings = this.#services.get(key(name));
    if (siblings !== undefined) write.delete(siblings, placeOf(gone));
    this.#touch(write, name);
    write.wake(topics.instances(name));
    if (siblings !== undefined && siblings.size > 0) return;
    write.delete(this.#services, key(name));
    write.delete(this.#serviceIndexes, key(name));
    this.#move(write, "extinctions");
  }

  #announceCheck(write: Write, entry: Entry, check: Check): void {
    this.#move(write, "checks");
    const owner = entry.instances.get(check.serviceId);
    if (check.serviceId === "") for (const { service } of entry.instances.values()) this.#touch(write, service.name);
    else if (owner !== undefined) this.#touch(write, owner.service.name);
    write.wake(topics.checks(check.serviceName)).wake(topics.nodeChecks(entry.node.name));
    write.wake(topics.state(check.status)).wake(topics.state("any"));
  }

  #touch(write: Write, name: string): void {
    write.set(this.#serviceIndexes, key(name), write.index());
    write.wake(topics.health(name));
  }

  #move(write: Write, table: Table): void {
    write.set(this.#tableIndexes, table, write.index());
  }

  #allInstances(): Instance[] {
    return [...this.#entries.values()].flatMap(({ instances }) => [...instances.values()]);
  }
}

/** Tells instances of one service apart. */
function placeOf({ node, service }: Instance): string {
  return `${key(node.name)}\n${service.id}`;
}

function byId(checks: Iterable<Check> | undefined): Check[] {
  return [...(checks ?? [])].sort((a, b) => compare(a.id, b.id));
}

function sameNode({ createIndex: _created, modifyIndex: _modified, ...a }: CatalogNode, b: NodeDescription): boolean {
  return JSON.stringify(a) === JSON.stringify({ ...a, ...b });
}

/** The type does not count, as in Consul. */
function sameCheck(a: Check, b: CheckContent): boolean {
  return (
    a.status === b.status &&
    a.output === b.output &&
    a.name === b.name &&
    a.notes === b.notes &&
    a.serviceId === b.serviceId &&
    a.serviceName === b.serviceName &&
    JSON.stringify([a.serviceTags, a.definition]) === JSON.stringify([b.serviceTags, b.definition])
  );
}
