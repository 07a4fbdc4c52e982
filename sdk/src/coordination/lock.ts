/** A lock among processes: one holder at a time, and a fencing token for what the holder writes elsewhere. */
import type { Held } from "./hold.ts";
import { Hold } from "./hold.ts";
import type { HeldKind } from "./coordination-observer.ts";
import type { Closing, Parts } from "./parts.ts";
import { Standing, type WaitBounds, type Won } from "./standing.ts";
import { type CompleteTerms, renewEveryMs } from "./terms.ts";

/** A lock that is held, as long as it is. */
export interface HeldLock extends Held {
  /**
   * The fencing token: greater than that of every holder before. Give it to whatever the lock protects, and have it refuse
   * a token lower than one it has seen: only that keeps out a holder that was paused and does not know yet.
   */
  readonly token: number;
}

export interface LockPlace {
  readonly kind: HeldKind;
  readonly name: string;
  readonly key: string;
  readonly terms: CompleteTerms;
  /** Who we are, for others to read. */
  readonly holder: string;
}

export class Lock {
  readonly #parts: Parts;
  readonly #place: LockPlace;

  /** Use mesh.lock(). */
  constructor(parts: Parts, place: LockPlace) {
    this.#parts = parts;
    this.#place = place;
  }

  get name(): string {
    return this.#place.name;
  }

  /**
   * Waits until it is ours. Others who wait are not served in their order, and neither are two who wait in one process: every
   * call is a holder of its own. While Consul cannot be reached it goes on trying. Rejects with DEADLINE_EXCEEDED,
   * CANCELLED when the signal aborts or the mesh closes, PERMISSION_DENIED, and what else Consul refuses for good.
   */
  async acquire(bounds: WaitBounds = {}): Promise<HeldLock> {
    return this.#while(bounds, async (all) => this.#keep(await this.#standing().wait(all)));
  }

  /**
   * One try: undefined when another holds it or was lost less than its lock delay ago. Rejects with UNAVAILABLE when Consul
   * cannot be reached, DEADLINE_EXCEEDED after timeoutMs, 5,000 by default.
   */
  async tryAcquire(bounds: WaitBounds = {}): Promise<HeldLock | undefined> {
    return this.#while(bounds, async (all) => {
      const won = await this.#standing().tryOnce(all);
      return won && this.#keep(won);
    });
  }

  /**
   * Does work under the lock, and gives it up when the work has ended, however it did. Rejects as acquire() does, with what the
   * work rejects with, and with ABORTED when the work succeeded but the lock was lost meanwhile: others may have worked too.
   * When the mesh closes, the work's signal aborts and the lock is held until the work ends, or for 5 s.
   */
  async run<T>(work: (held: HeldLock) => Promise<T> | T, bounds: WaitBounds = {}): Promise<T> {
    const held = await this.#while(bounds, async (all) => this.#hold(await this.#standing().wait(all)));
    let ended = (): void => {};
    const working = new Promise<void>((resolve) => (ended = resolve));
    const closing: Closing = { close: () => stepDown(held.hold, working, this.#parts) };
    this.#parts.open.add(closing);
    try {
      const result = await work(held.lock);
      held.hold.check();
      return result;
    } finally {
      ended();
      await held.hold.release();
      this.#parts.open.delete(closing);
    }
  }

  /** A lock of the mesh's caller: it is told to stop and loses it at once when the mesh closes. */
  #keep(won: Won): HeldLock {
    const { hold, lock } = this.#hold(won, () => this.#parts.open.delete(closing));
    const closing: Closing = { close: () => hold.release() };
    this.#parts.open.add(closing);
    return lock;
  }

  #hold(won: Won, onEnd = (): void => {}): { readonly hold: Hold; readonly lock: HeldLock } {
    return holdKey(this.#parts, this.#place, won, onEnd);
  }

  #standing(): Standing {
    return new Standing({ ...this.#parts, ...this.#place, what: whatOf(this.#place) });
  }

  #while<T>(bounds: WaitBounds, work: (bounds: WaitBounds) => Promise<T>): Promise<T> {
    return whileOpen(this.#parts, bounds, work);
  }
}

/** Waiting ends when the mesh closes. */
export async function whileOpen<T>(
  { open }: Pick<Parts, "open">,
  { signal, ...bounds }: WaitBounds,
  work: (bounds: WaitBounds) => Promise<T>,
): Promise<T> {
  const closed = new AbortController();
  let settled: Promise<unknown> = Promise.resolve();
  const closing: Closing = {
    close: async () => {
      closed.abort(new Error("mesh is closing"));
      await settled.catch(() => {});
    },
  };
  open.add(closing);
  try {
    const any = signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]);
    const working = work({ ...bounds, signal: any });
    settled = working;
    return await working;
  } finally {
    open.delete(closing);
  }
}

/** What was won, kept. */
export function holdKey(
  { store, clock, random, log, observer }: Parts,
  place: LockPlace,
  { session, lease, token }: Won,
  onEnd: () => void,
): { readonly hold: Hold; readonly lock: HeldLock } {
  const { kind, name, key, terms } = place;
  observer.held(kind, name);
  const hold = new Hold({
    store,
    clock,
    random,
    log,
    what: whatOf(place),
    key,
    session,
    lease,
    renewEveryMs: renewEveryMs(terms),
    lostBy(entry) {
      if (entry === undefined) return "has lost its key: it was deleted, or the store has lost its data";
      if (entry.session === session || entry.index < token) return undefined;
      return entry.session === undefined
        ? "was taken from its holder: its session was ended, or its key written"
        : `was taken from its holder by ${Buffer.from(entry.value).toString()}`;
    },
    letGo: () => store.unlock(key, session, { timeoutMs: LET_GO_WITHIN_MS }),
    onEnd(end) {
      observer.ended(kind, name, end);
      onEnd();
    },
  });
  const lock: HeldLock = {
    name,
    token,
    get signal() {
      return hold.signal;
    },
    get held() {
      return hold.held;
    },
    get remainingMs() {
      return hold.remainingMs;
    },
    check: () => hold.check(),
    release: () => hold.release(),
    [Symbol.asyncDispose]: () => hold.release(),
  };
  return { hold, lock };
}

export function whatOf({ kind, name }: Pick<LockPlace, "kind" | "name">): string {
  return `${kind} ${name}`;
}

const LET_GO_WITHIN_MS = 2_000;
/** Work that was asked to stop has so long until it is given up without it. */
export const STEP_DOWN_MS = 5_000;

/**
 * Asks the work to stop, holding on meanwhile, so that the next holder begins after it has ended. Work that does not end
 * costs the next holder the lock delay.
 */
export async function stepDown(
  hold: Hold,
  work: Promise<void>,
  { clock, log }: Pick<Parts, "clock" | "log">,
  reason = "is given up: the mesh closes",
): Promise<void> {
  hold.askToStop(reason);
  const ended = await new Promise<boolean>((resolve) => {
    const timer = clock.setTimer(() => resolve(false), STEP_DOWN_MS);
    void work.then(() => {
      timer.cancel();
      resolve(true);
    });
  });
  if (!ended) log.warn(`work still runs ${STEP_DOWN_MS} ms after it was asked to stop: heed the signal it is given`);
  await hold.release(ended ? "let-go" : "expire");
}
