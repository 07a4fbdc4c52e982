/** What every side can do: serve, and call. Both ends of one are of one kind, each in a process of its own. */
import type { RecordableHistogram } from "node:perf_hooks";
import type { TlsOptions } from "../../../sdk/src/transport/transport.ts";
import type { Load } from "./plan.ts";

/** Keys and certificates of one end; undefined: plaintext. */
export type Tls = Pick<TlsOptions, "ca" | "cert" | "key" | "serverName"> | undefined;

export interface PeerSide {
  /**
   * Serves bench.v1.BenchService and resolves its port. Answers within the event that brings the request: an answer that
   * waits costs most servers a write of its own.
   */
  listen(tls: Tls): Promise<number>;
  connect(port: number, load: Load, tls: Tls): Promise<Caller>;
}

export interface Caller {
  /**
   * Makes so many calls, load.concurrency at a time, each worker the next when one has ended, and records what each took.
   * Of streams, a call is a message, every stream carries as many as the others, and what is recorded is the time since
   * the message before it.
   *
   * @param calls a multiple of load.concurrency.
   */
  run(calls: number, latency: RecordableHistogram): Promise<void>;
}

const NANOSECONDS_PER_MS = 1e6;

/** Records the time since performance.now() was begun; the histogram holds whole nanoseconds, from 1. */
export function recordSince(latency: RecordableHistogram, begun: number): void {
  latency.record(Math.max(1, Math.round((performance.now() - begun) * NANOSECONDS_PER_MS)));
}
