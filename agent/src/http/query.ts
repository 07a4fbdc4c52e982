/** The query string, read with Consul's rules and refused with Consul's words. */
import { parseDurationMs } from "../json/go-duration.ts";
import { RequestError } from "./reply.ts";

export interface BlockingParameters {
  readonly minIndex: number;
  /** 0 when the caller named none. */
  readonly waitMs: number;
}

const maxUint64 = 2n ** 64n - 1n;

/** A whole number of 64 bits, or `undefined`. */
export function parseUint64(written: string): bigint | undefined {
  if (!/^\d+$/.test(written)) return undefined;
  const value = BigInt(written);
  return value > maxUint64 ? undefined : value;
}

/** `?index=` and `?wait=`. */
export function blockingParameters(query: URLSearchParams): BlockingParameters {
  let waitMs = 0;
  const wait = query.get("wait") ?? "";
  if (wait !== "") {
    const parsed = parseDurationMs(wait);
    if (parsed === undefined) throw new RequestError(400, "Invalid wait time");
    waitMs = parsed;
  }
  let minIndex = 0;
  const index = query.get("index") ?? "";
  if (index !== "") {
    const parsed = parseUint64(index);
    if (parsed === undefined) throw new RequestError(400, "Invalid index");
    minIndex = Number(parsed);
  }
  return { minIndex, waitMs };
}

/** One agent is always consistent; the header only says back what was asked for. */
export function consistency(query: URLSearchParams): "leader" | "stale" | "consistent" {
  if (query.has("stale") && query.has("consistent")) {
    throw new RequestError(400, "Cannot specify ?stale with ?consistent, conflicting semantics.");
  }
  if (query.has("stale")) return "stale";
  return query.has("consistent") ? "consistent" : "leader";
}

/** Refuses what only Consul Enterprise has. */
export function refuseNamespace(query: URLSearchParams): void {
  if (!query.has("ns")) return;
  const why = 'Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature';
  throw new RequestError(400, `Bad request: ${why}`);
}

/** There is one datacenter. */
export function refuseOtherDatacenter(query: URLSearchParams, own: string, headers = {}): void {
  const asked = query.get("dc") ?? "";
  if (asked !== "" && asked !== own) throw new RequestError(500, "No path to datacenter", headers);
}

/** Said instead of an answer that ignores the question. */
export function refuseUnsupported(query: URLSearchParams, ...parameters: readonly string[]): void {
  for (const parameter of parameters) {
    if (!query.has(parameter)) continue;
    const way = "leave it out, or run against a real Consul";
    throw new RequestError(501, `?${parameter} is not supported by the meshwork agent yet: ${way}`);
  }
}

const truths = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const falsehoods = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** Go's reading of a boolean, or `undefined`. */
export function parseBoolean(written: string): boolean | undefined {
  if (truths.has(written)) return true;
  return falsehoods.has(written) ? false : undefined;
}
