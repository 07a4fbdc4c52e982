/** The operations of a transaction on keys. */
import { type LockRoom, releaseLock, takeLock } from "./locks.ts";
import { OperationError, type OperationOf, quoted, type Result } from "./operation.ts";
import type { Write } from "./write.ts";

type KeyOperation = OperationOf<"KV">;

/** What can be said before anything is tried; lock delays are looked at here, by the clock, and not again. */
export function faultOfKeyOperation({ sessions }: LockRoom, { verb, draft }: KeyOperation): string | undefined {
  const { key } = draft;
  if (key === "" && verb !== "delete-tree") return "Must provide key";
  const isDelayed = verb === "lock" && sessions.lockDelays.isDelayed(key);
  return isDelayed ? `failed to lock key ${quoted(key)} due to lock delay` : undefined;
}

/** @throws OperationError, SessionError */
export function applyKeyOperation(room: LockRoom, write: Write, operation: KeyOperation): Result[] {
  const { keyValue } = room;
  const { verb, draft, index, session } = operation;
  const { key } = draft;
  const name = quoted(key);
  const { entry } = keyValue.get(key);
  const stored = (): Result[] => resultsOf(keyValue.get(key).entry);

  switch (verb) {
    case "set":
      keyValue.set(write, draft, undefined);
      return stored();
    case "cas":
      if (!keyValue.set(write, draft, index)) throw new OperationError(`failed to set key ${name}, index is stale`);
      return stored();
    case "lock":
      if (!takeLock(room, write, draft, session)) {
        throw new OperationError(`failed to lock key ${name}, lock is already held`);
      }
      return stored();
    case "unlock":
      if (!releaseLock(room, write, draft, session)) {
        const why = "lock isn't held, or is held by another session";
        throw new OperationError(`failed to unlock key ${name}, ${why}`);
      }
      return stored();
    case "delete":
      keyValue.delete(write, key, undefined);
      return [];
    case "delete-cas":
      if (!keyValue.delete(write, key, index)) {
        throw new OperationError(`failed to delete key ${name}, index is stale`);
      }
      return [];
    case "delete-tree":
      keyValue.deleteUnder(write, key);
      return [];
    case "get":
      if (entry === undefined) throw new OperationError(`key ${name} doesn't exist`);
      return [{ kind: "KV", entry, value: "shown" }];
    case "get-tree":
      return keyValue.list(key).entries.map((found) => ({ kind: "KV", entry: found, value: "shown" }));
    case "check-index":
      if (entry === undefined) throw new OperationError(`failed to check index, key ${name} doesn't exist`);
      if (BigInt(entry.modifyIndex) !== index) {
        const why = `current modify index ${entry.modifyIndex} != ${index}`;
        throw new OperationError(`failed index check for key ${name}, ${why}`);
      }
      return resultsOf(entry);
    case "check-session":
      if (entry === undefined) throw new OperationError(`failed to check session, key ${name} doesn't exist`);
      if (entry.session !== session) {
        const why = `current session ${quoted(entry.session)} != ${quoted(session)}`;
        throw new OperationError(`failed session check for key ${name}, ${why}`);
      }
      return resultsOf(entry);
    case "check-not-exists":
      if (entry !== undefined) throw new OperationError(`key ${name} exists`);
      return [];
    default:
      throw new OperationError(`unknown KV verb ${quoted(verb)}`);
  }
}

function resultsOf(entry: Extract<Result, { kind: "KV" }>["entry"] | undefined): Result[] {
  return entry === undefined ? [] : [{ kind: "KV", entry, value: "left out" }];
}
