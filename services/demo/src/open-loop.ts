/**
 * A steady load: a call is sent when it is due, whether or not those before it were answered. A loop that waits for
 * answers slows down with the service and hides what its callers would feel (Schroeder et al., Open Versus Closed: A
 * Cautionary Tale, 2006).
 */
export interface OpenLoopOptions {
  /** Calls per second. */
  readonly rate: number;
  /** How many to send; default: until stopped. */
  readonly calls?: number;
  /** Sends call number n, from 0. */
  readonly send: (n: number) => void;
}

export class OpenLoop {
  readonly #options: OpenLoopOptions;
  readonly #startedAt: number;
  readonly #done: Promise<void>;
  #end: () => void = () => {};
  #sent = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Begins at once. */
  constructor(options: OpenLoopOptions) {
    this.#options = options;
    this.#startedAt = performance.now();
    this.#done = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#tick();
  }

  get sent(): number {
    return this.#sent;
  }

  /** Resolves when all calls are sent or the loop was stopped. */
  get done(): Promise<void> {
    return this.#done;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#end();
  }

  #tick(): void {
    const { rate, calls = Infinity, send } = this.#options;
    const elapsedMs = performance.now() - this.#startedAt;
    const due = Math.min(calls, Math.floor((elapsedMs * rate) / 1_000) + 1);
    while (this.#sent < due) send(this.#sent++);
    if (this.#sent >= calls) return this.stop();
    this.#timer = setTimeout(() => this.#tick(), (this.#sent * 1_000) / rate - elapsedMs);
  }
}
