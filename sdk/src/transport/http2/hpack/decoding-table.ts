/** The dynamic table of who decodes (RFC 7541 sections 2.3.2 and 4): a ring, so that neither end costs more than its entry. */
import { type FieldFlaw, NO_FLAW } from "./field-flaws.ts";

/** What an entry costs beside its characters (RFC 7541 section 4.1). */
export const ENTRY_OVERHEAD_BYTES = 32;

/** A power of two; the usual connection has fewer entries. */
const FIRST_SLOTS = 32;

export class DecodingTable {
  #names: string[] = [];
  #values: string[] = [];
  #flaws: FieldFlaw[] = [];
  /** Slots are a power of two. */
  #mask = -1;
  /** Where the next entry goes. */
  #head = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** @param age 0 for the newest entry, below count. */
  name(age: number): string {
    return this.#names[(this.#head - 1 - age) & this.#mask] as string;
  }

  value(age: number): string {
    return this.#values[(this.#head - 1 - age) & this.#mask] as string;
  }

  flaw(age: number): FieldFlaw {
    return this.#flaws[(this.#head - 1 - age) & this.#mask] as FieldFlaw;
  }

  /** An entry larger than the whole table only empties it. */
  insert(name: string, value: string, flaw: FieldFlaw): void {
    const bytes = name.length + value.length + ENTRY_OVERHEAD_BYTES;
    if (bytes > this.#maxBytes) return this.clear();
    this.#evictTo(this.#maxBytes - bytes);
    if (this.#count > this.#mask) this.#grow();
    const slot = this.#head;
    this.#names[slot] = name;
    this.#values[slot] = value;
    this.#flaws[slot] = flaw;
    this.#head = (slot + 1) & this.#mask;
    this.#count++;
    this.#bytes += bytes;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  clear(): void {
    this.#evictTo(0);
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes) {
      const slot = (this.#head - this.#count) & this.#mask;
      const name = this.#names[slot] as string;
      const value = this.#values[slot] as string;
      this.#bytes -= name.length + value.length + ENTRY_OVERHEAD_BYTES;
      this.#count--;
      // Evicted strings are not to be kept alive.
      this.#names[slot] = "";
      this.#values[slot] = "";
    }
  }

  /** Slots are made as entries come: most connections never fill their table. */
  #grow(): void {
    const slots = this.#mask < 0 ? FIRST_SLOTS : (this.#mask + 1) * 2;
    const names: string[] = [];
    const values: string[] = [];
    const flaws: FieldFlaw[] = [];
    for (let age = this.#count - 1; age >= 0; age--) {
      names.push(this.name(age));
      values.push(this.value(age));
      flaws.push(this.flaw(age));
    }
    for (let slot = this.#count; slot < slots; slot++) {
      names.push("");
      values.push("");
      flaws.push(NO_FLAW);
    }
    this.#names = names;
    this.#values = values;
    this.#flaws = flaws;
    this.#mask = slots - 1;
    this.#head = this.#count;
  }
}
