/** What can be acquired among processes: waits, tries, and runs work while it is held. */
import { currentContext } from "../call/call-context.ts";
import { MeshError } from "../call/mesh-error.ts";
import { type Contest, whatOf } from "./contest.ts";
import { Hold, type Held } from "./hold.ts";
import type { Closing, Parts } from "./parts.ts";
import { Standing, type WaitBounds, type Won } from "./standing.ts";
import { renewEveryMs } from "./terms.ts";

/** How what is held shows itself: the token of a lock, for one. */
export type Face<H extends Held> = (hold: Hold, won: Won) => H;

export class Acquirable<H extends Held> {
  readonly #parts: Parts;
  readonly #contest: Contest;
  readonly #face: Face<H>;

  /** Use mesh.lock() or mesh.semaphore(). */
  constructor(parts: Parts, contest: Contest, face: Face<H>) {
    this.#parts = parts;
    this.#contest = contest;
    this.#face = face;
  }

  get name(): string {
    return this.#contest.name;
  }

  /**
   * Waits until it is ours. Others who wait are not served in their order, and neither are two who wait in one process: every
   * call is a holder of its own. While Consul cannot be reached it goes on trying; in a handler, until the call it serves has
   * ended. Rejects with DEADLINE_EXCEEDED after timeoutMs, CANCELLED when the signal aborts or the mesh closes,
   * PERMISSION_DENIED, and what else Consul refuses for good. When the mesh closes, what is held is released at once.
   */
  async acquire(bounds: WaitBounds = {}): Promise<H> {
    return whileOpen(this.#parts, bounds, async (all) => this.#keep(await this.#standing().wait(all)));
  }

  /**
   * One try: undefined when others hold it or it was lost less than its lock delay ago. Rejects with UNAVAILABLE when Consul
   * cannot be reached, DEADLINE_EXCEEDED after timeoutMs, 5,000 by default.
   */
  async tryAcquire(bounds: WaitBounds = {}): Promise<H | undefined> {
    return whileOpen(this.#parts, bounds, async (all) => {
      const won = await this.#standing().tryOnce(all);
      return won && this.#keep(won);
    });
  }

  /**
   * Does work while it is held, and gives it up when the work has ended, however it did. Rejects as acquire() does, with what the
   * work rejects with, and with ABORTED when the work succeeded but what it was done under was lost meanwhile: others may have
   * worked too. When the mesh closes, the work's signal aborts, and it is held until the work ends, or for 5 s.
   */
  async run<T>(work: (held: H) => Promise<T> | T, bounds: WaitBounds = {}): Promise<T> {
    const won = await whileOpen(this.#parts, bounds, (all) => this.#standing().wait(all));
    const hold = holdWon(this.#parts, this.#contest, won);
    let ended = (): void => {};
    const working = new Promise<void>((resolve) => (ended = resolve));
    const closing: Closing = { close: () => stepDown(hold, working, this.#parts) };
    this.#parts.open.add(closing);
    try {
      const result = await work(this.#face(hold, won));
      hold.check();
      return result;
    } finally {
      ended();
      await hold.release();
      this.#parts.open.delete(closing);
    }
  }

  #keep(won: Won): H {
    const hold = holdWon(this.#parts, this.#contest, won, () => this.#parts.open.delete(closing));
    const closing: Closing = { close: () => hold.release() };
    this.#parts.open.add(closing);
    return this.#face(hold, won);
  }

  #standing(): Standing {
    return new Standing(this.#parts, this.#contest);
  }
}

/** What was won, kept. */
export function holdWon(parts: Parts, contest: Contest, won: Won, onEnd = (): void => {}): Hold {
  const { observer } = parts;
  const { kind, name, terms } = contest;
  const { session, lease } = won;
  observer.held(kind, name);
  return new Hold({
    ...parts,
    name,
    what: whatOf(contest),
    key: contest.heldKey(session),
    session,
    lease,
    renewEveryMs: renewEveryMs(terms),
    lostBy: (entry) => contest.lostBy(won, entry),
    letGo: (bounds) => contest.letGo(session, bounds),
    onEnd(end) {
      observer.ended(kind, name, end);
      onEnd();
    },
  });
}

/** Waiting ends when the mesh closes, and in a handler when nobody waits for its answer any more. */
async function whileOpen<T>(
  { open }: Pick<Parts, "open">,
  { signal, ...bounds }: WaitBounds,
  work: (bounds: WaitBounds) => Promise<T>,
): Promise<T> {
  const closed = new AbortController();
  let settled: Promise<unknown> = Promise.resolve();
  const closing: Closing = {
    close: async () => {
      closed.abort(new MeshError("CANCELLED", "mesh is closing"));
      await settled.catch(() => {});
    },
  };
  open.add(closing);
  try {
    const ends = [signal, currentContext()?.cancellation.signal, closed.signal].filter((one) => one !== undefined);
    const working = work({ ...bounds, signal: AbortSignal.any(ends) });
    settled = working;
    return await working;
  } finally {
    open.delete(closing);
  }
}

/** Work that was asked to stop has so long until what it holds is given up without it. */
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
