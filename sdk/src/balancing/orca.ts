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

/** Fields of OrcaLoadReport with their wire types. */
const [RPS_FRACTIONAL, EPS, NAMED_METRICS, APPLICATION_UTILIZATION] = [0x31, 0x39, 0x42, 0x49];
/** Of an entry of a map from string to double. */
const [ENTRY_KEY, ENTRY_VALUE] = [0x0a, 0x11];
const DOUBLE_BYTES = 8;
/** More than a report takes. */
const scratch = Buffer.alloc(128);

/** Written by hand: a busy server writes 200 in a second, and generated code takes several times as long. */
export function encodeLoadReport({ inFlight, latencyMs, utilization, qps, eps }: LoadReport): Uint8Array {
  let at = writeDouble(0, RPS_FRACTIONAL, qps);
  at = writeDouble(at, EPS, eps);
  if (inFlight !== undefined) at = writeNamed(at, IN_FLIGHT, inFlight);
  if (latencyMs !== undefined) at = writeNamed(at, LATENCY_MS, latencyMs);
  at = writeDouble(at, APPLICATION_UTILIZATION, utilization);
  return Uint8Array.prototype.slice.call(scratch, 0, at);
}

/** Zero is what a reader takes a field for that is not there. */
function writeDouble(at: number, field: number, value: number): number {
  if (value === 0) return at;
  scratch[at] = field;
  return scratch.writeDoubleLE(value, at + 1);
}

/** A reader that finds the name must find its value, zero or not. */
function writeNamed(at: number, name: string, value: number): number {
  scratch[at] = NAMED_METRICS;
  scratch[at + 1] = 2 + name.length + 1 + DOUBLE_BYTES;
  scratch[at + 2] = ENTRY_KEY;
  scratch[at + 3] = name.length;
  const end = at + 4 + scratch.write(name, at + 4, "latin1");
  scratch[end] = ENTRY_VALUE;
  return scratch.writeDoubleLE(value, end + 1);
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
