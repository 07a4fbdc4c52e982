/** Why calls go where they go, in plain data for people and tools: one client of one service as it is now. */
import type { Balancer } from "../balancing/balancer.ts";
import type { EndpointState } from "../balancing/endpoint-state.ts";
import type { LoadReport } from "../balancing/load-report.ts";
import type { OutlierReason } from "../balancing/outliers.ts";
import { formatAddress } from "../call/address.ts";
import type { ConnectionState } from "../transport/transport.ts";

export interface ClientExplanation {
  /** What is called: "consul:///greeter". */
  readonly target: string;
  /** Name of the pick policy. */
  readonly policy: string;
  /** Who has chosen it in place of contract and mesh; absent when nobody has. */
  readonly chosenBy?: "consul";
  /** Whether the endpoints are those of now, the last that were known, or not yet known at all. */
  readonly freshness: "live" | "stale" | "unknown";
  /** Why they are not live, where that is known. */
  readonly error?: string;
  /** How many endpoints there are, of which a subset may be used. */
  readonly known: number;
  /** Whether so many endpoints are out that all get calls. */
  readonly panicking: boolean;
  /** The share of calls that leaves this process's zone, 0 to 1; absent when none is preferred. */
  readonly elsewhere?: number;
  /** Those that are used. */
  readonly endpoints: readonly EndpointExplanation[];
}

export interface EndpointExplanation {
  readonly id: string;
  /** "host:port" */
  readonly address: string;
  readonly zone?: string;
  readonly version?: string;
  readonly weight: number;
  /** The part of its weight that it is given while it is new, where that is not all. */
  readonly share?: number;
  readonly connection: ConnectionState;
  /** Calls of this client that have not ended. */
  readonly inFlight: number;
  /** Calls of this client that it was picked for since it was connected to. */
  readonly picks: number;
  /** Milliseconds that p2c reckons with for one call: peak EWMA or penalty. Absent before any call has told something. */
  readonly costMs?: number;
  /** What it last told of its load, where the policy goes by that. */
  readonly reported?: LoadExplanation;
  /** Absent when it gets calls as the policy says. */
  readonly ejected?: EjectionExplanation;
}

export interface LoadExplanation extends LoadReport {
  /** Milliseconds since it told. */
  readonly agoMs: number;
}

export interface EjectionExplanation {
  readonly reason: OutlierReason;
  /** Milliseconds since it was taken out. */
  readonly forMs: number;
  /** Milliseconds until it is tried with one call at a time; 0: it is being tried. */
  readonly triedInMs: number;
}

export function explainEndpoint(
  state: EndpointState,
  connection: ConnectionState,
  balancer: Balancer,
  nowMs: number,
): EndpointExplanation {
  const { id, address, zone, version } = state.endpoint;
  const { report, reportedMs } = state;
  const ejection = balancer.ejectionOf(state);
  return {
    id,
    address: formatAddress(address),
    ...(zone !== undefined && { zone }),
    ...(version !== undefined && { version }),
    weight: state.fullWeight,
    ...(state.share < 1 && { share: state.share }),
    connection,
    inFlight: state.inFlight,
    picks: state.picks,
    ...(state.known && { costMs: state.costMs(nowMs, state) }),
    ...(report !== undefined && { reported: { ...report, agoMs: nowMs - reportedMs } }),
    ...(ejection !== undefined && {
      ejected: {
        reason: ejection.reason,
        forMs: nowMs - ejection.sinceMs,
        triedInMs: Math.max(0, ejection.untilMs - nowMs),
      },
    }),
  };
}
