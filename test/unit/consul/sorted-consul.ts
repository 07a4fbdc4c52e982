/** A scripted Consul whose requests come sorted: several watches and looks speak to it at once, in no certain order. */
import type { Asked, ScriptedConsul } from "./scripted-consul.ts";

export class SortedConsul {
  readonly #consul: ScriptedConsul;
  readonly #kept: Asked[] = [];

  constructor(consul: ScriptedConsul) {
    this.#consul = consul;
  }

  /** The next request of this kind; those of others are kept for who asks for them. */
  async next(kind: (asked: Asked) => boolean): Promise<Asked> {
    const at = this.#kept.findIndex(kind);
    const [kept] = at === -1 ? [] : this.#kept.splice(at, 1);
    if (kept !== undefined) return kept;
    for (;;) {
      const asked = await this.#consul.next();
      if (kind(asked)) return asked;
      this.#kept.push(asked);
    }
  }

  /** Whether one of this kind has arrived and was not taken. */
  async has(kind: (asked: Asked) => boolean): Promise<boolean> {
    while (this.#consul.waiting > 0) this.#kept.push(await this.#consul.next());
    return this.#kept.some(kind);
  }
}

/** Of a watch: with or without an index, but for nothing special. */
export const watched =
  (name: string) =>
  ({ path, query }: Asked): boolean =>
    path === `/v1/health/service/${name}` && !query.has("consistent") && !query.has("stale");

/** A confirmation by the leader: of the passing instances, or of all. */
export const confirmed =
  (what: "passing" | "all") =>
  ({ query }: Asked): boolean =>
    query.has("consistent") && query.has("passing") === (what === "passing");

export const at =
  (path: string) =>
  (asked: Asked): boolean =>
    asked.path === path;
