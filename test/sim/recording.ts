/** What came of a run's calls. */
import type { SimServer } from "./server.ts";

export type Result = "ok" | "failed" | "late" | "unavailable";

/** A call that failed counts as slow as this in percentiles, whatever it took: who waits for it gets nothing. */
const NEVER = Infinity;

export interface Second {
  calls: number;
  errors: number;
  /** Of those that succeeded. */
  readonly latenciesMs: number[];
}

export class Recording {
  /** By the second in which calls began, from the beginning of the run. */
  readonly seconds: Second[] = [];
  /** Calls by the server that ended them. */
  readonly byServer = new Map<SimServer, number>();
  readonly #latenciesMs: number[] = [];
  readonly #warmupMs: number;
  #sorted = false;
  #errors = 0;

  constructor(warmupMs: number) {
    this.#warmupMs = warmupMs;
  }

  ended(begunMs: number, durationMs: number, result: Result, server: SimServer | undefined): void {
    const second = this.#second(begunMs);
    second.calls++;
    if (result === "ok") second.latenciesMs.push(durationMs);
    else second.errors++;
    if (begunMs < this.#warmupMs) return;
    if (server !== undefined) this.byServer.set(server, (this.byServer.get(server) ?? 0) + 1);
    this.#latenciesMs.push(result === "ok" ? durationMs : NEVER);
    if (result !== "ok") this.#errors++;
  }

  /** Calls that were recorded. */
  get calls(): number {
    return this.#latenciesMs.length;
  }

  get errorRate(): number {
    return this.calls === 0 ? 0 : this.#errors / this.calls;
  }

  /** Of calls that began within a time. */
  errorRateBetween(fromMs: number, toMs: number): number {
    const part = this.seconds.slice(Math.floor(fromMs / 1_000), Math.ceil(toMs / 1_000)).filter(Boolean);
    const calls = part.reduce((sum, second) => sum + second.calls, 0);
    return calls === 0 ? 0 : part.reduce((sum, second) => sum + second.errors, 0) / calls;
  }

  /** Of calls that began in some seconds, from the first to before the last. */
  between(from: number, to: number): { readonly errorRate: number; readonly p99Ms: number } {
    const part = this.seconds.slice(from, to).filter(Boolean);
    const latenciesMs = part.flatMap((second) => second.latenciesMs).sort((a, b) => a - b);
    const calls = part.reduce((sum, second) => sum + second.calls, 0);
    const errorRate = calls === 0 ? 0 : (calls - latenciesMs.length) / calls;
    return { errorRate, p99Ms: latenciesMs[Math.floor(0.99 * calls)] ?? NEVER };
  }

  /** Milliseconds; Infinity when it falls among calls that failed. @param share 0 to 1. */
  percentile(share: number): number {
    const sorted = this.#inOrder();
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  }

  /** The share of calls that succeeded within a time. */
  within(ms: number): number {
    const sorted = this.#inOrder();
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as number) <= ms) low = middle + 1;
      else high = middle;
    }
    return sorted.length === 0 ? 1 : low / sorted.length;
  }

  #inOrder(): readonly number[] {
    if (!this.#sorted) this.#latenciesMs.sort((a, b) => a - b);
    this.#sorted = true;
    return this.#latenciesMs;
  }

  #second(begunMs: number): Second {
    const at = Math.floor(begunMs / 1_000);
    return (this.seconds[at] ??= { calls: 0, errors: 0, latenciesMs: [] });
  }
}
