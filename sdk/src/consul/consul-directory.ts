/** The directory behind consul:///name: the instances whose checks all pass, followed by a blocking query. */
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { type Random, systemRandom } from "../call/random.ts";
import type { Directory } from "../discovery/directory.ts";
import { sharedDirectory } from "../discovery/shared-directory.ts";
import { checkServiceName } from "../discovery/target.ts";
import type { ConsulHttp } from "./consul-http.ts";
import { ServiceWatch } from "./service-watch.ts";

export interface ConsulDirectoryOptions {
  readonly clock: Clock;
  /** Spreads retries. Default: the process's own chance. */
  readonly random?: Random;
  /** Told when a service can no longer be followed and when it can again. */
  readonly log?: Logger | undefined;
}

/** Closing it ends its watches; the client stays open, for it may serve others. */
export function consulDirectory(http: ConsulHttp, options: ConsulDirectoryOptions): Directory {
  const { clock, random = systemRandom, log } = options;
  return sharedDirectory((name, publish) => {
    checkServiceName(name);
    const watch = new ServiceWatch({ http, name, clock, random, log, publish });
    watch.start();
    return watch;
  });
}
