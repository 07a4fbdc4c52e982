/**
 * One thing that is held through a session of its own: renews the session, watches the key, and knows by its own clock
 * when it can no longer be sure. What is lost stays lost.
 */
import type { Clock, Timer } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import { backoffMs } from "../consul/backoff.ts";
import type { Watch } from "../discovery/directory.ts";
import type { CoordinationStore, StoreBounds, StoredKey } from "./coordination-store.ts";
import { type Lease, momentOf } from "./lease.ts";

/** Something of a name that is held, as long as it is. */
export interface Held extends AsyncDisposable {
  readonly name: string;
  /**
   * Aborts with a MeshError as the reason: ABORTED when it is lost, CANCELLED when it is to be given up (the mesh closes, a
   * leader resigns) or has been released. Aborts late when the event loop is blocked: ask held before what matters.
   */
  readonly signal: AbortSignal;
  /** Whether it is certainly held now: asks the clock, so it is right at once after the process was paused. */
  readonly held: boolean;
  /** Milliseconds for which it is certainly held if no renewal succeeds any more; 0 when it is not held. */
  readonly remainingMs: number;
  /** Throws ABORTED unless held. */
  check(): void;
  /**
   * Gives it up, and resolves when the others can have it. Without an answer of Consul's it resolves within 6 s, and they wait
   * until its session has ended. Never rejects.
   */
  release(): Promise<void>;
}

export interface HoldOptions {
  readonly store: CoordinationStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly name: string;
  /** For people: "lock nightly". */
  readonly what: string;
  readonly key: string;
  readonly session: string;
  readonly lease: Lease;
  /** Milliseconds between renewals: two may fail. */
  readonly renewEveryMs: number;
  /** Reads a change of the key: undefined while it is ours, else what happened to it. */
  readonly lostBy: (entry: StoredKey | undefined) => string | undefined;
  /** Lets others have it, while the session lives. */
  readonly letGo: (bounds: StoreBounds) => Promise<void>;
  /** Called once, when it is no longer held. */
  readonly onEnd?: (end: "released" | "lost") => void;
}

/** Letting go and ending the session may take so long each. */
export const END_WITHIN_MS = 2_000;

export class Hold implements Held {
  readonly #options: HoldOptions;
  readonly #stop = new AbortController();
  readonly #requests = new AbortController();
  #state: "held" | "released" | "lost" = "held";
  #why: MeshError | undefined;
  #watch: Watch | undefined;
  #renewal: Timer | undefined;
  #expiry: Timer | undefined;
  #failures = 0;
  #lastFailure: unknown;
  #ending: Promise<void> | undefined;

  /** Starts to keep it. */
  constructor(options: HoldOptions) {
    this.#options = options;
    const { store, key, lostBy } = options;
    this.#watch = store.watchKey(key, {
      changed: (entry) => {
        const reason = lostBy(entry);
        if (reason !== undefined) this.#lose(reason);
      },
      // The lease knows until when that does not matter.
      failed: () => {},
    });
    this.#renewIn(Math.max(0, options.renewEveryMs - options.lease.ageMs));
    this.#expire();
  }

  get name(): string {
    return this.#options.name;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get held(): boolean {
    this.#askClock();
    return this.#state === "held";
  }

  get remainingMs(): number {
    return this.held ? this.#options.lease.remainingMs : 0;
  }

  check(): void {
    if (!this.held) throw this.#why ?? this.#error("is not held");
  }

  /** Tells whoever works under it to end that, while it goes on being held. */
  askToStop(reason: string): void {
    this.#stop.abort(new MeshError("CANCELLED", `${this.#options.what} ${reason}`));
  }

  /**
   * Ends it; the first call decides how.
   *
   * @param how "let-go": the others can have it at once. "expire": after the lock delay, for work may still go on.
   */
  release(how: "let-go" | "expire" = "let-go"): Promise<void> {
    if (this.held) {
      this.#state = "released";
      this.#why = this.#error("was released");
      this.askToStop("was released");
      this.#quit("released");
      this.#ending = this.#end(how);
    }
    return this.#ending ?? Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #askClock(): void {
    const { lease } = this.#options;
    if (this.#state !== "held" || !lease.over) return;
    const because = this.#lastFailure instanceof MeshError ? ` (${this.#lastFailure.reason})` : "";
    this.#lose(`can no longer be relied on: its last renewal was ${Math.round(lease.ageMs)} ms ago${because}`);
  }

  #lose(reason: string): void {
    if (this.#state !== "held") return;
    const { log, what } = this.#options;
    this.#state = "lost";
    this.#why = this.#error(reason);
    log.warn({ err: this.#why }, `${what} is lost`);
    this.#quit("lost");
    this.#stop.abort(this.#why);
    // Without letting go: the lock delay gives what is still under way some time.
    this.#ending = this.#end("expire");
  }

  #quit(end: "released" | "lost"): void {
    this.#watch?.close();
    this.#renewal?.cancel();
    this.#expiry?.cancel();
    this.#requests.abort();
    this.#options.onEnd?.(end);
  }

  /** Never rejects: what could not be said, the end of the session says. */
  async #end(how: "let-go" | "expire"): Promise<void> {
    const { store, session, letGo, log, what } = this.#options;
    try {
      if (how === "let-go") await letGo({ timeoutMs: END_WITHIN_MS });
      await store.endSession(session, { timeoutMs: END_WITHIN_MS });
    } catch (error) {
      log.warn({ err: error }, `${what} was given up without a word to the store: others get it when its session ends`);
    }
  }

  async #renew(): Promise<void> {
    const { store, session, clock, random, lease, renewEveryMs } = this.#options;
    if (!this.held) return;
    const sentAt = momentOf(clock);
    const bounds = { timeoutMs: renewEveryMs, signal: this.#requests.signal, upkeep: "background" } as const;
    try {
      const answer = await store.renewSession(session, bounds);
      if (answer === "gone") return this.#lose("has lost its session: it was ended, or the store has lost its data");
      lease.renewed(sentAt);
      this.#failures = 0;
      this.#lastFailure = undefined;
    } catch (error) {
      this.#failures++;
      this.#lastFailure = error;
    }
    if (!this.held) return;
    this.#renewIn(this.#failures === 0 ? renewEveryMs : backoffMs(this.#failures, renewEveryMs / 2, random));
  }

  #renewIn(waitMs: number): void {
    this.#renewal = this.#options.clock.setBackgroundTimer(() => void this.#renew(), waitMs);
  }

  /** Asked again as often as it was renewed meanwhile. */
  #expire(): void {
    this.#askClock();
    if (this.#state !== "held") return;
    const { clock, lease } = this.#options;
    // Not shorter, or what rounding leaves of it would be waited for in no time for ever.
    this.#expiry = clock.setBackgroundTimer(() => this.#expire(), Math.max(1, lease.remainingMs));
  }

  #error(reason: string): MeshError {
    return new MeshError("ABORTED", `${this.#options.what} ${reason}`);
  }
}
