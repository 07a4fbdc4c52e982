/** Waiting for what happens instead of for time to pass. */

/** Things that happen, to be awaited one after the other. */
export class Inbox<T> {
  readonly #things: T[] = [];
  readonly #takers: ((thing: T) => void)[] = [];

  put(thing: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#things.push(thing);
    else taker(thing);
  }

  next(): Promise<T> {
    return new Promise((resolve) => {
      const thing = this.#things.shift();
      if (thing === undefined) this.#takers.push(resolve);
      else resolve(thing);
    });
  }

  get waiting(): number {
    return this.#things.length;
  }
}
