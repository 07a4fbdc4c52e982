/**
 * Which Consul knows which part of a config entry. An older one refuses the whole entry with "invalid config key", so this
 * is asked before one is sent. A part that is not listed is sent as it is.
 */
import { type ConsulVersion, isAtLeast } from "./consul-version.ts";

const KINDS: Readonly<Record<string, string>> = {
  "service-intentions": "1.9.0",
};

/** Paths of fields below an entry; "*" is any key, and lists are looked through. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "service-defaults": {
    UpstreamConfig: "1.10.0",
    TransparentProxy: "1.10.0",
    Mode: "1.10.0",
    Destination: "1.13.0",
    EnvoyExtensions: "1.15.0",
    MutualTLSMode: "1.16.0",
    RateLimits: "1.17.0",
  },
  "proxy-defaults": {
    TransparentProxy: "1.10.0",
    Mode: "1.10.0",
    AccessLogs: "1.15.0",
    EnvoyExtensions: "1.15.0",
    MutualTLSMode: "1.16.0",
    FailoverPolicy: "1.16.0",
    PrioritizeByLocality: "1.16.0",
  },
  "service-router": {
    "Routes.Destination.RequestHeaders": "1.11.0",
    "Routes.Destination.ResponseHeaders": "1.11.0",
    "Routes.Destination.RetryOn": "1.14.0",
    "Routes.Destination.IdleTimeout": "1.14.0",
    "Routes.Match.HTTP.CaseInsensitive": "1.18.0",
  },
  "service-splitter": {
    "Splits.RequestHeaders": "1.11.0",
    "Splits.ResponseHeaders": "1.11.0",
  },
  "service-resolver": {
    LoadBalancer: "1.9.0",
    "Failover.*.Targets": "1.14.0",
    "Redirect.Peer": "1.14.0",
    // 1.14.5 has it too, 1.15.0 not.
    RequestTimeout: "1.15.1",
    "Failover.*.Policy": "1.16.0",
    "Failover.*.SamenessGroup": "1.16.0",
    "Redirect.SamenessGroup": "1.16.0",
    PrioritizeByLocality: "1.17.0",
  },
  "service-intentions": {
    "Sources.Peer": "1.13.0",
    JWT: "1.16.0",
    "Sources.Permissions.JWT": "1.16.0",
    "Sources.SamenessGroup": "1.16.0",
  },
};

const OF_EVERY_KIND: Readonly<Record<string, string>> = { Partition: "1.11.0" };

export interface TooNew {
  /** "LoadBalancer of service-resolver greeter" */
  readonly part: string;
  readonly since: string;
}

interface AnyEntry {
  readonly Kind: string;
  readonly Name: string;
}

/** The first part of an entry that a version does not know; undefined when it knows all. */
export function tooNewPart(entry: AnyEntry, version: ConsulVersion): TooNew | undefined {
  const { Kind, Name } = entry;
  const ofKind = KINDS[Kind];
  if (ofKind !== undefined && !isAtLeast(version, ofKind)) return { part: `the kind ${Kind}`, since: ofKind };
  for (const [path, since] of Object.entries({ ...OF_EVERY_KIND, ...FIELDS[Kind] })) {
    if (isAtLeast(version, since) || !holds(entry, path.split("."))) continue;
    return { part: `${path} of ${Kind} ${Name}`, since };
  }
  return undefined;
}

function holds(value: unknown, path: readonly string[]): boolean {
  if (value === undefined || value === null) return false;
  const [key, ...rest] = path;
  if (key === undefined) return true;
  if (Array.isArray(value)) return value.some((one) => holds(one, path));
  if (typeof value !== "object") return false;
  const values = key === "*" ? Object.values(value) : [Reflect.get(value, key) as unknown];
  return values.some((one) => holds(one, rest));
}
