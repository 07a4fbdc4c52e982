/**
 * Transactions: all operations, one after the other, under one index, or none of them. An operation that fails does not
 * keep the later ones from being tried, so that the caller learns of everything that is wrong.
 */
import { CatalogError, type Catalog } from "./catalog.ts";
import { applyCatalogOperation, faultOfCatalogOperation } from "./catalog-operation.ts";
import type { Journal } from "./journal.ts";
import { applyKeyOperation, faultOfKeyOperation } from "./key-operation.ts";
import type { LockRoom } from "./locks.ts";
import { type Operation, OperationError, type Result } from "./operation.ts";
import { SessionError } from "./sessions.ts";
import type { Write } from "./write.ts";

export interface TransactionRoom extends LockRoom {
  readonly journal: Journal;
  readonly catalog: Catalog;
}

/** Which operation failed, and why. */
export interface Failure {
  readonly position: number;
  readonly why: string;
}

export type Outcome = { readonly results: readonly Result[] } | { readonly failures: readonly Failure[] };

/** @param refusal why who asks may not do an operation. Default: they may do all. */
export function transact(
  room: TransactionRoom,
  operations: readonly Operation[],
  refusal: (operation: Operation) => string | undefined = () => undefined,
): Outcome {
  const faults = collect(operations, (operation) => faultOf(room, operation) ?? refusal(operation));
  if (faults.length > 0) return { failures: faults };
  try {
    return { results: room.journal.write((write) => applyAll(room, write, operations)) };
  } catch (error) {
    if (error instanceof Failed) return { failures: error.failures };
    throw error;
  }
}

class Failed extends Error {
  readonly failures: readonly Failure[];

  constructor(failures: readonly Failure[]) {
    super(`${failures.length} operations failed`);
    this.name = "Failed";
    this.failures = failures;
  }
}

function applyAll(room: TransactionRoom, write: Write, operations: readonly Operation[]): Result[] {
  const results: Result[] = [];
  const failures = collect(operations, (operation) => {
    try {
      results.push(...apply(room, write, operation));
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  });
  if (failures.length > 0) throw new Failed(failures);
  return results;
}

function apply(room: TransactionRoom, write: Write, operation: Operation): Result[] {
  if (operation.kind === "KV") return applyKeyOperation(room, write, operation);
  return applyCatalogOperation(room.catalog, write, operation);
}

function faultOf(room: TransactionRoom, operation: Operation): string | undefined {
  return operation.kind === "KV" ? faultOfKeyOperation(room, operation) : faultOfCatalogOperation(operation);
}

function collect(operations: readonly Operation[], faultOf: (operation: Operation) => string | undefined): Failure[] {
  const failures: Failure[] = [];
  operations.forEach((operation, position) => {
    const why = faultOf(operation);
    if (why !== undefined) failures.push({ position, why });
  });
  return failures;
}

function reasonOf(error: unknown): string {
  const isExpected = error instanceof OperationError || error instanceof CatalogError || error instanceof SessionError;
  if (isExpected) return error.message;
  throw error;
}
