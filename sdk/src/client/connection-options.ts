/** When a client's connections are made, and when they are closed. */
import { checkRanges } from "../balancing/check-ranges.ts";

export interface ConnectionOptions {
  /** "eager": as soon as endpoints are known; "lazy": with the first call. Default "eager". */
  readonly connect?: "eager" | "lazy";
  /**
   * How many endpoints of a service are connected to for the first time at a time, 1 to 100,000: servers of a large fleet are
   * not all met with handshakes at once, nor is this process. Lost connections are made again by themselves, each after a wait
   * of its own that grows from 100 ms to 5 s, give or take a fifth. Default 100.
   */
  readonly maxConnecting?: number;
  /** Milliseconds without a call after which connections are closed until the next one, 100 or more. Default Infinity: never. */
  readonly idleMs?: number;
}

const DEFAULTS: Required<ConnectionOptions> = { connect: "eager", maxConnecting: 100, idleMs: Infinity };

/** The options with the defaults in the gaps. @throws MeshError INVALID_ARGUMENT that names every one out of range. */
export function completeConnectionOptions(given: ConnectionOptions = {}): Required<ConnectionOptions> {
  const { connect, ...numbers } = { ...DEFAULTS, ...given };
  checkRanges("connections", numbers, [
    ["maxConnecting", 1, 100_000],
    ["idleMs", 100, Infinity],
  ]);
  return { connect, ...numbers };
}
