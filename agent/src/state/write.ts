/**
 * One write to the state: all that changes in it has one index, wakes its watchers once and together, and can be taken
 * back as long as it is not complete. It takes its index only when something really changes.
 */
import type { Journal } from "./journal.ts";

export class Write {
  readonly #journal: Journal;
  readonly #woken = new Set<string>();
  readonly #undo: (() => void)[] = [];
  readonly #after: (() => void)[] = [];
  #index: number;

  /** @param index For what is there from the start; otherwise the journal gives one. */
  constructor(journal: Journal, index = 0) {
    this.#journal = journal;
    this.#index = index;
  }

  index(): number {
    if (this.#index === 0) this.#index = this.#journal.advance();
    return this.#index;
  }

  /** Whoever watches this topic reads again when the write is complete. */
  wake(topic: string): this {
    this.#woken.add(topic);
    return this;
  }

  set<K, V>(map: Map<K, V>, key: K, value: V): void {
    this.#remember(map, key);
    map.set(key, value);
  }

  delete<K, V>(map: Map<K, V>, key: K): void {
    if (!map.has(key)) return;
    this.#remember(map, key);
    map.delete(key);
  }

  /** Of a change that was made without {@link set} and {@link delete}. */
  onRollback(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** For effects that nothing takes back, such as stopping a timer. */
  afterCommit(run: () => void): void {
    this.#after.push(run);
  }

  /** Watchers read at once, and find everything. */
  commit(): void {
    for (const run of this.#after) run();
    this.#journal.announce(this.#woken);
  }

  /** Everything is as before, and nobody hears of it. */
  rollback(): void {
    for (const undo of this.#undo.reverse()) undo();
  }

  #remember<K, V>(map: Map<K, V>, key: K): void {
    const before = map.get(key);
    this.#undo.push(before === undefined ? () => map.delete(key) : () => map.set(key, before));
  }
}
