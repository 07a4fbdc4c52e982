/**
 * "ring_hash" (gRFC A42; Karger et al., 1997): calls with the same hash key go to the same endpoint, and when an endpoint
 * comes or goes only the keys of its share move. Every endpoint stands at many places of a ring, in proportion to its
 * weight; a call goes to the first place at or after its hash. Calls without a hash key go anywhere.
 *
 * Places are hashed from an endpoint's id, which stays when its address changes (the hash_key of gRFC A76), by
 * xxHash32: of a ring of 65,536 places at most that is enough. Shares are uneven by about 10 % with 100 places each:
 * "maglev" is more even and faster, and moves a few more keys.
 */
import { MeshError } from "../call/mesh-error.ts";
import type { Random } from "../call/random.ts";
import { endpointAt } from "./endpoint-at.ts";
import type { EndpointState } from "./endpoint-state.ts";
import { hashText } from "./hash-text.ts";
import type { PickContext, PickPolicy, PickPolicyFactory } from "./pick-policy.ts";

export interface RingHashOptions {
  /** Places of all endpoints together at least, 1 to 65,536. Default 1,024. */
  readonly minRingSize?: number;
  /** And at most, but always one for each endpoint; minRingSize to 65,536. Default 4,096. */
  readonly maxRingSize?: number;
}

/** gRFC A42's. */
const DEFAULTS: Required<RingHashOptions> = { minRingSize: 1_024, maxRingSize: 4_096 };
const LARGEST_RING = 65_536;
const HASHES = 2 ** 32;
/** Endpoints that can be told apart beside a hash in one number that is exact. */
const MAX_OWNERS = 2 ** 21;

/** Throws INVALID_ARGUMENT for options out of range. */
export function ringHash(given: RingHashOptions = {}): PickPolicyFactory {
  const { minRingSize, maxRingSize } = { ...DEFAULTS, ...given };
  const whole = Number.isInteger(minRingSize) && Number.isInteger(maxRingSize);
  if (!(whole && minRingSize >= 1 && minRingSize <= maxRingSize && maxRingSize <= LARGEST_RING)) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `ring of ring_hash has ${minRingSize} to ${maxRingSize} places: give whole numbers, minRingSize no more than maxRingSize, 1 to ${LARGEST_RING}`,
    );
  }
  return ({ random }) => new RingHash(random, minRingSize, maxRingSize);
}

class RingHash implements PickPolicy {
  readonly name = "ring_hash";
  readonly keepsKeys = true;
  readonly #random: Random;
  readonly #minSize: number;
  readonly #maxSize: number;
  #all: readonly EndpointState[] = [];
  #built = false;
  /** Places in the order of the ring, and whose each is. */
  #hashes = new Uint32Array(0);
  #owners = new Int32Array(0);

  constructor(random: Random, minSize: number, maxSize: number) {
    this.#random = random;
    this.#minSize = minSize;
    this.#maxSize = maxSize;
  }

  /** The ring is built when the next call comes: at the start endpoints become ready one after another. */
  update(ready: readonly EndpointState[]): void {
    this.#all = ready;
    this.#built = false;
  }

  pick(ready: readonly EndpointState[], { hash }: PickContext): EndpointState {
    if (this.#all.length === 0) this.update(ready);
    if (!this.#built) this.#build();
    const size = this.#hashes.length;
    const start = this.#firstFrom(hash ?? Math.floor(this.#random() * HASHES));
    const owner = this.#ownerAt(start);
    if (ready === this.#all) return owner;
    // A retry takes the next endpoint on the ring.
    for (let step = 0; step < size; step++) {
      const next = this.#ownerAt((start + step) % size);
      if (ready.includes(next)) return next;
    }
    return endpointAt(ready, 0);
  }

  #ownerAt(place: number): EndpointState {
    return endpointAt(this.#all, this.#owners[place] as number);
  }

  /** The first place at or after a hash, the first of all after the last. */
  #firstFrom(hash: number): number {
    const hashes = this.#hashes;
    let [low, high] = [0, hashes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((hashes[middle] as number) < hash) low = middle + 1;
      else high = middle;
    }
    return low === hashes.length ? 0 : low;
  }

  #build(): void {
    const places: number[] = [];
    const counts = placesOf(this.#all, this.#minSize, this.#maxSize);
    for (const [owner, state] of this.#all.entries()) {
      for (let place = 0; place < (counts[owner] as number); place++) {
        places.push(hashText(`${state.endpoint.id}_${place}`) * MAX_OWNERS + owner);
      }
    }
    const ring = Float64Array.from(places).sort();
    this.#hashes = Uint32Array.from(ring, (place) => Math.floor(place / MAX_OWNERS));
    this.#owners = Int32Array.from(ring, (place) => place % MAX_OWNERS);
    this.#built = true;
  }
}

/**
 * How many places each endpoint gets: as many as make the lightest one's a whole number and all together at least the
 * least (gRFC A42), and never none: an endpoint without a place would get no call.
 */
function placesOf(states: readonly EndpointState[], minSize: number, maxSize: number): readonly number[] {
  const total = states.reduce((sum, { weight }) => sum + weight, 0);
  const shares = states.map(({ weight }) => weight / total);
  const least = shares.reduce((least, share) => Math.min(least, share), 1);
  const size = Math.min(Math.ceil(least * minSize) / least, maxSize);
  let [wanted, given] = [0, 0];
  return shares.map((share) => {
    wanted += share * size;
    const count = Math.max(1, Math.round(wanted) - given);
    given = Math.max(given + count, Math.round(wanted));
    return count;
  });
}
