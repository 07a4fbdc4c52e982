/**
 * Which endpoints of a large service one client connects to: a thousand clients with ten thousand connections each are ten
 * million sockets, and a few connections per client balance as well.
 *
 * - Clients without a number: rendezvous hashing (Thaler and Ravishankar, 1996; gRFC A68): everyone takes the endpoints
 *   that a hash of both ids ranks first. Endpoints that come or go move only their own share, but some get more than twice
 *   the mean.
 * - Clients that are numbered 0, 1, 2, …: endpoints and clients stand on a circle at the places of one low-discrepancy
 *   sequence, and everyone takes those that come next. Whatever the numbers of both, the gaps are nearly even, so the
 *   connections are; who comes takes its own share and nobody else moves. The idea is that of Google's Rocksteadier
 *   (Ward, Wittich and others, "Reinventing Backend Subsetting at Google", ACM Queue 20(5), 2022), the sequence is van der
 *   Corput's with its digits exchanged (Faure, "Good permutations for extreme discrepancy", 1992). It is in base 10, in
 *   which people number their fleets: there it is exact wherever endpoints, clients and size are round numbers.
 */
import { checkRanges } from "./check-ranges.ts";
import type { Endpoint } from "./endpoint.ts";
import { hashText } from "./hash-text.ts";

export interface SubsetOptions {
  /** How many endpoints one client connects to, 1 to 100,000; all where there are no more. 20 is plenty. */
  readonly size: number;
}

/** Who takes a subset. */
export interface Subscriber {
  /** Told apart from all others: the instance's id. */
  readonly id: string;
  /** Its place among clients that are numbered from 0 without gaps, as those of a StatefulSet. */
  readonly number?: number | undefined;
}

/** Where an endpoint's metadata says its number, of those of its service from 0 without gaps. */
export const NUMBER_KEY = "number";

const DIGITS = [0, 5, 2, 7, 4, 9, 1, 6, 3, 8];
const BASE = DIGITS.length;
const HASHES = 2 ** 32;

/** The endpoints that a client connects to, at most so many. All clients that are asked alike agree. */
export function subsetOf(
  endpoints: readonly Endpoint[],
  { size }: SubsetOptions,
  { id, number }: Subscriber,
): readonly Endpoint[] {
  if (endpoints.length <= size) return endpoints;
  if (number === undefined) return first(endpoints, size, (endpoint) => hashText(`${id}\n${endpoint.id}`));
  const start = placeOf(number);
  // How far after the client's place an endpoint stands, round the circle.
  return first(endpoints, size, (endpoint) => {
    const ahead = placeOfEndpoint(endpoint) - start;
    return ahead < 0 ? ahead + 1 : ahead;
  });
}

interface Ranked {
  readonly endpoint: Endpoint;
  readonly rank: number;
}

/** Those of the lowest ranks, ids deciding between equal ones. Most are looked at once and left, so nothing is sorted. */
function first(
  endpoints: readonly Endpoint[],
  size: number,
  rankOf: (endpoint: Endpoint) => number,
): readonly Endpoint[] {
  const best: Ranked[] = [];
  for (const endpoint of endpoints) {
    const one = { endpoint, rank: rankOf(endpoint) };
    const last = best[size - 1];
    if (last !== undefined && !isBefore(one, last)) continue;
    const place = best.findIndex((other) => isBefore(one, other));
    best.splice(place < 0 ? best.length : place, 0, one);
    best.length = Math.min(best.length, size);
  }
  return best.map(({ endpoint }) => endpoint);
}

function isBefore(one: Ranked, other: Ranked): boolean {
  return one.rank < other.rank || (one.rank === other.rank && one.endpoint.id < other.endpoint.id);
}

/** Endpoints without a number stand anywhere. */
function placeOfEndpoint({ id, metadata }: Endpoint): number {
  const text = metadata[NUMBER_KEY];
  return text !== undefined && /^\d{1,9}$/.test(text) ? placeOf(Number(text)) : hashText(id) / HASHES;
}

/** The place of a number on the circle, 0 to 1: its digits, exchanged, behind the point in reverse order. */
function placeOf(number: number): number {
  let [place, unit] = [0, 1];
  for (let rest = number; rest > 0; rest = Math.floor(rest / BASE)) {
    place = place * BASE + (DIGITS[rest % BASE] as number);
    unit *= BASE;
  }
  return place / unit;
}

/** @throws MeshError INVALID_ARGUMENT for a size out of range. */
export function checkSubset(given: SubsetOptions): SubsetOptions {
  return checkRanges("subset", given, [["size", 1, 100_000]]);
}
