/**
 * "maglev" (Eisenbud et al., Maglev: A Fast and Reliable Software Network Load Balancer, NSDI 2016, section 3.4): calls
 * with the same hash key go to the same endpoint, found by one look into a table. Every endpoint has an order of its own
 * in which it likes the table's places; they take turns at taking the first one that is free, so all get equally many,
 * heavier ones more turns. When an endpoint comes or goes, its share of the keys moves and a few others.
 *
 * Orders come from ids, and turns go by them, so all clients of the same endpoints agree. The table is built when the
 * first call comes after a change of endpoints, and not when only their connections or metadata changed.
 */
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import { drawIndex, endpointAt } from "./endpoint-at.ts";
import type { EndpointState } from "./endpoint-state.ts";
import { hashText } from "./hash-text.ts";
import type { PickContext, PickPolicy, PickPolicyFactory } from "./pick-policy.ts";

export interface MaglevOptions {
  /**
   * Places of the table: a prime number above the number of endpoints, up to 5,000,011. The more there are for each
   * endpoint, the fewer keys move. Default 65,537, the paper's and Envoy's.
   */
  readonly tableSize?: number;
}

const DEFAULT_SIZE = 65_537;
/** Envoy's bound: a table of 20 MB. */
const LARGEST_SIZE = 5_000_011;
const FREE = -1;
/** Who weighs less than this share of the heaviest counts as weighing so much: else most rounds would pass for nothing. */
const LEAST_SHARE = 1 / 256;
/** Makes the second hash of an id another one. */
const SKIP_SEED = 0x5bd1e995;

/** Throws INVALID_ARGUMENT when the size of the table is no prime number or out of range. */
export function maglev({ tableSize = DEFAULT_SIZE }: MaglevOptions = {}): PickPolicyFactory {
  if (!isPrime(tableSize) || tableSize > LARGEST_SIZE) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `tableSize of maglev is ${tableSize}: give a prime number up to ${LARGEST_SIZE}, such as 65537 or 655373`,
    );
  }
  return ({ random }) => new Maglev(random, tableSize);
}

class Maglev implements PickPolicy {
  readonly name = "maglev";
  readonly keepsKeys = true;
  readonly #random: Random;
  readonly #table: Int32Array;
  #all: readonly EndpointState[] = [];
  #built = false;
  /** In the order of ids; the table says which. */
  #members: readonly EndpointState[] = [];
  /** What the table was built from. */
  #ids: readonly string[] = [];
  #weights: readonly number[] = [];

  constructor(random: Random, size: number) {
    this.#random = random;
    this.#table = new Int32Array(size).fill(FREE);
  }

  update(ready: readonly EndpointState[]): void {
    this.#all = ready;
    this.#built = false;
  }

  pick(ready: readonly EndpointState[], { hash }: PickContext): EndpointState {
    if (this.#all.length === 0) this.update(ready);
    if (!this.#built) this.#build();
    const size = this.#table.length;
    const start = hash === undefined ? drawIndex(this.#random, size) : hash % size;
    const owner = this.#ownerAt(start);
    if (ready === this.#all) return owner;
    // A retry goes on through the table to the next endpoint that is left.
    for (let step = 0; step < size; step++) {
      const next = this.#ownerAt((start + step) % size);
      if (ready.includes(next)) return next;
    }
    return endpointAt(ready, 0);
  }

  #ownerAt(place: number): EndpointState {
    return endpointAt(this.#members, this.#table[place] as number);
  }

  #build(): void {
    this.#built = true;
    this.#members = this.#all.toSorted((a, b) => (a.endpoint.id < b.endpoint.id ? -1 : 1));
    const ids = this.#members.map((state) => state.endpoint.id);
    const weights = this.#members.map((state) => state.weight);
    const same = (one: readonly unknown[], other: readonly unknown[]): boolean =>
      one.length === other.length && one.every((value, at) => value === other[at]);
    if (same(ids, this.#ids) && same(weights, this.#weights)) return;
    this.#ids = ids;
    this.#weights = weights;
    fill(this.#table, ids, weights);
  }
}

/** The paper's Populate: rounds in which everyone takes a place, the lighter ones only in some. */
function fill(table: Int32Array, ids: readonly string[], weights: readonly number[]): void {
  const size = table.length;
  const heaviest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  const shares = Float64Array.from(weights, (weight) => Math.max(weight / heaviest, LEAST_SHARE));
  const skips = Int32Array.from(ids, (id) => (hashText(id, SKIP_SEED) % (size - 1)) + 1);
  /** Where everyone goes on looking. */
  const places = Int32Array.from(ids, (id) => hashText(id) % size);
  table.fill(FREE);
  if (ids.length === 0) return;
  for (let round = 0, taken = 0; taken < size; round++) {
    for (let at = 0; at < ids.length && taken < size; at++) {
      const share = shares[at] as number;
      if (Math.floor((round + 1) * share) === Math.floor(round * share)) continue;
      let place = places[at] as number;
      while (table[place] !== FREE) place = (place + (skips[at] as number)) % size;
      table[place] = at;
      places[at] = place;
      taken++;
    }
  }
}

function isPrime(value: number): boolean {
  if (!Number.isInteger(value) || value < 3 || value % 2 === 0) return false;
  for (let factor = 3; factor * factor <= value; factor += 2) if (value % factor === 0) return false;
  return true;
}
