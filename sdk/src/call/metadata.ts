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

export class Metadata {
  /** Made with the first value: most calls have none of their own, and several of these. */
  #values: Map<string, MetadataValue[]> | undefined;

  /**
   * Metadata as a transport received it, keys in lower case: neither checked nor copied, for the peer's library has
   * checked it and it goes nowhere else.
   */
  static received(values: Readonly<Record<string, MetadataValue[]>>): Metadata {
    const metadata = new Metadata();
    for (const [key, list] of Object.entries(values)) (metadata.#values ??= new Map()).set(key, list);
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

  get size(): number {
    return this.#values?.size ?? 0;
  }

  /** The first value of a text key. */
  get(key: string): string | undefined {
    const value = this.#values?.get(key.toLowerCase())?.[0];
    return typeof value === "string" ? value : undefined;
  }

  /** The first value of a "-bin" key. */
  getBinary(key: string): Uint8Array | undefined {
    const value = this.#values?.get(key.toLowerCase())?.[0];
    return value instanceof Uint8Array ? value : undefined;
  }

  /** Every value of a key, in the order they came; empty when there is none. */
  getAll(key: string): readonly MetadataValue[] {
    return this.#values?.get(key.toLowerCase()) ?? [];
  }

  has(key: string): boolean {
    return this.#values?.has(key.toLowerCase()) ?? false;
  }

  /** Puts one value in place of what the key held. Throws INVALID_ARGUMENT for a key or value gRPC cannot carry. */
  set(key: string, value: MetadataValue): this {
    const valid = validKey(key, value);
    (this.#values ??= new Map()).set(valid, [value]);
    return this;
  }

  /** Adds a value after those the key holds. Throws like set. */
  append(key: string, value: MetadataValue): this {
    const valid = validKey(key, value);
    const values = this.#values?.get(valid);
    if (values === undefined) (this.#values ??= new Map()).set(valid, [value]);
    else values.push(value);
    return this;
  }

  delete(key: string): void {
    this.#values?.delete(key.toLowerCase());
  }

  /** Adds all of another's values. */
  addAll(other: Metadata): this {
    if (!(#values in other)) return this.#appendAll(other);
    if (other.#values === undefined) return this;
    this.#values ??= new Map();
    for (const [key, values] of other.#values) this.#values.set(key, [...(this.#values.get(key) ?? []), ...values]);
    return this;
  }

  /** Another copy of this package hides its pairs from this one. */
  #appendAll(pairs: Iterable<[string, MetadataValue]>): this {
    for (const [key, value] of pairs) this.append(key, value);
    return this;
  }

  /** Every pair; a key with several values comes several times. */
  *[Symbol.iterator](): IterableIterator<[string, MetadataValue]> {
    for (const [key, values] of this.#values ?? []) {
      for (const value of values) yield [key, value];
    }
  }
}

function isMany(value: MetadataValue | readonly MetadataValue[]): value is readonly MetadataValue[] {
  return Array.isArray(value);
}

function validKey(key: string, value: MetadataValue): string {
  const lower = key.toLowerCase();
  if (!KEY.test(lower)) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `metadata key ${JSON.stringify(key)} has characters other than 0-9 a-z _ - .`,
    );
  }
  if (RESERVED_KEYS.has(lower)) {
    throw new MeshError("INVALID_ARGUMENT", `metadata key ${lower} is HTTP/2's or gRPC's own: choose another`);
  }
  const kind = value instanceof Uint8Array ? "bytes" : typeof value;
  if (kind !== (lower.endsWith("-bin") ? "bytes" : "string")) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `metadata ${lower} is of type ${kind}: bytes go under keys that end in -bin, strings under all others`,
    );
  }
  if (typeof value === "string" && !ASCII_VALUE.test(value)) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `metadata ${lower} is not printable ASCII: send it as bytes under ${lower}-bin`,
    );
  }
  return lower;
}
