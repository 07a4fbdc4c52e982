/**
 * Keeps calls in the caller's own zone, as long as that can carry them. What the zone can carry is seen by how long calls
 * take there against other zones, of which one call in a hundred makes sure that something is known: while they take at most
 * `tolerance` times as long and `allowanceMs` more, all others stay; beyond, the share that goes elsewhere grows with the
 * excess. When endpoints of the zone are out, it is taken to carry 1.4 times the share that is left, Envoy's overprovisioning
 * factor (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/overprovisioning), and a
 * zone without endpoints carries nothing.
 *
 * The share follows the excess and does not add it up: clients that measure alike send alike shares, and none is left over
 * when the excess has gone. It grows faster than it shrinks, since a queue costs more than a way to another zone. The figures
 * below were found with the simulator's `zones`. Nothing here has a timer: shares are looked at when calls are picked.
 */
import type { Random } from "../call/random.ts";
import { checkRanges } from "./check-ranges.ts";
import type { Verdict } from "./endpoint-state.ts";

export interface ZonePreferenceOptions {
  /** How many times as long as elsewhere answers of the own zone may take before calls go elsewhere, 1 to 100. Default 2. */
  readonly tolerance?: number;
  /** Milliseconds that they may take longer besides, 0 or more: what the way to another zone costs. Default 5, as in Kratos. */
  readonly allowanceMs?: number;
}

const DEFAULTS: Required<ZonePreferenceOptions> = { tolerance: 2, allowanceMs: 5 };
/** Share of the calls that goes elsewhere to see how long they take there, and that stays when nearly all go. */
const EXPLORED = 0.01;
const MOST_SPILLED = 0.95;
/** Milliseconds between looks. */
const LOOK_MS = 250;
/** How far the share elsewhere goes at a look towards what is wanted, when that is more and when it is less. */
const UP = 0.5;
const DOWN = 0.2;
/** How many times the bearable wait sends nearly all calls elsewhere. */
const FULL = 4;
/** Time constant of what is remembered of answers and calls in flight. */
const FADE_MS = 1_000;
/** Answers within that time, or calls under way, that are enough to go by their number. */
const BUSY = 4;
/** Waits below count as this long. */
const LEAST_MS = 0.1;
const OVERPROVISIONING = 1.4;

export class ZonePreference {
  readonly #options: Required<ZonePreferenceOptions>;
  readonly #random: Random;
  readonly #own = new Side();
  readonly #others = new Side();
  /** What goes elsewhere since answers of the own zone take longer. */
  #spilled = 0;
  /** What goes elsewhere since endpoints of the own zone are out. */
  #displaced = 0;
  #elsewhere = 0;
  #lookedMs: number;

  /** @throws MeshError INVALID_ARGUMENT for options out of range. */
  constructor(options: ZonePreferenceOptions, random: Random, nowMs: number) {
    this.#options = checkZonePreference(options);
    this.#random = random;
    this.#lookedMs = nowMs;
  }

  /**
   * @param all endpoints of the own zone.
   * @param own those of them that get calls.
   * @param others those of other zones that do.
   */
  update(all: number, own: number, others: number): void {
    this.#own.endpoints = own;
    this.#others.endpoints = others;
    this.#displaced = all === 0 ? 1 : 1 - Math.min(1, (OVERPROVISIONING * own) / all);
    this.#settle();
  }

  /** The share of calls that goes elsewhere, 0 to 1. */
  get elsewhere(): number {
    return this.#elsewhere;
  }

