/**
 * How busy this process is: its event loop, by the time that it does not wait, or all of its threads, by the CPU that they
 * have used; whichever is fuller is what calls will have to wait for.
 */
import { availableParallelism } from "node:os";
import { performance } from "node:perf_hooks";

const MICROSECONDS_PER_MS = 1_000;

/** Returns what tells the share since it was last asked, 0 to 1. */
export function processUtilization(): () => number {
  const cpus = availableParallelism();
  let loop = performance.eventLoopUtilization();
  let cpu = process.cpuUsage();
  let askedMs = performance.now();
  return () => {
    const loopNow = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(loopNow, loop);
    const { user, system } = process.cpuUsage(cpu);
    const nowMs = performance.now();
    const ofCpus = (user + system) / MICROSECONDS_PER_MS / ((nowMs - askedMs) * cpus);
    loop = loopNow;
    cpu = process.cpuUsage();
    askedMs = nowMs;
    return Math.min(1, Math.max(utilization, ofCpus));
  };
}
