/**
 * The intentions and the index that watchers of them compare: one for all, moved by every write. A pair of services has
 * one intention at most; names have no case here, as in Consul's table of them.
 */
import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import { severalErrors } from "../config-entries/config-entry-error.ts";
import {
  describeIntention,
  faultsOfIntention,
  type Intention,
  type IntentionDraft,
  isFrom,
  precedenceOf,
  type ServiceName,
  wildcard,
} from "../connect/intention.ts";
import { compare } from "./compare.ts";
import type { Journal } from "./journal.ts";
import { parseUuid } from "./uuid.ts";

/** Topics to watch. */
export const intentionTopics = {
  all: "intentions",
  one: (id: string): string => `intention ${id}`,
} as const;

/** An intention that cannot be, in Consul's words. */
export class IntentionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "IntentionError";
  }
}

export interface IntentionsRoom {
  readonly journal: Journal;
  readonly clock: Clock;
}

export class Intentions {
  readonly #room: IntentionsRoom;
  readonly #intentions = new Map<string, Intention>();
  /** Consul shows 1 when there was no write. */
  #index = 1;

  constructor(room: IntentionsRoom) {
    this.#room = room;
  }

  /** The index of every query about intentions. */
  get index(): number {
    return this.#index;
  }

  /** In the order in which they decide. */
  list(): Intention[] {
    return [...this.#intentions.values()].sort(byPrecedence);
  }

  /** @throws IntentionError when the ID is no UUID. */
  get(id: string): Intention | undefined {
    const parsed = parseUuid(id);
    if ("fault" in parsed) throw new IntentionError(`failed intention lookup: index error: ${parsed.fault}`);
    return this.#intentions.get(parsed.uuid);
  }

  /** Those that can decide for a service as the calling or the called side, in the order in which they decide. */
  match(side: "source" | "destination", service: ServiceName): Intention[] {
    const wanted = new Set(wider(service).map(key));
    return this.list().filter((intention) => wanted.has(key(intention[side])));
  }

  /** The one that decides whether a service may call another, if there is one. */
  decisive(to: ServiceName, from: ServiceName): Intention | undefined {
    return this.match("destination", to).find((intention) => isFrom(intention, from));
  }

  /** @throws IntentionError when it breaks a rule, or the pair has one. */
  create(draft: IntentionDraft): Intention {
    const now = this.#room.clock.wallMs();
    return this.#put({ ...draft, id: randomUUID(), createdAtMs: now, updatedAtMs: now, createIndex: 0 });
  }

  /** @throws IntentionError when there is none of this ID, it breaks a rule, or the pair has another. */
  update(id: string, draft: IntentionDraft): Intention {
    const before = this.#existing(id, "modify");
    const { createdAtMs, createIndex } = before;
    return this.#put({ ...draft, id: before.id, createdAtMs, updatedAtMs: this.#room.clock.wallMs(), createIndex });
  }

  /** @throws IntentionError when there is none of this ID. */
  delete(id: string): void {
    const gone = this.#existing(id, "delete");
    this.#intentions.delete(gone.id);
    this.#changed(gone, this.#room.journal.advance());
  }

  #existing(id: string, verb: "modify" | "delete"): Intention {
    let found: Intention | undefined;
    try {
      found = this.get(id);
    } catch (error) {
      if (error instanceof IntentionError) throw new IntentionError(`Intention lookup failed: ${error.message}`);
      throw error;
    }
    if (found === undefined) throw new IntentionError(`Cannot ${verb} non-existent intention: '${id}'`);
    return found;
  }

  #put(next: Omit<Intention, "precedence" | "modifyIndex">): Intention {
    const faults = faultsOfIntention(next);
    if (faults.length > 0) throw new IntentionError(severalErrors(faults));
    const pair = pairKey(next);
    const other = this.list().find((known) => known.id !== next.id && pairKey(known) === pair);
    if (other !== undefined) throw new IntentionError(`duplicate intention found: ${describeIntention(other)}`);
    const index = this.#room.journal.advance();
    const createIndex = next.createIndex === 0 ? index : next.createIndex;
    const written = { ...next, precedence: precedenceOf(next), createIndex, modifyIndex: index };
    this.#intentions.set(written.id, written);
    this.#changed(written, index);
    return written;
  }

  #changed({ id }: Intention, index: number): void {
    this.#index = index;
    this.#room.journal.announce([intentionTopics.all, intentionTopics.one(id)]);
  }
}

/** A service, and the wildcards that stand for it too. */
function wider({ namespace, name }: ServiceName): ServiceName[] {
  const everywhere = { namespace: wildcard, name: wildcard };
  if (namespace === wildcard) return [everywhere];
  return [everywhere, { namespace, name: wildcard }, { namespace, name }];
}

/** A name may contain anything but NUL. */
function key({ namespace, name }: ServiceName): string {
  return `${namespace}\0${name}`.toLowerCase();
}

function pairKey({ source, destination }: IntentionDraft): string {
  return `${key(source)}\0${key(destination)}`;
}

function byPrecedence(a: Intention, b: Intention): number {
  return (
    b.precedence - a.precedence ||
    compare(a.source.namespace, b.source.namespace) ||
    compare(a.source.name, b.source.name) ||
    compare(a.destination.namespace, b.destination.namespace) ||
    compare(a.destination.name, b.destination.name)
  );
}
