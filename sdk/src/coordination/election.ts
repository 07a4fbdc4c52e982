/**
 * Leader election: of all who stand in one election one leads, and works until its signal tells it to stop. A leader that
 * cannot renew stops by its own clock before anybody else can lead.
 */
import { MeshError } from "../call/mesh-error.ts";
import { backoffMs } from "../consul/backoff.ts";
import { pause } from "../consul/pause.ts";
import type { Watch } from "../discovery/directory.ts";
import { holdWon, stepDown } from "./acquirable.ts";
import { whatOf } from "./contest.ts";
import type { Hold } from "./hold.ts";
import { type HeldLock, lockContest, lockFace, type LockPlace, textOf } from "./lock.ts";
import type { Closing, Parts } from "./parts.ts";
import { Standing } from "./standing.ts";

/** The time for which one process leads. Work that returns resigns. */
export type Leadership = Omit<HeldLock, "release" | typeof Symbol.asyncDispose>;

/** Who leads, as the others see it. */
export interface Leader {
  /** What it stands as: the value of its ElectionOptions. */
  readonly value: string;
  /** The fencing token of its leadership, unless somebody else has written its key since. */
  readonly token: number;
}

export interface Campaign {
  /** Whether this process leads now: asks the clock. */
  readonly leading: boolean;
  /** Resolves when work returned or resign() is done; rejects with what can never be won, such as PERMISSION_DENIED. */
  readonly ended: Promise<void>;
  /**
   * Stands no longer. A leader's signal aborts, it leads on until its work ends or for 5 s, then the next one can lead at once;
   * after the lock delay where the work has not ended. Never rejects.
   */
  resign(): Promise<void>;
}

const MAX_BACKOFF_MS = 30_000;

export class Election {
  readonly #parts: Parts;
  readonly #place: LockPlace;

  /** Use mesh.election(). */
  constructor(parts: Parts, place: LockPlace) {
    this.#parts = parts;
    this.#place = place;
  }

  get name(): string {
    return this.#place.name;
  }

  /**
   * Stands until work returns or resign() is called. Whenever elected, calls work, whose signal aborts when the leadership is
   * lost (ABORTED) or is to end (CANCELLED); only when that work has ended it stands again after a loss. Work that throws is
   * logged, and others get their turn: the same process stands again 0.1 to 30 s later. The process stays alive meanwhile.
   */
  campaign(work: (leadership: Leadership) => Promise<void> | void): Campaign {
    const running = new RunningCampaign(this.#parts, this.#place, work);
    return {
      get leading() {
        return running.leading;
      },
      ended: running.ended,
      resign: () => running.close(),
    };
  }

  /**
   * Calls back with who leads: first what is known, then every change; undefined while nobody does. What it says can be late:
   * for writes the token decides. While Consul cannot be reached the last word stands. What the listener throws is logged.
   */
  watch(listener: (leader: Leader | undefined) => void): Watch {
    let last: string | undefined = "nothing seen yet";
    const watch = this.#parts.store.watchKey(this.#place.key, {
      changed: (entry) => {
        const term = entry?.session === undefined ? undefined : `${entry.session} ${entry.index}`;
        if (term === last) return;
        last = term;
        const leads = entry?.session === undefined ? undefined : entry;
        try {
          listener(leads && { value: textOf(leads.value), token: leads.index });
        } catch (error) {
          this.#parts.log.error({ err: error }, `listener to ${whatOf(this.#place)} threw`);
        }
      },
      failed: () => {},
    });
    const closing: Closing = { close: async () => close() };
    const close = (): void => {
      watch.close();
      this.#parts.open.delete(closing);
    };
    this.#parts.open.add(closing);
    return { close };
  }
}

class RunningCampaign implements Closing {
  readonly ended: Promise<void>;
  readonly #parts: Parts;
  readonly #place: LockPlace;
  readonly #work: (leadership: Leadership) => Promise<void> | void;
  readonly #stop = new AbortController();
  #hold: Hold | undefined;
  /** Of the leadership that is under way; resolves however its work ends. */
  #working: Promise<void> = Promise.resolve();

  constructor(parts: Parts, place: LockPlace, work: (leadership: Leadership) => Promise<void> | void) {
    this.#parts = parts;
    this.#place = place;
    this.#work = work;
    parts.open.add(this);
    this.ended = this.#run().finally(() => parts.open.delete(this));
    // Whoever does not ask how it ended is not to be ended by it.
    this.ended.catch((error: unknown) => {
      parts.log.error({ err: error }, `${whatOf(place)} cannot be stood for`);
    });
  }

  get leading(): boolean {
    return this.#hold?.held === true;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    if (this.#hold !== undefined) {
      await stepDown(this.#hold, this.#working, this.#parts, "is to end: its leader resigns");
      return;
    }
    await this.ended.catch(() => {});
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.#parts;
    const what = whatOf(this.#place);
    const contest = lockContest(this.#parts.store, this.#place);
    for (let failures = 0; !this.#stop.signal.aborted;) {
      const won = await new Standing(this.#parts, contest)
        .wait({ signal: this.#stop.signal })
        .catch((error: unknown) => this.#unlessStopped(error));
      if (won === undefined) return;
      const hold = holdWon(this.#parts, contest, won);
      if (this.#stop.signal.aborted) return hold.release();
      log.info({ token: won.token }, `${what} is this process`);
      this.#hold = hold;
      const outcome = await this.#lead(lockFace(hold, won));
      const lost = !hold.held && !this.#stop.signal.aborted;
      await hold.release();
      this.#hold = undefined;
      if (outcome === "returned" && !lost) return;
      failures = outcome === "failed" ? failures + 1 : 0;
      if (failures > 0) await pause(clock, backoffMs(failures, MAX_BACKOFF_MS, random), this.#stop.signal);
    }
  }

  async #lead(lock: HeldLock): Promise<"returned" | "failed"> {
    let ended = (): void => {};
    this.#working = new Promise((resolve) => (ended = resolve));
    const alive = this.#parts.clock.setTimer(() => {}, Number.MAX_SAFE_INTEGER);
    try {
      await this.#work(lock);
      return "returned";
    } catch (error) {
      // What it says after it was told to stop is how it stopped.
      if (lock.signal.aborted) return "returned";
      this.#parts.log.error({ err: error }, `${whatOf(this.#place)} has failed at its work: others get their turn`);
      return "failed";
    } finally {
      alive.cancel();
      ended();
    }
  }

  #unlessStopped(error: unknown): undefined {
    if (this.#stop.signal.aborted && error instanceof MeshError && error.code === "CANCELLED") return undefined;
    throw error;
  }
}
