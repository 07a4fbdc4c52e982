/**
 * What an endpoint costs its callers, in milliseconds: the peak EWMA of Finagle
 * (https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-p2c-peak-ewma) for its answers, which
 * jumps up at once and comes down with time, and beside it a penalty for its failures. Without a penalty an endpoint
 * that fails fast looks like the fastest of all and draws the calls of the whole fleet.
 *
 * Both fade on reading, so an endpoint that gets no calls is tried again by and by, and a slow one sooner (STALE_AFTER).
 * Nothing here waits or polls; time that stands still or goes back fades nothing.
 */

/** Time constant of the fading: Finagle's and Linkerd's 10 s; one slow answer is a third of itself after it. */
const FADE_MS = 10_000;

/** Answers faster than this count alike: below it the event loops at both ends speak louder than the endpoint. */
const FLOOR_MS = 1;

/** A failure costs as much as an answer this slow: Linkerd's, well above what callers wait for an answer. */
const FAILURE_MS = 5_000;

/** "Too many" costs less at first than a failure: the endpoint works, it only wants fewer calls. */
const OVERLOAD_MS = 1_000;

/** The most a penalty grows to and the longest push-back believed: Linkerd's; it fades to 1 ms in two minutes. */
const MAX_PENALTY_MS = 300_000;

/**
 * Steps of a level in a factor of e: costs are told apart to 0.2 %, and levels stay small integers for a year, which V8
 * keeps in the object itself. Any other number is a heap object of its own: one more cache miss for every endpoint that
 * a pick looks at (`npm run bench -- pick`).
 */
const STEPS = 512;
/** The level of what costs nothing. */
const LOWEST_LEVEL = -(2 ** 30);
/** The level above which nothing is. */
const HIGHEST_LEVEL = 2 ** 30;

/**
 * What is known of an endpoint goes stale when no answer has borne it out for this many times as long as it says: it is
 * then taken to cost what its peer does, for one call. So a slow one takes a tenth of one caller's time at most, and one
 * that was slow once, for a collection or a compiler, is back after ten times as long. Fading alone leaves it out for
 * half a minute where calls are few, since the memory of whoever is called fades as well (`npm run sim -- pauses`).
 */
const STALE_AFTER = 10;
/** Answers of one server differ by less than this factor, nearly always; one that does bears nothing out. */
const UNLIKE = 4;
/** Each time that what is stale proves to be true all the same doubles the wait, up to 2 to this. */
const MAX_DOUBLINGS = 10;

/** The level that a cost has at a time. */
export function levelAt(nowMs: number, costMs: number): number {
  return costMs > 0 ? Math.round((nowMs / FADE_MS + Math.log(costMs)) * STEPS) : LOWEST_LEVEL;
}

/** That of the lowest cost there is, FLOOR_MS. */
export function floorLevel(nowMs: number): number {
  return levelAt(nowMs, FLOOR_MS);
}

/** How much more than another a cost is whose level is higher by so much. */
export function ratioOfLevels(difference: number): number {
  return Math.exp(difference / STEPS);
}

/** Levels that differ by no more belong to costs that differ by no more than a factor. */
export function levelsWithin(factor: number): number {
  return Math.log(factor) * STEPS;
}

export type PenaltyKind = "failure" | "overload";

export class EndpointCost {
  #latencyMs = 0;
  #known = false;
  /** Until when the last answer that was no less than it bears the latency out. */
  #staleMs = -Infinity;
  /** How often in a row what had gone stale proved to be true. */
  #confirmed = 0;
  #penaltyMs = 0;
  /** Penalties in a row, no answer between them. */
  #streak = 0;
  /** When the streak last grew. */
  #grownAtMs = -Infinity;
  /** When the two costs were last brought up to date. */
  #stampMs = -Infinity;

