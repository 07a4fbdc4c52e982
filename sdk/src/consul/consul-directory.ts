/** The directory behind consul:///name: the instances whose checks all pass, followed by blocking queries. */
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { type Random, systemRandom } from "../call/random.ts";
import type { Directory } from "../discovery/directory.ts";
import type { DirectoryObserver } from "../discovery/directory-observer.ts";
import { sharedDirectory } from "../discovery/shared-directory.ts";
import { checkServiceName } from "../discovery/target.ts";
import type { ViewMemory } from "../discovery/view-memory.ts";
import type { ConsulHttp } from "./consul-http.ts";
import { ReadRights } from "./read-rights.ts";
import { type BelieveEmpty, ServiceWatch, type Streaming } from "./service-watch.ts";
import { WatchPool } from "./watch-pool.ts";

export interface ConsulDirectoryOptions {
  readonly clock: Clock;
  /** Spreads retries. Default: the process's own chance. */
  readonly random?: Random;
  /** Told when a service can no longer be followed and when it can again. */
  readonly log?: Logger | undefined;
  /** When to believe an answer that takes away all instances of a service at once. Default "confirmed". */
  readonly believeEmpty?: BelieveEmpty | undefined;
  /** "allow": Consul from 1.10 on may tell of changes up to 0.1 s late, for less work of its leader. Default "avoid". */
  readonly streaming?: Streaming | undefined;
  /** Connections that may wait at the agent, 8 or more; services beyond share three. Default 64. */
  readonly maxWaiting?: number | undefined;
  /** Told how fresh what is known of each service is. */
  readonly observer?: DirectoryObserver | undefined;
  /** What is known of services when Consul has never answered; closed with the directory. */
  readonly memory?: ViewMemory | undefined;
}

/** Closing it ends its watches; the client stays open, for it may serve others. */
export function consulDirectory(http: ConsulHttp, options: ConsulDirectoryOptions): Directory {
  const {
    clock,
    random = systemRandom,
    log,
    maxWaiting,
    memory,
    believeEmpty = "confirmed",
    streaming = "avoid",
  } = options;
  const pool = new WatchPool({ http, clock, random, log, maxWaiting });
  const rights = new ReadRights(http, clock);
  const observer = toAll([options.observer, memory].filter((one) => one !== undefined));
  const services = sharedDirectory((name, publish) => {
    checkServiceName(name);
    const parts = { http, name, clock, random, pool, rights, log, observer, memory };
    const watch = new ServiceWatch({ ...parts, believeEmpty, streaming, publish });
    watch.start();
    return watch;
  });
  return {
    watch: (name, listener) => services.watch(name, listener),
    close() {
      services.close();
      pool.close();
      void memory?.close();
    },
  };
}

function toAll(observers: readonly DirectoryObserver[]): DirectoryObserver {
  return {
    confirmed: (service) => observers.forEach((one) => one.confirmed(service)),
    failed: (service, kind) => observers.forEach((one) => one.failed(service, kind)),
    viewed: (service, view) => observers.forEach((one) => one.viewed(service, view)),
    closed: (service) => observers.forEach((one) => one.closed(service)),
  };
}
