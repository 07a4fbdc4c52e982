/**
 * The responses of a stream before anybody reads them: the call is made with the first next(), so that one that is never
 * read is never made, and whatever is wrong with it reaches its reader.
 */
import { MeshError } from "../call/mesh-error.ts";

/** Makes the call: gives its responses, or a promise of them where interceptors have a say. */
type Open = () => unknown;

export class LazyResponses implements AsyncIterableIterator<unknown> {
  #open: Open | undefined;
  #opening: Promise<AsyncIterator<unknown>> | undefined;
  #iterator: AsyncIterator<unknown> | undefined;

  constructor(open: Open) {
    this.#open = open;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#iterator !== undefined) return this.#iterator.next();
    return this.#first();
  }

  /** Leaves the stream: a call that was made is cancelled, one that was not never will be. */
  async return(): Promise<IteratorResult<unknown>> {
    this.#open = undefined;
    // A call that failed before it was read has nothing to leave; its reader no longer wants to know.
    const iterator = this.#iterator ?? (await this.#opening?.catch(() => undefined));
    await iterator?.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #first(): Promise<IteratorResult<unknown>> {
    if (this.#opening === undefined) {
      if (this.#open === undefined) return { done: true, value: undefined };
      this.#opening = this.#iterate(this.#open);
      this.#open = undefined;
    }
    return (await this.#opening).next();
  }

  /** Opens within the first next(), so that the call belongs to the context of who reads. */
  async #iterate(open: Open): Promise<AsyncIterator<unknown>> {
    const result = open();
    const responses = result instanceof Promise ? await result : result;
    if (typeof responses !== "object" || responses === null || !(Symbol.asyncIterator in responses)) {
      throw new MeshError("INTERNAL", "an interceptor of a streaming method did not resolve to an async iterable");
    }
    this.#iterator = (responses as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    return this.#iterator;
  }
}