  /** Counts an answer. One to a call that was made when what is known had gone stale replaces it, if it is unlike. */
  answered(nowMs: number, durationMs: number): void {
    const before = this.#latencyMs;
    const stale = nowMs - durationMs >= this.#staleMs;
    const faded = this.#bringTo(nowMs);
    const unlike = durationMs * UNLIKE < before;
    const recovered = stale && unlike;
    if (recovered || durationMs > this.#latencyMs) this.#latencyMs = Math.max(durationMs, 0);
    else if (durationMs > 0) this.#latencyMs += durationMs * (1 - faded);
    if (recovered || durationMs > before * UNLIKE) this.#confirmed = 0;
    else if (stale && this.#confirmed < MAX_DOUBLINGS) this.#confirmed++;
    if (recovered || !unlike) this.#bornOut(nowMs);
    this.#known = true;
    this.#streak = 0;
  }

  /** Counts a wait that ended without an answer through no fault of the endpoint: it took at least this long. */
  waited(nowMs: number, durationMs: number): void {
    this.#bringTo(nowMs);
    if (durationMs <= this.#latencyMs) return;
    this.#latencyMs = durationMs;
    this.#bornOut(nowMs);
  }

  /**
   * Counts a failure. A penalty is weighed against busy peers, whose cost is multiplied by their calls in flight, while
   * this endpoint, failing fast, has none; so penalties in a row double until no peer is busy enough to look worse.
   * Calls that were already under way when it last failed tell nothing new and double nothing.
   *
   * @param hintMs how long the endpoint asks to be left alone; 0 when it says nothing.
   */
  penalised(nowMs: number, durationMs: number, kind: PenaltyKind, hintMs: number): void {
    this.#bringTo(nowMs);
    if (this.#streak === 0 || nowMs - durationMs >= this.#grownAtMs) {
      this.#streak++;
      this.#grownAtMs = nowMs;
    }
    const grown = (kind === "failure" ? FAILURE_MS : OVERLOAD_MS) * 2 ** (this.#streak - 1);
    for (const penalty of [grown, durationMs, hintMs]) {
      if (penalty > this.#penaltyMs) this.#penaltyMs = Math.min(penalty, MAX_PENALTY_MS);
    }
  }

  /**
   * Milliseconds, at least FLOOR_MS. While it has not answered it is taken to be as fast as the peer it is compared
   * with: a guess that is too low would herd calls onto a fresh endpoint, one too high would keep them away.
   */
  readMs(nowMs: number, peer: EndpointCost): number {
    const faded = this.#fadedBy(nowMs);
    let cost = FLOOR_MS;
    if (this.#latencyMs * faded > cost) cost = this.#latencyMs * faded;
    if (!this.#known && peer.#known) cost = Math.max(cost, peer.#latencyMs * peer.#fadedBy(nowMs));
    if (this.#penaltyMs * faded > cost) cost = this.#penaltyMs * faded;
    return cost;
  }

  /** Whether it has answered; until then its latency is a guess. */
  get known(): boolean {
    return this.#known;
  }

  /**
   * The logarithm of the cost, less what it fades with time: it stays as it is until the next end of a call, so that two
   * costs can be compared without bringing either up to date.
   */
  get level(): number {
    return levelAt(this.#stampMs, Math.max(this.#latencyMs, this.#penaltyMs));
  }

  /** The level of its answers alone. */
  get latencyLevel(): number {
    return levelAt(this.#stampMs, this.#latencyMs);
  }

  /** The level of its failures alone. */
  get penaltyLevel(): number {
    return levelAt(this.#stampMs, this.#penaltyMs);
  }

  /** The floorLevel() from which on the level is stale; that of failures never is, they are no chance. */
  get staleFrom(): number {
    if (this.#penaltyMs > this.#latencyMs) return HIGHEST_LEVEL;
    return Math.max(LOWEST_LEVEL, Math.min(HIGHEST_LEVEL, floorLevel(this.#staleMs) + 1));
  }

  #bornOut(nowMs: number): void {
    this.#staleMs = nowMs + STALE_AFTER * this.#latencyMs * 2 ** this.#confirmed;
  }

  /** The share of the costs that is left now. */
  #fadedBy(nowMs: number): number {
    const elapsedMs = nowMs - this.#stampMs;
    return elapsedMs > 0 ? Math.exp(-elapsedMs / FADE_MS) : 1;
  }

  #bringTo(nowMs: number): number {
    const faded = this.#fadedBy(nowMs);
    this.#latencyMs *= faded;
    this.#penaltyMs *= faded;
    if (nowMs > this.#stampMs) this.#stampMs = nowMs;
    return faded;
  }
}
