/** Clients whose pick policy Consul may choose while they run; until it does they have the one they were made with. */
import { type OwnPolicies, pickPolicyNamed } from "./balancing/pick-policies.ts";
import type { Clock } from "./call/clock.ts";
import type { Logger } from "./call/logger.ts";
import { MeshError } from "./call/mesh-error.ts";
import { systemRandom } from "./call/random.ts";
import type { ServiceChannel } from "./client/service-channel.ts";
import { type ChosenPolicy, watchChosenPolicies } from "./consul/chosen-policies.ts";
import type { ConsulHttp } from "./consul/consul-http.ts";
import type { Watch } from "./discovery/directory.ts";
import type { DiscoveryFailure } from "./discovery/directory-observer.ts";

/** Failures that are no outage: somebody must mend something. */
const TELLING: ReadonlySet<DiscoveryFailure> = new Set(["denied", "refused", "unreadable"]);

interface Follower {
  readonly service: string;
  readonly channel: ServiceChannel;
  /** Name of the policy that it has unless Consul chooses one. */
  readonly otherwise: string;
  /** What Consul said last. */
  heard: ChosenPolicy | undefined;
  /** Name of the policy that it has. */
  uses: string;
  /** Whether that is Consul's choice. */
  obeys: boolean;
}

export interface PolicyFollowersParts {
  readonly consul: ConsulHttp;
  readonly clock: Clock;
  readonly log: Logger;
  readonly own: OwnPolicies | undefined;
}

export class PolicyFollowers {
  readonly #parts: PolicyFollowersParts;
  readonly #followers = new Map<ServiceChannel, Follower>();
  #chosen: ReadonlyMap<string, ChosenPolicy> = new Map();
  #watch: Watch | undefined;
  /** What was wrong when Consul was asked last. */
  #failure: DiscoveryFailure | undefined;

  constructor(parts: PolicyFollowersParts) {
    this.#parts = parts;
  }

  /** @param otherwise name of the policy that the channel was made with. */
  add(service: string, channel: ServiceChannel, otherwise: string): void {
    const follower: Follower = { service, channel, otherwise, heard: undefined, uses: otherwise, obeys: false };
    this.#followers.set(channel, follower);
    this.#tell(follower);
    this.#watch ??= this.#follow();
  }

  /** Whether the channel's policy is Consul's choice. */
  obeys(channel: ServiceChannel): boolean {
    return this.#followers.get(channel)?.obeys === true;
  }

  close(): void {
    this.#watch?.close();
  }

  /** While Consul cannot be asked, what it said last holds. */
  #follow(): Watch {
    const { consul, clock, log } = this.#parts;
    return watchChosenPolicies(consul, {
      clock,
      random: systemRandom,
      onValue: (chosen) => {
        this.#failure = undefined;
        this.#chosen = chosen;
        for (const follower of this.#followers.values()) this.#tell(follower);
      },
      onFailure: (error, _known, kind) => {
        // Discovery tells of outages; what it may ask and this may not shows here alone.
        const level = TELLING.has(kind) ? "warn" : "debug";
        if (kind !== this.#failure) log[level]({ err: error }, "what Consul chooses of pick policies cannot be read");
        this.#failure = kind;
      },
    });
  }

  /** A choice that cannot be used counts as none, as it does for a process that starts with it. */
  #tell(follower: Follower): void {
    const { service, channel, otherwise, heard, uses, obeys } = follower;
    const chosen = this.#chosen.get(service);
    if (JSON.stringify(chosen) === JSON.stringify(heard)) return;
    follower.heard = chosen;
    if (chosen !== undefined && chosen.unread.length > 0) {
      const parts = chosen.unread.join(", ");
      this.#warn(service, `only LoadBalancer.Policy is followed: ${parts} has no effect`);
    }
    if (chosen !== undefined && this.#uses(follower, chosen.name)) {
      follower.obeys = true;
      if (!obeys || uses !== chosen.name) this.#say(channel, `pick policy is now ${chosen.name}: Consul chooses it`);
    } else if (obeys && this.#uses(follower, otherwise)) {
      follower.obeys = false;
      this.#say(channel, `pick policy is now ${otherwise}: Consul chooses none`);
    }
  }

  /** Whether it has the policy now; one that is not there, or that throws, is not put in place. */
  #uses(follower: Follower, name: string): boolean {
    if (follower.uses === name) return true;
    try {
      follower.channel.balancer.use(pickPolicyNamed(name, this.#parts.own));
      follower.uses = name;
      return true;
    } catch (error) {
      this.#warn(follower.service, error instanceof MeshError ? error.reason : String(error));
      return false;
    }
  }

  #say({ target }: ServiceChannel, text: string): void {
    this.#parts.log.info({ target }, text);
  }

  #warn(service: string, text: string): void {
    this.#parts.log.warn({ service }, `service-resolver ${service}: ${text}`);
  }
}
