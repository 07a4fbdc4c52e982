/**
 * Waiting for what others hold: tries for it with a session of its own, and again whenever it is seen to be free. No session is
 * kept while waiting; one is opened when there is something to try for. Who gets it of those who wait is chance.
 */
import { MeshError } from "../call/mesh-error.ts";
import { backoffMs } from "../consul/backoff.ts";
import type { Watch } from "../discovery/directory.ts";
import { type Contest, type ContestState, whatOf } from "./contest.ts";
import type { LockAttempt } from "./coordination-store.ts";
import { END_WITHIN_MS } from "./hold.ts";
import { Lease, momentOf } from "./lease.ts";
import type { Closing, Parts } from "./parts.ts";
import { leaseMs } from "./terms.ts";

export interface WaitBounds {
  /** Milliseconds, 0 or more. Default: for ever. */
  readonly timeoutMs?: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

export interface Won {
  readonly session: string;
  readonly lease: Lease;
  readonly token: number;
}

/** Nothing tells when a lock delay is over. */
const DELAY_POLL_MS = 250;
/** So often it is tried whatever the watch says. The process stays alive meanwhile, for somebody waits. */
const TRY_AGAIN_MS = 10_000;
const MAX_BACKOFF_MS = 2_000;
const ATTEMPT_TIMEOUT_MS = 5_000;
/** A session that ends between two requests is somebody's doing; more of them in a row are not worth a hurry. */
const SESSIONS_AT_ONCE = 2;

/** What passes by itself; everything else is told to whoever waits. */
const PASSING: ReadonlySet<string> = new Set(["UNAVAILABLE", "RESOURCE_EXHAUSTED"]);

export class Standing {
  readonly #parts: Parts;
  readonly #contest: Contest;
  readonly #stop = new AbortController();
  #session: { readonly id: string; readonly lease: Lease } | undefined;
  #watch: Watch | undefined;
  /** How often it was seen to be free. */
  #freed = 0;
  #wake: (() => void) | undefined;
  #holder: string | undefined;
  #failure: MeshError | undefined;
  /** The end of the waiting that was asked for. */
  #end: MeshError | undefined;

  constructor(parts: Parts, contest: Contest) {
    this.#parts = parts;
    this.#contest = contest;
  }

