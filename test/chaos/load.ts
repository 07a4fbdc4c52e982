/** Calls at a steady rate, and what became of them. */
import type { GreeterServiceClient } from "../../services/gen/greeter/v1/greeter.mesh.ts";
import { OpenLoop } from "../../services/demo/src/open-loop.ts";

/**
 * A second is more than a thousand times what a call takes. What takes longer has waited for an endpoint, and that is
 * a failure here.
 */
const DEADLINE_MS = 1_000;
const KEPT_FAILURES = 5;

export interface Failure {
  readonly at: number;
  readonly message: string;
}

export class Load {
  readonly #loop: OpenLoop;
  readonly #answered = new Map<string, number>();
  readonly #open = new Set<Promise<void>>();
  readonly #listeners = new Set<(instance: string) => void>();
  /** The first of them. */
  readonly failures: Failure[] = [];
  failed = 0;
  slowestMs = 0;

  /** Begins at once. @param rate calls per second. */
  constructor(greeter: GreeterServiceClient, rate: number) {
    this.#loop = new OpenLoop({
      rate,
      send: () => {
        const call = this.#call(greeter).finally(() => this.#open.delete(call));
        this.#open.add(call);
      },
    });
  }

  get sent(): number {
    return this.#loop.sent;
  }

  /** How many calls an instance has answered. */
  answeredBy(instance: string): number {
    return this.#answered.get(instance) ?? 0;
  }

  /** Resolves with the next answer of an instance; rejects when the signal aborts. */
  nextAnswerOf(instance: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#listeners.delete(listener);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        leave();
        reject(new Error(`no call was answered by ${instance}: ${String(signal.reason)}`));
      };
      const listener = (by: string): void => {
        if (by !== instance) return;
        leave();
        resolve();
      };
      if (signal.aborted) return onAbort();
      this.#listeners.add(listener);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Resolves once the last call has ended. */
  async stop(): Promise<void> {
    this.#loop.stop();
    await Promise.all(this.#open);
  }

  async #call(greeter: GreeterServiceClient): Promise<void> {
    const sentAt = performance.now();
    try {
      const { instance } = await greeter.sayHello({ name: "Ada" }, { timeoutMs: DEADLINE_MS });
      this.#answered.set(instance, this.answeredBy(instance) + 1);
      for (const listener of this.#listeners) listener(instance);
    } catch (error) {
      this.failed++;
      if (this.failures.length < KEPT_FAILURES) this.failures.push({ at: performance.now(), message: String(error) });
    }
    this.slowestMs = Math.max(this.slowestMs, performance.now() - sentAt);
  }
}
