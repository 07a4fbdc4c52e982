/** A number of calls with nothing killed, and how they went: for programs as one line of JSON, for people in words. */
import type { Callers } from "./callers.ts";
import { describeCalls } from "./describe.ts";
import type { MeasureOptions } from "./options.ts";
import type { Registry } from "./registry.ts";

/** Resolves to whether every call was answered; says nothing when told to end before all were made. */
export async function measure(
  options: MeasureOptions,
  registry: Registry,
  callers: Callers,
  signal: AbortSignal,
): Promise<boolean> {
  const startedAt = performance.now();
  const load = callers.load(options.rate, options.calls);
  const stop = (): void => load.stop();
  signal.addEventListener("abort", stop, { once: true });
  await load.done;
  await callers.quiet();
  const { stats } = callers;
  if (signal.aborted) throw new Error(`told to end after ${load.sent} of ${options.calls} calls`);
  const seconds = (performance.now() - startedAt) / 1_000;
  if (options.json) console.log(JSON.stringify(result(options.calls, registry, callers)));
  else console.log(describeCalls(stats, seconds));
  return stats.failed === 0;
}

function result(calls: number, { kind }: Registry, { stats }: Callers): object {
  const { p50Ms, p99Ms } = stats.total.percentiles() ?? { p50Ms: null, p99Ms: null };
  const instances = Object.fromEntries([...stats.instances].map(([id, { answered }]) => [id, answered]));
  return { registry: kind, calls, ok: stats.total.answered, failed: stats.failed, instances, p50Ms, p99Ms };
}
