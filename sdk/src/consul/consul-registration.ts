/**
 * The Registration port over the local Consul agent: a service with one TTL check, kept alive by heartbeats and
 * registered again whenever the agent has forgotten it (https://developer.hashicorp.com/consul/api-docs/agent/service).
 * A TTL check needs nothing of the network between agent and service, so it works the same with mutual TLS.
 */
import { formatAddress } from "../call/address.ts";
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { MeshError } from "../call/mesh-error.ts";
import { type Random, systemRandom } from "../call/random.ts";
import type { Registered, Registration, ServiceInstance } from "../discovery/registration.ts";
import { checkServiceName } from "../discovery/target.ts";
import { deregisterService, type ServiceRegistration } from "./agent-api.ts";
import { VERSION_KEY, ZONE_KEY } from "./catalog-api.ts";
import type { ConsulHttp } from "./consul-http.ts";
import { RegistrationUpkeep } from "./registration-upkeep.ts";

export interface ConsulRegistrationOptions {
  readonly clock: Clock;
  /** Spreads retries. Default: the process's own chance. */
  readonly random?: Random;
  /** Told when an instance can no longer be kept registered and when it can again. */
  readonly log?: Logger | undefined;
  /** Milliseconds without a heartbeat after which an instance counts as dead; at least 1,000, default 10,000. */
  readonly ttlMs?: number;
  /**
   * What to do when Consul cannot be reached at first: "fail", or "retry" until it can, serving meanwhile whoever knows the
   * instance. What Consul refuses always fails. Default "fail".
   */
  readonly whenUnreachable?: "fail" | "retry";
}

const DEFAULT_TTL_MS = 10_000;
const MIN_TTL_MS = 1_000;
/**
 * However long the TTL, an agent that has forgotten an instance must be noticed while directories still wait for its
 * return (RETURN_WITHIN_MS in kept-endpoints.ts).
 */
const MAX_BEAT_MS = 3_500;
/** Consul's least; it looks every 30 s, so a dead instance is out of the list after 60 to 125 s. */
const FORGET_DEAD_AFTER = "1m";
/** A process that stops must not hang on a Consul that does. */
const LEAVE_WITHIN_MS = 5_000;
const MAX_WEIGHT = 65_535;

export function consulRegistration(http: ConsulHttp, options: ConsulRegistrationOptions): Registration {
  const { clock, random = systemRandom, log, ttlMs = DEFAULT_TTL_MS, whenUnreachable = "fail" } = options;
  if (!(ttlMs >= MIN_TTL_MS)) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `ttlMs is ${ttlMs}: give the TTL of checks in milliseconds, ${MIN_TTL_MS} or more`,
    );
  }
  return {
    async register(instance, onUpkeep) {
      const upkeep = new RegistrationUpkeep({
        http,
        service: toConsul(instance, ttlMs),
        everyMs: Math.min(ttlMs / 3, MAX_BEAT_MS),
        ttlMs,
        whenUnreachable,
        clock,
        random,
        log: log?.child({ registered_as: instance.id }),
        onUpkeep,
      });
      await upkeep.start();
      return registered(http, instance.id, upkeep);
    },
  };
}

function registered(http: ConsulHttp, id: string, upkeep: RegistrationUpkeep): Registered {
  let leaving: Promise<void> | undefined;
  const leave = async (): Promise<void> => {
    await upkeep.stop();
    await deregisterService(http, id, { timeoutMs: LEAVE_WITHIN_MS });
  };
  return { deregister: () => (leaving ??= leave()) };
}

function toConsul(instance: ServiceInstance, ttlMs: number): ServiceRegistration {
  const { id, name, address, weight, zone, version, tags, metadata } = instance;
  checkServiceName(name);
  if (id === "" || address.host === "" || address.port === 0) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `instance ${JSON.stringify(id)} of ${name} at ${formatAddress(address)} cannot be registered: give it an id and the host and port it listens on`,
    );
  }
  if (!Number.isInteger(weight) || weight < 1 || weight > MAX_WEIGHT) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `weight of ${id} is ${weight}: consul takes whole numbers from 1 to ${MAX_WEIGHT}`,
    );
  }
  return {
    ID: id,
    Name: name,
    Address: address.host,
    Port: address.port,
    Tags: tags,
    Meta: {
      ...metadata,
      ...(zone === undefined ? {} : { [ZONE_KEY]: zone }),
      ...(version === undefined ? {} : { [VERSION_KEY]: version }),
    },
    Weights: { Passing: weight, Warning: 1 },
    Check: {
      CheckID: `service:${id}`,
      Name: `heartbeat of ${id}`,
      TTL: `${ttlMs / 1_000}s`,
      Status: "passing",
      DeregisterCriticalServiceAfter: FORGET_DEAD_AFTER,
    },
  };
}
