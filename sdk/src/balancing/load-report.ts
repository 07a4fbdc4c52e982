/**
 * What a server says of its own load, beside an answer or when it is asked: the fields of ORCA
 * (https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto) that policies here read, and the two of
 * Prequal (Wydrowski et al., NSDI 2024), which ORCA carries as named metrics.
 */
export interface LoadReport {
  /** Calls that the server has begun and not ended; undefined from servers that are not of the mesh. */
  readonly inFlight: number | undefined;
  /** Milliseconds that a call takes at present, with so many in flight; undefined when it has no fresh sample. */
  readonly latencyMs: number | undefined;
  /** Share of its capacity that is in use, 0 to 1, more when it is overloaded; 0 says nothing. */
  readonly utilization: number;
  /** Calls ended per second; 0 says nothing. */
  readonly qps: number;
  /** Of these the failed ones. */
  readonly eps: number;
}