  /** Whether the next call goes elsewhere. */
  goes(nowMs: number): boolean {
    if (nowMs - this.#lookedMs >= LOOK_MS) this.#look(nowMs);
    return this.#elsewhere > 0 && this.#random() < this.#elsewhere;
  }

  /** An attempt begins, in the own zone or elsewhere. */
  began(own: boolean, nowMs: number): void {
    (own ? this.#own : this.#others).began(nowMs);
  }

  /** And has ended. */
  ended(own: boolean, durationMs: number, verdict: Verdict, nowMs: number): void {
    (own ? this.#own : this.#others).ended(durationMs, verdict, nowMs);
  }

  #look(nowMs: number): void {
    const [own, others] = [this.#own, this.#others];
    own.look(nowMs, nowMs - this.#lookedMs);
    others.look(nowMs, nowMs - this.#lookedMs);
    this.#lookedMs = nowMs;
    if (!own.known || !others.known) return;
    const { tolerance, allowanceMs } = this.#options;
    const excess = Math.log(own.waitMs / (tolerance * others.waitMs + allowanceMs));
    const wanted = clamp(excess / Math.log(FULL), 0, MOST_SPILLED);
    this.#spilled += (wanted - this.#spilled) * (wanted > this.#spilled ? UP : DOWN);
    this.#settle();
  }

  #settle(): void {
    if (this.#others.endpoints === 0) this.#elsewhere = 0;
    else if (this.#own.endpoints === 0) this.#elsewhere = 1;
    else this.#elsewhere = Math.max(this.#spilled, this.#displaced, EXPLORED);
  }
}

/** What is known of how long calls take in one zone, or in all others. */
class Side {
  /** How many get calls. */
  endpoints = 0;
  known = false;
  #latencyMs = 0;
  #heardMs = -Infinity;
  #open = 0;
  /** Milliseconds that all calls together were under way since the last look, until #countedMs. */
  #openMs = 0;
  #countedMs = 0;
  #ended = 0;
  /** Means: calls under way, and ends per millisecond. */
  #inFlight = 0;
  #endedPerMs = 0;

  /**
   * What the next call would wait for. Answers tell what calls of a while ago waited for; where there are enough, calls under
   * way tell sooner that a queue has grown, or gone (Little's law).
   */
  get waitMs(): number {
    const busy = this.#endedPerMs * FADE_MS >= BUSY;
    return Math.max(LEAST_MS, busy ? this.#inFlight / this.#endedPerMs : this.#latencyMs);
  }

  began(nowMs: number): void {
    this.#count(nowMs);
    this.#open++;
  }

  ended(durationMs: number, verdict: Verdict, nowMs: number): void {
    this.#count(nowMs);
    this.#open = Math.max(0, this.#open - 1);
    // Of what did not succeed only a long wait tells what can be carried: it took at least so long.
    if (verdict !== "success" && durationMs < this.#latencyMs) return;
    this.#ended++;
    this.known = true;
    this.#latencyMs += (durationMs - this.#latencyMs) * followed(nowMs - this.#heardMs);
    this.#heardMs = nowMs;
  }

  look(nowMs: number, elapsedMs: number): void {
    this.#count(nowMs);
    const share = followed(elapsedMs);
    // Of many under way the number of now says enough; of few chance would say more than the queue.
    if (this.#open >= BUSY) this.#inFlight = this.#open;
    else this.#inFlight += (this.#openMs / elapsedMs - this.#inFlight) * share;
    this.#endedPerMs += (this.#ended / elapsedMs - this.#endedPerMs) * share;
    this.#openMs = 0;
    this.#ended = 0;
  }

  #count(nowMs: number): void {
    this.#openMs += this.#open * Math.max(0, nowMs - this.#countedMs);
    this.#countedMs = nowMs;
  }
}

/** How far a mean goes towards what comes after so long. */
function followed(elapsedMs: number): number {
  return 1 - Math.exp(-elapsedMs / FADE_MS);
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

/** The options with the defaults in the gaps. @throws MeshError INVALID_ARGUMENT that names every one out of range. */
export function checkZonePreference(given: ZonePreferenceOptions): Required<ZonePreferenceOptions> {
  return checkRanges("zone preference", { ...DEFAULTS, ...given }, [
    ["tolerance", 1, 100],
    ["allowanceMs", 0, 60_000],
  ]);
}
