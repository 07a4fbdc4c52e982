/** What a mesh can be told about finding services in Consul, and the directory that comes of it. */
import { isAbsolute } from "node:path";
import { z } from "zod";
import type { Clock } from "./call/clock.ts";
import type { Logger } from "./call/logger.ts";
import { MeshError } from "./call/mesh-error.ts";
import { consulDirectory } from "./consul/consul-directory.ts";
import type { ConsulHttp } from "./consul/consul-http.ts";
import { MIN_WAITING } from "./consul/watch-pool.ts";
import type { Directory } from "./discovery/directory.ts";
import type { DirectoryObserver } from "./discovery/directory-observer.ts";
import { diskMemory } from "./discovery/disk-memory.ts";

export interface DiscoveryOptions {
  /**
   * An absolute path of a folder in which what is known of services is remembered: a process that starts while Consul
   * cannot be reached uses it. Processes share it safely. Default: MESH_STATE_DIR, else nothing is remembered on disk.
   */
  readonly stateDir?: string;
  /** Milliseconds after which what was remembered on disk is no longer used. Default 86,400,000, a day. */
  readonly maxStateAgeMs?: number;
  /**
   * When Consul is believed that all instances of a service are gone at once. "confirmed": when its leader confirms it, 0.3 s
   * later, or 5 s later while instances are registered and only fail their checks, or when they may only not be back after an
   * outage; until then calls go to them. Never when our token may not see them. "at-once": right away but after outages.
   * Default: MESH_BELIEVE_EMPTY, else "confirmed".
   */
  readonly believeEmpty?: "confirmed" | "at-once";
  /**
   * Connections that may wait at Consul's agent for changes, a whole number from 8; up to 8 more are used for short
   * requests. An agent takes 200 from one address by default, those of all processes of a machine together. Services
   * beyond share three. Default 64.
   */
  readonly maxConnections?: number;
  /**
   * Whether changes may come as a stream, which Consul from 1.10 on has: any of its servers sends it, up to 0.1 s late.
   * "avoid": the leader is asked, whose answers are never old. "allow": for clusters in which thousands of watches would be
   * too much work for the leader. Default "avoid".
   */
  readonly streaming?: "avoid" | "allow";
  /**
   * Whether Consul's service-resolvers choose pick policies where neither the client nor configuration does: by
   * LoadBalancer.Policy, or any by Meta's "meshwork-balancing". One connection follows all of them. Default "follow".
   */
  readonly policies?: "follow" | "ignore";
}

const believeEmpty = z.enum(["confirmed", "at-once"]);

/** The form of DiscoveryOptions, of which programs without types may give another. */
export const discoveryOptionsForm = z.strictObject({
  stateDir: z.string().refine(isAbsolute, "expected an absolute path").optional(),
  maxStateAgeMs: z.number().positive().optional(),
  believeEmpty: believeEmpty.optional(),
  maxConnections: z.int().min(MIN_WAITING).optional(),
  streaming: z.enum(["avoid", "allow"]).optional(),
  policies: z.enum(["follow", "ignore"]).optional(),
});

export type CompleteDiscoveryOptions = DiscoveryOptions & Required<Pick<DiscoveryOptions, "believeEmpty">>;

/** The options with the environment's in the gaps. Throws INVALID_ARGUMENT for a variable that is wrong. */
export function completeDiscoveryOptions(
  options: DiscoveryOptions | undefined,
  env: NodeJS.ProcessEnv,
): CompleteDiscoveryOptions {
  const stateDir = options?.stateDir ?? (env["MESH_STATE_DIR"] || undefined);
  if (stateDir !== undefined && !isAbsolute(stateDir)) {
    throw invalid("MESH_STATE_DIR", stateDir, "the absolute path of a folder");
  }
  const variable = env["MESH_BELIEVE_EMPTY"] || "confirmed";
  const believes = believeEmpty.safeParse(variable);
  if (!believes.success) throw invalid("MESH_BELIEVE_EMPTY", variable, "confirmed or at-once");
  return {
    ...options,
    believeEmpty: options?.believeEmpty ?? believes.data,
    ...(stateDir === undefined ? {} : { stateDir }),
  };
}

function invalid(variable: string, value: string, wanted: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", `${variable} is ${JSON.stringify(value)}: write ${wanted}, or unset it`);
}

export interface DiscoveryParts {
  readonly http: ConsulHttp;
  /** Name of this process. */
  readonly service: string;
  readonly options: CompleteDiscoveryOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: DirectoryObserver;
}

/** The directory behind consul:///name, with a memory on disk where a folder is given for it. */
export function discoverThroughConsul({ http, service, options, clock, log, observer }: DiscoveryParts): Directory {
  const { stateDir: folder, maxStateAgeMs: maxAgeMs, maxConnections: maxWaiting, believeEmpty, streaming } = options;
  const memory =
    folder === undefined ? undefined : diskMemory({ folder, service, source: http.place, clock, log, maxAgeMs });
  return consulDirectory(http, { clock, log, observer, memory, maxWaiting, believeEmpty, streaming });
}
