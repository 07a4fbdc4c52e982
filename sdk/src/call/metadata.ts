/**
 * The key-value pairs that travel beside a call's messages: gRPC custom metadata
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Keys are lower case; a key ending in "-bin" holds
 * bytes, every other printable ASCII text; one key can hold several values, in order.
 */
import { MeshError } from "./mesh-error.ts";

export type MetadataValue = string | Uint8Array;

/** What Metadata.from takes: one value or several per key. */
export type MetadataInit = Metadata | Readonly<Record<string, MetadataValue | readonly MetadataValue[]>>;

const KEY = /^[0-9a-z_.-]+$/;
const ASCII_VALUE = /^[\x20-\x7e]*$/;
/**
 * HTTP/2 forbids the headers of a connection (RFC 9113, section 8.2.2), and gRPC writes the others itself: one of a user's
 * would break the connection's encoder or be taken for gRPC's own.
 */
const RESERVED_KEYS: ReadonlySet<string> = new Set(
  (
    "connection http2-settings keep-alive proxy-connection transfer-encoding upgrade host te content-type " +
    "grpc-encoding grpc-accept-encoding grpc-message grpc-status grpc-timeout"
  ).split(" "),
);

/**
 * Keys and values lie side by side in one list: a call has a handful of them, which are found faster by looking at each
 * than in a map that would be made for every call.
 */
export class Metadata {
  /** Key, value, key, value, in the order they came. Made with the first of them: most calls have none of their own. */
  #pairs: MetadataValue[] | undefined;

  /**
   * Metadata as a transport received it, or the mesh makes it: key, value, key, value, with keys in lower case. Neither
   * checked nor copied, for who wrote it has checked it and it goes nowhere else.
   */
  static received(pairs: MetadataValue[]): Metadata {
    const metadata = new Metadata();
    metadata.#pairs = pairs;
    return metadata;
  }

  /** Metadata with these pairs; Metadata itself is passed through, not copied. Throws like set. */
  static from(init: MetadataInit | undefined): Metadata {
    if (init instanceof Metadata) return init;
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(init ?? {})) {
      for (const one of isMany(value) ? value : [value]) metadata.append(key, one);
    }
    return metadata;
  }

  /** Whether set and append take the pair. */
  static carries(key: string, value: MetadataValue): boolean {
    return faultOf(key.toLowerCase(), value) === undefined;
  }

  /** How many keys there are. */
  get size(): number {
    if (this.length < 2) return this.length;
    return new Set(Array.from({ length: this.length }, (_, pair) => this.keyAt(pair))).size;
  }

  /** How many pairs there are: for keyAt() and valueAt(), by which they can be read without making anything. */
  get length(): number {
    return this.#pairs === undefined ? 0 : this.#pairs.length / 2;
  }

  /** The key of a pair, 0 to length - 1. */
  keyAt(pair: number): string {
    return this.#pairs?.[pair * 2] as string;
  }

  valueAt(pair: number): MetadataValue {
    return this.#pairs?.[pair * 2 + 1] ?? "";
  }

  /** The first value of a text key. */
  get(key: string): string | undefined {
    const value = this.#first(key);
    return typeof value === "string" ? value : undefined;
  }

  /** The first value of a "-bin" key. */
  getBinary(key: string): Uint8Array | undefined {
    const value = this.#first(key);
    return value instanceof Uint8Array ? value : undefined;
  }

  /** Every value of a key, in the order they came; empty when there is none. */
  getAll(key: string): readonly MetadataValue[] {
    const lower = key.toLowerCase();
    const values: MetadataValue[] = [];
    for (let pair = 0; pair < this.length; pair++) if (this.keyAt(pair) === lower) values.push(this.valueAt(pair));
    return values;
  }

  has(key: string): boolean {
    return this.#first(key) !== undefined;
  }

  /** Puts one value in place of what the key held. Throws INVALID_ARGUMENT for a key or value gRPC cannot carry. */
  set(key: string, value: MetadataValue): this {
    const valid = validKey(key, value);
    this.delete(valid);
    (this.#pairs ??= []).push(valid, value);
    return this;
  }

  /** Adds a value after those the key holds. Throws like set. */
  append(key: string, value: MetadataValue): this {
    const valid = validKey(key, value);
    (this.#pairs ??= []).push(valid, value);
    return this;
  }

  delete(key: string): void {
    const lower = key.toLowerCase();
    for (let pair = this.length - 1; pair >= 0; pair--)
      if (this.keyAt(pair) === lower) this.#pairs?.splice(pair * 2, 2);
  }

  /** Adds all of another's values. */
  addAll(other: Metadata): this {
    if (!(#pairs in other)) return this.#appendAll(other);
    if (other.#pairs !== undefined) this.#pairs = [...(this.#pairs ?? []), ...other.#pairs];
    return this;
  }

  /** Another copy of this package hides its pairs from this one. */
  #appendAll(pairs: Iterable<[string, MetadataValue]>): this {
    for (const [key, value] of pairs) this.append(key, value);
    return this;
  }

  /** Every pair; a key with several values comes several times. */
  *[Symbol.iterator](): IterableIterator<[string, MetadataValue]> {
    for (let pair = 0; pair < this.length; pair++) yield [this.keyAt(pair), this.valueAt(pair)];
  }

  #first(key: string): MetadataValue | undefined {
    const pairs = this.#pairs;
    if (pairs === undefined || pairs.length === 0) return undefined;
    const lower = key.toLowerCase();
    for (let at = 0; at < pairs.length; at += 2) if (pairs[at] === lower) return pairs[at + 1];
    return undefined;
  }
}

function isMany(value: MetadataValue | readonly MetadataValue[]): value is readonly MetadataValue[] {
  return Array.isArray(value);
}

function validKey(key: string, value: MetadataValue): string {
  const lower = key.toLowerCase();
  const fault = faultOf(lower, value);
  if (fault !== undefined) throw new MeshError("INVALID_ARGUMENT", fault);
  return lower;
}

function faultOf(key: string, value: MetadataValue): string | undefined {
  if (!KEY.test(key)) return `metadata key ${JSON.stringify(key)} has characters other than 0-9 a-z _ - .`;
  if (RESERVED_KEYS.has(key)) return `metadata key ${key} is HTTP/2's or gRPC's own: choose another`;
  const kind = value instanceof Uint8Array ? "bytes" : typeof value;
  if (kind !== (key.endsWith("-bin") ? "bytes" : "string")) {
    return `metadata ${key} is of type ${kind}: bytes go under keys that end in -bin, strings under all others`;
  }
  if (typeof value === "string" && !ASCII_VALUE.test(value)) {
    return `metadata ${key} is not printable ASCII: send it as bytes under ${key}-bin`;
  }
  return undefined;
}
