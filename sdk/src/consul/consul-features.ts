/**
 * What the Consul at hand can do, by the version of its agent: an older one answers 400 to what it does not know, or worse,
 * passes over it in silence.
 *
 * The version is asked for once and remembered until an answer fails to come, for what comes back may be another.
 */
import { MeshError } from "../call/mesh-error.ts";
import { type CallBounds, type ConsulHttp, refusal } from "./consul-http.ts";
import { decodeAgentSelf } from "./agent-api.ts";
import { type ConsulVersion, isAtLeast, parseVersion } from "./consul-version.ts";

/** The version that each came with. */
const SINCE = {
  /** PUT and DELETE /connect/intentions/exact; before, intentions have ids alone. */
  "intentions by name": "1.9.0",
  /** DELETE /config/… with cas; before, cas is passed over and the entry deleted whatever it holds. */
  "conditional deletion of config entries": "1.11.0",
} as const;

export type ConsulFeature = keyof typeof SINCE;

/** The oldest version that we speak to, and what a Consul counts as that does not tell its version. */
const OLDEST = parseVersion("1.8.0") as ConsulVersion;

export interface ConsulFeatures {
  readonly version: ConsulVersion;
  /** "assumed": our token may not read the agent (agent:read), so the version is taken for the oldest. */
  readonly source: "told" | "assumed";
  has(feature: ConsulFeature): boolean;
}

const remembered = new WeakMap<ConsulHttp, { readonly features: ConsulFeatures; readonly losses: number }>();

/** Rejects like agentSelf(), but not with PERMISSION_DENIED, and with INTERNAL for a version that is none. */
export async function consulFeatures(http: ConsulHttp, bounds: CallBounds = {}): Promise<ConsulFeatures> {
  const known = remembered.get(http);
  if (known?.losses === http.losses) return known.features;
  const reply = await http.request({ ...bounds, method: "GET", path: "/agent/self" });
  // Not remembered: the next token may read it.
  if (reply.status === 403) return featuresOf(OLDEST, "assumed");
  if (reply.status !== 200) throw refusal(http, "to say who it is", reply);
  const { version } = decodeAgentSelf(http, reply.text);
  const parsed = parseVersion(version);
  if (parsed === undefined) {
    throw new MeshError(
      "INTERNAL",
      `consul at ${http.place} calls its version ${JSON.stringify(version)}, which is none: check that CONSUL_HTTP_ADDR names a Consul agent`,
    );
  }
  const features = featuresOf(parsed, "told");
  remembered.set(http, { features, losses: http.losses });
  return features;
}

/** Rejects with UNIMPLEMENTED when the Consul at hand is too old for a feature. */
export async function requireFeature(http: ConsulHttp, feature: ConsulFeature, bounds: CallBounds = {}): Promise<void> {
  const features = await consulFeatures(http, bounds);
  if (!features.has(feature)) throw tooOld(http, features, feature, SINCE[feature]);
}

/** @param what what is asked for, for people. */
export function tooOld(http: ConsulHttp, { version, source }: ConsulFeatures, what: string, since: string): MeshError {
  const is =
    source === "told"
      ? `is ${version.text}, but ${what} came with ${since}: upgrade it or do without`
      : `does not tell its version, and ${what} came with ${since}: give the token agent:read or do without`;
  return new MeshError("UNIMPLEMENTED", `consul at ${http.place} ${is}`);
}

function featuresOf(version: ConsulVersion, source: "told" | "assumed"): ConsulFeatures {
  return { version, source, has: (feature) => isAtLeast(version, SINCE[feature]) };
}