  /** One try; undefined when another has it or its lock delay is not over. */
  async tryOnce({ signal, timeoutMs = ATTEMPT_TIMEOUT_MS }: WaitBounds): Promise<Won | undefined> {
    return this.#within({ signal, timeoutMs }, async () => {
      for (let sessions = 0; ; sessions++) {
        const attempt = await this.#attempt();
        if (attempt.outcome === "acquired") return this.#won(attempt.token);
        if (attempt.outcome !== "session-gone" || sessions >= SESSIONS_AT_ONCE) return undefined;
      }
    });
  }

  /** Rejects with DEADLINE_EXCEEDED or CANCELLED, and with what the store refuses. Leaves nothing behind then. */
  async wait(bounds: WaitBounds): Promise<Won> {
    return this.#within(bounds, async () => {
      for (let failures = 0; ;) {
        const seen = this.#freed;
        const attempt = await this.#attempt().catch((error: unknown) => this.#passing(error));
        if (attempt instanceof MeshError) {
          failures++;
          await this.#pause(backoffMs(failures, MAX_BACKOFF_MS, this.#parts.random));
          continue;
        }
        switch (attempt.outcome) {
          case "acquired": {
            const won = this.#won(attempt.token);
            if (won !== undefined) return won;
            break;
          }
          case "taken":
            failures = 0;
            await this.#untilFreed(seen);
            break;
          case "delayed":
            failures = 0;
            await this.#pause(DELAY_POLL_MS * (0.5 + this.#parts.random()));
            break;
          case "session-gone":
            failures++;
            if (failures > SESSIONS_AT_ONCE) await this.#pause(backoffMs(failures, MAX_BACKOFF_MS, this.#parts.random));
            break;
        }
      }
    });
  }

  async #attempt(): Promise<LockAttempt> {
    this.#stop.signal.throwIfAborted();
    const session = this.#session?.lease.over === false ? this.#session : await this.#open();
    const attempt = await this.#contest.attempt(session.id, this.#bounds());
    if (attempt.outcome === "session-gone") this.#session = undefined;
    this.#failure = undefined;
    return attempt;
  }

  async #open(): Promise<{ readonly id: string; readonly lease: Lease }> {
    const { store, clock } = this.#parts;
    const { terms, holder, keys } = this.#contest;
    // It may hold the key, by an answer that came too late.
    this.#leave();
    const sentAt = momentOf(clock);
    const { ttlMs, lockDelayMs } = terms;
    const session = { name: `${this.#what} for ${holder}`, ttlMs, lockDelayMs, keys };
    const id = await store.openSession(session, this.#bounds());
    this.#session = { id, lease: new Lease(clock, leaseMs(terms), sentAt) };
    return this.#session;
  }

  /** Undefined when the answer came so late that the session may have ended since; its successor tries again. */
  #won(token: number): Won | undefined {
    const session = this.#session;
    if (session === undefined || session.lease.over || this.#stop.signal.aborted) return undefined;
    this.#session = undefined;
    return { session: session.id, lease: session.lease, token };
  }

  #passing(error: unknown): MeshError {
    if (!(error instanceof MeshError) || !PASSING.has(error.code)) throw error;
    this.#failure = error;
    return error;
  }

  #bounds(): { readonly signal: AbortSignal; readonly timeoutMs: number } {
    return { signal: this.#stop.signal, timeoutMs: ATTEMPT_TIMEOUT_MS };
  }

  async #untilFreed(seen: number): Promise<void> {
    this.#watch ??= this.#contest.watch((state) => this.#look(state));
    if (this.#freed > seen) return;
    await this.#pause(TRY_AGAIN_MS);
  }

  #look({ free, holder }: ContestState): void {
    this.#holder = holder;
    if (!free) return;
    this.#freed++;
    this.#wake?.();
  }

  get #what(): string {
    return whatOf(this.#contest);
  }

  /** Ends when it is seen to be free, too. */
  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#wake = undefined;
        this.#stop.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = this.#parts.clock.setTimer(done, delayMs);
      this.#wake = done;
      this.#stop.signal.addEventListener("abort", done, { once: true });
      if (this.#stop.signal.aborted) done();
    });
  }

  async #within<T>({ signal, timeoutMs = Infinity }: WaitBounds, work: () => Promise<T>): Promise<T> {
    const { clock } = this.#parts;
    const end = (error: MeshError): void => {
      this.#end ??= error;
      this.#stop.abort();
    };
    const onAbort = (): void => end(this.#cancelled(signal?.reason));
    const timer = clock.setTimer(() => end(this.#tooLate(timeoutMs)), timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    try {
      return await this.#untilStopped(work);
    } finally {
      timer.cancel();
      signal?.removeEventListener("abort", onAbort);
      this.#watch?.close();
      this.#stop.abort();
      this.#leave();
    }
  }

  /** Requests and pauses end with the signal, so work does; what it was doing then is not the news. */
  async #untilStopped<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this.#stop;
    const stopped = new Promise<never>((_resolve, reject) => {
      const fail = (): void => reject(this.#end ?? new MeshError("CANCELLED", `${this.#what} is no longer wanted`));
      signal.addEventListener("abort", fail, { once: true });
      if (signal.aborted) fail();
    });
    stopped.catch(() => {});
    return Promise.race([stopped, work()]);
  }

  /** By a call's deadline, for one. */
  #cancelled(cause: unknown): MeshError {
    const code = cause instanceof MeshError ? cause.code : "CANCELLED";
    const why = cause instanceof MeshError ? `: ${cause.reason}` : "";
    return new MeshError(code, `waiting for ${this.#what} was cancelled${why}`, { cause });
  }

  #tooLate(timeoutMs: number): MeshError {
    const why = this.#failure?.reason ?? (this.#holder === undefined ? "others have it" : `${this.#holder} has it`);
    return new MeshError("DEADLINE_EXCEEDED", `${this.#what} was not had within ${timeoutMs} ms: ${why}`);
  }

  /** The last try may have succeeded without an answer: what we hold without knowing is let go. */
  #leave(): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    const { store, open } = this.#parts;
    const bounds = { timeoutMs: END_WITHIN_MS, upkeep: "background" } as const;
    const leaving = this.#contest
      .letGo(session.id, bounds)
      .then(() => store.endSession(session.id, bounds))
      .catch(() => {})
      .finally(() => open.delete(closing));
    const closing: Closing = { close: () => leaving };
    open.add(closing);
  }
}
