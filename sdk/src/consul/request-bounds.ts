/** The ways in which a request is given up: its time is over, its caller has gone, its client was closed. */
import type { Clock } from "../call/clock.ts";

export interface RequestLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** "background" lets the process end while the request is under way. */
  readonly upkeep: "foreground" | "background" | undefined;
}

export type GaveUp = "TIMEOUT" | "CANCELLED" | "CLOSED";

export class RequestBounds {
  readonly #ending = new AbortController();
  readonly #lift: () => void;
  #why: GaveUp | undefined;

  constructor({ timeoutMs, signal, upkeep }: RequestLimits, clock: Clock) {
    const onTimeout = (): void => this.giveUp("TIMEOUT");
    const onAbort = (): void => this.giveUp("CANCELLED");
    const timer =
      upkeep === "background" ? clock.setBackgroundTimer(onTimeout, timeoutMs) : clock.setTimer(onTimeout, timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#lift = () => {
      timer.cancel();
      signal?.removeEventListener("abort", onAbort);
    };
  }

  /** Why it was given up; undefined when it was not. */
  get why(): GaveUp | undefined {
    return this.#why;
  }

  giveUp(why: GaveUp): void {
    this.#why ??= why;
    this.#ending.abort();
  }

  /** What comes of the work; when the request is given up first, calls cancel and rejects. */
  async within<T>(work: Promise<T>, cancel?: () => void): Promise<T> {
    const { signal } = this.#ending;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        cancel?.();
        reject(new Error("given up"));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    });
  }

  /** Ends timer and listeners; must be called once all is done. */
  lift(): void {
    this.#lift();
  }
}
