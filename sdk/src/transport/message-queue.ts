/** Messages between a transport that is pulled and whoever reads: an async iterator that asks for one more for each one taken. */
export interface MessageQueueHooks {
  /** One message was taken: there is room for another. */
  wanted(): void;
  /** The reader left before the end. */
  abandoned(): void;
}

interface Reader {
  resolve(result: IteratorResult<unknown>): void;
  reject(error: Error): void;
}

export class MessageQueue implements AsyncIterableIterator<unknown> {
  readonly #hooks: MessageQueueHooks;
  readonly #messages: unknown[] = [];
  readonly #readers: Reader[] = [];
  #error: Error | undefined;
  #ended = false;

  constructor(hooks: MessageQueueHooks) {
    this.#hooks = hooks;
  }

  push(message: unknown): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader === undefined) {
      this.#messages.push(message);
    } else {
      reader.resolve({ done: false, value: message });
      this.#hooks.wanted();
    }
  }

  /** No more messages; those that wait can still be read. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const reader of this.#readers.splice(0)) reader.resolve({ done: true, value: undefined });
  }

  /** The call failed: messages that arrived before can still be read, then this is thrown. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    const [first, ...others] = this.#readers.splice(0);
    if (first === undefined) this.#error = error;
    else first.reject(error);
    for (const reader of others) reader.resolve({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#messages.length > 0) {
      const value = this.#messages.shift();
      this.#hooks.wanted();
      return Promise.resolve({ done: false, value });
    }
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<unknown>> {
    const early = !this.#ended;
    this.#messages.length = 0;
    this.#error = undefined;
    // Ended first: what the hook makes of it is no news to whoever still waits for a message.
    this.end();
    if (early) this.#hooks.abandoned();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
