/**
 * Who has the slots of a semaphore, by Consul's recipe (https://developer.hashicorp.com/consul/tutorials/developer-configuration/distributed-semaphore):
 * every contender has a key of its own that its session holds, and one document, changed by comparing it, lists those that
 * have a slot. A slot whose contender's key is gone is free. Pure.
 */
import { z } from "zod";
import { MeshError } from "../call/mesh-error.ts";
import type { Snapshot } from "./coordination-store.ts";

export interface Slots {
  readonly limit: number;
  /** Sessions, in the order in which they came. */
  readonly holders: readonly string[];
}

export type SlotDecision =
  /** The session has a slot. */
  | { readonly kind: "has" }
  /** It gets one by writing this document over that of the index, 0 for none. */
  | { readonly kind: "enter"; readonly document: Uint8Array; readonly index: number }
  | { readonly kind: "full" };

const Document = z.object({ limit: z.int().min(1), holders: z.array(z.string()) });

export function documentKey(prefix: string): string {
  return `${prefix}.holders`;
}

export function contenderKey(prefix: string, session: string): string {
  return prefix + session;
}

/**
 * Whether a session has, may have or has not a slot. Throws FAILED_PRECONDITION when those who have one go by another limit.
 *
 * @param session undefined: anybody.
 */
export function decideSlot(
  prefix: string,
  snapshot: Snapshot,
  limit: number,
  session: string | undefined,
): SlotDecision {
  const { slots, index } = readSlots(prefix, snapshot);
  if (session !== undefined && slots.holders.includes(session)) return { kind: "has" };
  if (slots.holders.length > 0 && slots.limit !== limit) {
    const reason =
      `semaphore at ${prefix} has a limit of ${slots.limit} for those who hold it, and is asked for with ${limit}: ` +
      `give the same limit everywhere, and change it while nobody holds it`;
    throw new MeshError("FAILED_PRECONDITION", reason);
  }
  if (slots.holders.length >= limit) return { kind: "full" };
  const holders = session === undefined ? slots.holders : [...slots.holders, session];
  return { kind: "enter", document: write({ limit, holders }), index };
}

/** The document without the session; undefined when it is not in it. */
export function withoutSlot(
  prefix: string,
  snapshot: Snapshot,
  session: string,
): { readonly document: Uint8Array; readonly index: number } | undefined {
  const { slots, index } = readSlots(prefix, snapshot);
  if (!slots.holders.includes(session)) return undefined;
  return { document: write({ ...slots, holders: slots.holders.filter((one) => one !== session) }), index };
}

/** Those of the document whose contenders live. Throws FAILED_PRECONDITION for a document that is none. */
function readSlots(prefix: string, { entries }: Snapshot): { readonly slots: Slots; readonly index: number } {
  const stored = entries.find(({ key }) => key === documentKey(prefix));
  if (stored === undefined) return { slots: { limit: 0, holders: [] }, index: 0 };
  const alive = new Set(entries.filter(({ key, session }) => key === prefix + session).map(({ session }) => session));
  const { limit, holders } = parse(prefix, stored.value);
  return { slots: { limit, holders: holders.filter((one) => alive.has(one)) }, index: stored.index };
}

function parse(prefix: string, bytes: Uint8Array): Slots {
  try {
    return Document.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch (cause) {
    const reason = `key ${documentKey(prefix)} holds what is no list of holders: delete it while nobody holds a slot`;
    throw new MeshError("FAILED_PRECONDITION", reason, { cause });
  }
}

function write(slots: Slots): Uint8Array {
  return Buffer.from(JSON.stringify(slots));
}
