/** Reads what the command line says of targets, times, metadata and methods. Everything wrong is a UsageError. */
import { Metadata, MeshError } from "@meshwork/sdk";
import { parseTarget } from "@meshwork/sdk/inspect";
import { UsageError } from "./failures.ts";

export interface MethodName {
  /** As it was written: full, short, or the mesh name. */
  readonly service: string;
  /** Undefined when only a service was named. */
  readonly method: string | undefined;
}

/** "greeter/SayHello", "/greeter.v1.GreeterService/SayHello", or service and method as two arguments. */
export function parseMethodName(first: string, second?: string): MethodName {
  const [service = "", method, ...rest] = first.replace(/^\//, "").split("/");
  if (service === "" || rest.length > 0 || (method !== undefined && second !== undefined)) {
    throw new UsageError(
      `method ${JSON.stringify(first)} is not <service>/<Method>: write for example greeter/SayHello or greeter.v1.GreeterService/SayHello`,
    );
  }
  return { service, method: (method ?? second) || undefined };
}

const ADDRESSES = /^[^/,]+:\d+(?:,[^/,]+:\d+)*$/;

/** A target as the SDK takes it; "host:port" alone, or several with commas, is one too. */
export function parseTargetOption(text: string): string {
  const target = ADDRESSES.test(text) ? `static:///${text}` : text;
  try {
    const { scheme, name } = parseTarget(target);
    return `${scheme}:///${name}`;
  } catch (error) {
    throw error instanceof MeshError ? new UsageError(error.reason) : error;
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };
/** The longest that timers wait. */
const MAX_MS = 2 ** 31 - 1;

/** "500ms", "2s", "1.5s" or "1m" in milliseconds. */
export function parseDuration(text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS[unit] ?? Number.NaN);
  if (ms > 0 && ms <= MAX_MS) return ms;
  throw new UsageError(`timeout ${JSON.stringify(text)} is not a time: write for example 500ms, 2s or 1m`);
}

/** "key: value" of every pair; values of keys ending in "-bin" are base64. */
export function parseMetadata(pairs: readonly string[]): Metadata {
  const metadata = new Metadata();
  for (const pair of pairs) {
    const colon = pair.indexOf(":");
    if (colon < 1) {
      throw new UsageError(`metadata ${JSON.stringify(pair)} has no key: write key:value, such as x-user:ada`);
    }
    const key = pair.slice(0, colon).trim().toLowerCase();
    const value = pair.slice(colon + 1).trim();
    try {
      metadata.append(key, key.endsWith("-bin") ? bytesOf(key, value) : value);
    } catch (error) {
      throw error instanceof MeshError ? new UsageError(error.reason) : error;
    }
  }
  return metadata;
}

function bytesOf(key: string, value: string): Uint8Array {
  if (/^[\w+/-]*={0,2}$/.test(value)) return Buffer.from(value, "base64");
  throw new UsageError(`metadata ${key} is not base64: encode its bytes, as keys ending in -bin carry bytes`);
}

/** A TCP port. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`port ${JSON.stringify(text)} is none: write 0 to 65535, 0 for any free one`);
}
