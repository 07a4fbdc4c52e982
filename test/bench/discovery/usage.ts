/** What a process uses. */
import { readdirSync, readlinkSync } from "node:fs";

export interface Usage {
  readonly rssMb: number;
  /** After a collection, where the process was started with --expose-gc. */
  readonly heapMb: number;
  readonly sockets: number;
  /** User and system time since the process began. */
  readonly cpuMs: number;
}

const BYTES_PER_MB = 1024 * 1024;

export function usage(): Usage {
  const { user, system } = process.cpuUsage();
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    rssMb: rss / BYTES_PER_MB,
    heapMb: heapUsed / BYTES_PER_MB,
    sockets: sockets(),
    cpuMs: (user + system) / 1_000,
  };
}

function sockets(): number {
  const path = "/proc/self/fd";
  return readdirSync(path).filter((one) => isSocket(`${path}/${one}`)).length;
}

/** The descriptor that read the folder is gone when it is looked at. */
function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith("socket:");
  } catch {
    return false;
  }
}
