/**
 * What the process itself is doing: prom-client's default metrics (memory, CPU, garbage collection, event-loop delay),
 * collected once for the process however many meshes it holds, and the event loop's utilisation as two counters, which
 * any number of scrapers can take rates of.
 */
import { performance } from "node:perf_hooks";
import { collectDefaultMetrics, type Metric, Registry } from "prom-client";
import type { Family, NumberCell } from "./family.ts";

let shared: Registry | undefined;

/** Adds the process's metrics to a registry; those of a name that the registry already holds are left alone. */
export function addProcessMetrics(registry: Registry): void {
  if (shared === undefined) {
    shared = new Registry();
    collectDefaultMetrics({ register: shared });
  }
  for (const metric of shared.getMetricsAsArray() as unknown as (Metric & { name: string })[]) {
    if (registry.getSingleMetric(metric.name) === undefined) registry.registerMetric(metric);
  }
}

export function followEventLoop(active: Family<NumberCell>, idle: Family<NumberCell>): void {
  const activeCell = active.cells();
  const idleCell = idle.cells();
  active.refresh = () => {
    activeCell.value = performance.eventLoopUtilization().active / 1000;
  };
  idle.refresh = () => {
    idleCell.value = performance.eventLoopUtilization().idle / 1000;
  };
}
