/** The operations of a transaction on nodes, services and checks. */
import { faultOfMeta } from "../json/registration.ts";
import type { Catalog } from "./catalog.ts";
import { OperationError, type OperationOf, quoted, type Result } from "./operation.ts";
import { faultOfUuid } from "./uuid.ts";
import type { Write } from "./write.ts";

type CatalogOperation = OperationOf<"Node" | "Service" | "Check">;

/** What can be said before anything is tried. Reading is never refused here. */
export function faultOfCatalogOperation(operation: CatalogOperation): string | undefined {
  if (operation.verb === "get") return undefined;
  if (operation.kind === "Node") {
    const { name, id } = operation.node;
    if (name === "") return "Must provide node";
    const fault = faultOfUuid(id);
    return fault === "" ? undefined : `Bad node ID: ${fault}`;
  }
  if (operation.kind === "Service") {
    const { id, name, address } = operation.service;
    if (id !== "" && name === "") return "Must provide service name with ID";
    if (address === "0.0.0.0" || address === "::" || address === "[::]") return "Invalid service address";
  }
  return undefined;
}

/** @throws OperationError, CatalogError */
export function applyCatalogOperation(catalog: Catalog, write: Write, operation: CatalogOperation): Result[] {
  switch (operation.kind) {
    case "Node":
      return applyNodeOperation(catalog, write, operation);
    case "Service":
      return applyServiceOperation(catalog, write, operation);
    case "Check":
      return applyCheckOperation(catalog, write, operation);
  }
}

function applyNodeOperation(catalog: Catalog, write: Write, operation: OperationOf<"Node">): Result[] {
  const { node } = operation;
  const found = (): Result[] => {
    const known = node.id === "" ? catalog.node(node.name) : nodeById(catalog, node.id);
    return known === undefined ? [] : [{ kind: "Node", node: known }];
  };
  return applyVerb(operation, {
    which: `node ${quoted(node.name)}`,
    known: catalog.node(node.name),
    found,
    put: () => catalog.putNodeIn(write, node),
    remove: () => catalog.deregisterNodeIn(write, node.name),
  });
}

function applyServiceOperation(catalog: Catalog, write: Write, operation: OperationOf<"Service">): Result[] {
  const { verb, node } = operation;
  // Only what is written takes the name for an ID.
  const id = operation.service.id === "" && verb !== "get" ? operation.service.name : operation.service.id;
  const service = { ...operation.service, id };
  const found = (): Result[] => {
    const instance = catalog.instance(node, id);
    return instance === undefined ? [] : [{ kind: "Service", instance }];
  };
  return applyVerb(operation, {
    which: `service ${quoted(id)} on node ${quoted(node)}`,
    known: catalog.instance(node, id),
    found,
    put: () => {
      const fault = faultOfMeta(Object.entries(service.meta));
      if (fault !== "") {
        throw new OperationError(`Invalid Service Meta for node ${node} and serviceID ${id}: ${fault}`);
      }
      if (catalog.node(node) !== undefined) refuseNameless(id, "service");
      catalog.putServiceIn(write, node, service);
    },
    remove: () => catalog.deregisterIn(write, node, id),
  });
}

function applyCheckOperation(catalog: Catalog, write: Write, operation: OperationOf<"Check">): Result[] {
  const { verb, node } = operation;
  const id = operation.check.id === "" && verb !== "get" ? operation.check.name : operation.check.id;
  const found = (): Result[] => {
    const check = catalog.check(node, id);
    return check === undefined ? [] : [{ kind: "Check", check }];
  };
  return applyVerb(operation, {
    which: `check ${quoted(id)} on node ${quoted(node)}`,
    known: catalog.check(node, id),
    found,
    put: () => {
      if (catalog.node(node) !== undefined) refuseNameless(id, "check");
      catalog.putCheckIn(write, node, { ...operation.check, id });
    },
    remove: () => catalog.removeCheckIn(write, node, id),
  });
}

/** What an operation is about, and what its verbs do with it. */
interface Subject {
  /** As errors name it. */
  readonly which: string;
  readonly known: Indexed;
  found(): Result[];
  put(): void;
  remove(): void;
}

function applyVerb({ kind, verb, index }: CatalogOperation, subject: Subject): Result[] {
  const { which, known } = subject;
  switch (verb) {
    case "get":
      return orMissing(subject.found(), `${which} doesn't exist`);
    case "set":
    case "cas":
      if (verb === "cas") refuseStale(mayReplace(known, index), `failed to set ${which}`);
      subject.put();
      return subject.found();
    case "delete":
    case "delete-cas":
      if (verb === "delete-cas") refuseStale(mayDelete(known, index), `failed to delete ${which}`);
      subject.remove();
      return [];
    default:
      throw new OperationError(`unknown ${kind} verb ${quoted(verb)}`);
  }
}

function nodeById(catalog: Catalog, id: string): ReturnType<Catalog["node"]> {
  const fault = faultOfUuid(id);
  if (fault !== "") throw new OperationError(`node lookup by ID failed, wrong UUID: ${fault} for '${id}'`);
  return catalog.nodes().find((node) => node.id.toLowerCase() === id.toLowerCase());
}

type Indexed = { readonly modifyIndex: number } | undefined;

/** An index of 0 means that there must be none yet. */
function mayReplace(known: Indexed, index: bigint): boolean {
  return BigInt(known?.modifyIndex ?? 0) === index;
}

/** What is not there was deleted by somebody else. */
function mayDelete(known: Indexed, index: bigint): boolean {
  return known !== undefined && BigInt(known.modifyIndex) === index;
}

function refuseStale(isCurrent: boolean, what: string): void {
  if (!isCurrent) throw new OperationError(`${what}, index is stale`);
}

function refuseNameless(id: string, what: "service" | "check"): void {
  if (id === "") throw new OperationError(`failed inserting ${what}: object missing primary index`);
}

function orMissing(results: Result[], why: string): Result[] {
  if (results.length === 0) throw new OperationError(why);
  return results;
}
