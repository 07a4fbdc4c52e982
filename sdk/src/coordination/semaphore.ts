/** A semaphore among processes: so many hold it at a time, by the rules of slots.ts. */
import { MeshError } from "../call/mesh-error.ts";
import type { Acquirable } from "./acquirable.ts";
import type { Contest } from "./contest.ts";
import type { CoordinationStore, LockAttempt, StoreBounds } from "./coordination-store.ts";
import type { Held } from "./hold.ts";
import { contenderKey, decideSlot, documentKey, withoutSlot } from "./slots.ts";

/**
 * A slot that is held, as long as it is. It has no token to fence with: those who hold at the same time would keep each other
 * out.
 */
export type HeldSlot = Held;

export type Semaphore = Acquirable<HeldSlot>;

export interface SemaphorePlace extends Pick<Contest, "name" | "terms" | "holder"> {
  /** Above everything of it, with its slash. */
  readonly prefix: string;
  readonly limit: number;
}

/** Each is lost only to somebody who has got or given back a slot. */
const MAX_TURNS = 64;

export function semaphoreContest(store: CoordinationStore, place: SemaphorePlace): Contest {
  const { prefix, limit, holder, ...rest } = place;
  const document = documentKey(prefix);

  const enter = async (session: string, bounds: StoreBounds): Promise<LockAttempt> => {
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const decision = decideSlot(prefix, await store.read(prefix, bounds), limit, session);
      if (decision.kind === "full") return { outcome: "taken" };
      if (decision.kind === "has") return { outcome: "acquired", token: 0 };
      // Who is written into the document must be alive by then, or the slot would be given away at once.
      const contending = await store.lock(contenderKey(prefix, session), Buffer.from(holder), session, bounds);
      if (contending.outcome !== "acquired") return contending;
      const value = decision.document;
      const outcome = await store.commit([{ kind: "put", key: document, value, index: decision.index }], bounds);
      if (outcome === "done") return { outcome: "acquired", token: contending.token };
    }
    return { outcome: "taken" };
  };

  return {
    ...rest,
    kind: "semaphore",
    holder,
    keys: "delete",
    attempt: enter,
    watch: (look) =>
      store.watchTree(prefix, {
        changed: (snapshot) => look({ free: mayTry(() => decideSlot(prefix, snapshot, limit, undefined).kind) }),
        failed: () => {},
      }),
    async letGo(session, bounds) {
      for (let turn = 0; turn < MAX_TURNS; turn++) {
        const left = withoutSlot(prefix, await store.read(prefix, bounds), session);
        if (left === undefined) return;
        const change = { kind: "put", key: document, value: left.document, index: left.index } as const;
        if ((await store.commit([change], bounds)) === "done") return;
      }
    },
    heldKey: (session) => contenderKey(prefix, session),
    lostBy({ session }, entry) {
      if (entry?.session === session) return undefined;
      return "has lost its slot: its session was ended, or the store has lost its data";
    },
  };
}

/** What is wrong with the document, a try says to whoever waits. */
function mayTry(decide: () => "has" | "enter" | "full"): boolean {
  try {
    return decide() !== "full";
  } catch (error) {
    if (error instanceof MeshError) return true;
    throw error;
  }
}
