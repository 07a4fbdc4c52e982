/**
 * Load reports on the wire: ORCA's message (https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto) in
 * a call's trailers, as gRFC A51 has it. What Prequal needs beside goes as named metrics.
 */
import type { Metadata } from "../call/metadata.ts";
import { OrcaLoadReport } from "../gen/xds/data/orca/v3/orca_load_report.ts";
import type { LoadReport } from "./load-report.ts";

/** The trailer's key (gRFC A51). */
export const LOAD_REPORT_KEY = "endpoint-load-metrics-bin";
/** The mesh's own service that is asked for load. */
export const LOAD_SERVICE = "meshwork.v1.LoadService";
export const GET_LOAD_PATH = `/${LOAD_SERVICE}/GetLoad`;

const IN_FLIGHT = "meshwork.in_flight";
const LATENCY_MS = "meshwork.latency_ms";

export function orcaLoadReport({ inFlight, latencyMs, utilization, qps, eps }: LoadReport): OrcaLoadReport {
  const namedMetrics = new Map<string, number>();
  if (inFlight !== undefined) namedMetrics.set(IN_FLIGHT, inFlight);
  if (latencyMs !== undefined) namedMetrics.set(LATENCY_MS, latencyMs);
  return OrcaLoadReport.fromPartial({ applicationUtilization: utilization, rpsFractional: qps, eps, namedMetrics });
}

export function encodeLoadReport(report: LoadReport): Uint8Array {
  return OrcaLoadReport.encode(orcaLoadReport(report)).finish();
}

/** undefined for bytes that are no report, or figures that are none: whoever sends them has not said anything. */
export function decodeLoadReport(bytes: Uint8Array): LoadReport | undefined {
  let report: OrcaLoadReport;
  try {
    report = OrcaLoadReport.decode(bytes);
  } catch {
    return undefined;
  }
  const { applicationUtilization, cpuUtilization, rpsFractional, eps, namedMetrics } = report;
  const [inFlight, latencyMs] = [namedMetrics.get(IN_FLIGHT), namedMetrics.get(LATENCY_MS)];
  const figures = [applicationUtilization, cpuUtilization, rpsFractional, eps, inFlight ?? 0, latencyMs ?? 0];
  if (!figures.every((figure) => figure >= 0 && figure < Infinity)) return undefined;
  // gRFC A58 takes the CPU's where the application says nothing.
  const utilization = applicationUtilization > 0 ? applicationUtilization : cpuUtilization;
  return { inFlight, latencyMs, utilization, qps: rpsFractional, eps };
}

/** Takes a report out of trailers: it is between the mesh's ends, and not the caller's. undefined when there is none. */
export function takeLoadReport(trailers: Metadata): Uint8Array | undefined {
  if (trailers.length === 0) return undefined;
  const bytes = trailers.getBinary(LOAD_REPORT_KEY);
  if (bytes !== undefined) trailers.delete(LOAD_REPORT_KEY);
  return bytes;
}
