/** The ways of a mesh to the services that it calls: made when first asked for, shared by all clients alike, closed together. */
import type { Endpoint } from "./balancing/endpoint.ts";
import { Balancer } from "./balancing/balancer.ts";
import { pickPolicyNamed } from "./balancing/pick-policies.ts";
import { subsetOf } from "./balancing/subset.ts";
import { formatAddress } from "./call/address.ts";
import type { Clock } from "./call/clock.ts";
import type { Logger } from "./call/logger.ts";
import { systemRandom } from "./call/random.ts";
import { channelMetrics } from "./channel-metrics.ts";
import type { ClientEnvironment } from "./client/bound-method.ts";
import type { ClientExplanation } from "./client/explanation.ts";
import { ServiceChannel } from "./client/service-channel.ts";
import type { ConsulHttp } from "./consul/consul-http.ts";
import type { Directory } from "./discovery/directory.ts";
import { dnsDirectory } from "./discovery/dns-directory.ts";
import { staticDirectory, unixDirectory } from "./discovery/static-directory.ts";
import { parseTarget, type Scheme } from "./discovery/target.ts";
import { completeDiscoveryOptions, discoverThroughConsul } from "./discovery-options.ts";
import type { MeshOptions } from "./mesh-options.ts";
import { PolicyFollowers } from "./policy-followers.ts";
import { RetryBudget } from "./resilience/retry-budget.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import type { TlsOptions, Transport, TransportLimits } from "./transport/transport.ts";

const DEFAULT_BALANCING = "p2c";

export interface MeshChannelsParts {
  /** Name of this process. */
  readonly service: string;
  /** And what tells it from others of its name. */
  readonly instance: string;
  readonly zone: string | undefined;
  /** Its place among those of its name, from 0; undefined: they are not numbered. */
  readonly number: () => number | undefined;
  readonly options: Pick<
    MeshOptions,
    "balancing" | "connections" | "discovery" | "outliers" | "pickPolicies" | "slowStart" | "subset" | "zonePreference"
  >;
  readonly consul: ConsulHttp;
  readonly transport: Transport;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** What the program says of a client's pick policy. */
export interface BalancingChoice {
  /** The client or configuration names it: nobody else is asked. */
  readonly fixed?: string | undefined;
  /** The contract names it, and Consul may name another. */
  readonly contract?: string | undefined;
}

export class MeshChannels {
  readonly #parts: MeshChannelsParts;
  readonly #environments = new Map<string, ClientEnvironment>();
  readonly #followers: PolicyFollowers;
  readonly #directories = new Map<Scheme, Directory>();
  /** Numbers for the keys of channels: those of different keys and certificates are not shared. */
  readonly #tlsIds = new Map<TlsOptions | undefined, number>();

  constructor(parts: MeshChannelsParts) {
    this.#parts = parts;
    const { clock, consul, log, options } = parts;
    this.#followers = new PolicyFollowers({ clock, consul, log, own: options.pickPolicies });
  }

  /**
   * Clients of one target, one policy and one TLS share watch, connections, balancing and retry budget.
   *
   * @param choice empty: the mesh's policy, or the one that Consul names.
   */
  environment(target: string, choice: BalancingChoice, tls: TlsOptions | undefined): ClientEnvironment {
    const { scheme, name } = parseTarget(target);
    const { discovery, balancing = DEFAULT_BALANCING } = this.#parts.options;
    const policy = choice.fixed ?? choice.contract ?? balancing;
    const follows = choice.fixed === undefined && scheme === "consul" && discovery?.policies !== "ignore";
    const key = `${follows ? "?" : "="}${policy} ${this.#tlsId(tls)} ${scheme}:///${name}`;
    let environment = this.#environments.get(key);
    if (environment === undefined) {
      const { clock } = this.#parts;
      const channel = this.#open(scheme, name, policy, tls);
      environment = { clock, random: systemRandom, channel, budget: new RetryBudget({ clock }) };
      this.#environments.set(key, environment);
      if (follows) this.#followers.add(name, channel, policy);
    }
    return environment;
  }

  /** What each client knows of its endpoints. */
  explain(): ClientExplanation[] {
    return [...this.#environments.values()].map(({ channel }) => {
      const explanation = channel.explain();
      return this.#followers.obeys(channel) ? { ...explanation, chosenBy: "consul" } : explanation;
    });
  }

  close(): void {
    this.#followers.close();
    for (const { channel } of this.#environments.values()) channel.close();
    for (const directory of this.#directories.values()) directory.close();
  }

  #open(scheme: Scheme, name: string, balancing: string, tls: TlsOptions | undefined): ServiceChannel {
    const { clock, instance, limits, log, metrics, number, options, service, transport, zone } = this.#parts;
    const { connections, outliers, slowStart, subset, zonePreference } = options;
    const target = `${scheme}:///${name}`;
    const channel = new ServiceChannel({
      target,
      name,
      directory: this.#directory(scheme),
      transport,
      balancer: new Balancer({
        policy: pickPolicyNamed(balancing, options.pickPolicies),
        outliers: outliers === false ? undefined : (outliers ?? {}),
        outlierObserver: metrics.ejections(target),
        slowStart: slowStart === true ? {} : slowStart || undefined,
        zone:
          zonePreference && zone !== undefined
            ? { ...(zonePreference === true ? {} : zonePreference), own: zone }
            : undefined,
        clock,
        random: systemRandom,
        probe: (state) => channel.probe(state),
      }),
      clock,
      limits,
      tls,
      connections,
      ...(subset && { choose: (all) => subsetOf(all, subset, { id: `${service} ${instance}`, number: number() }) }),
      observer: channelMetrics(metrics, target, name),
      loadReportUnreadable: logOnce(log, target),
    });
    return channel;
  }

  #tlsId(tls: TlsOptions | undefined): number {
    const id = this.#tlsIds.get(tls) ?? this.#tlsIds.size;
    this.#tlsIds.set(tls, id);
    return id;
  }

  #directory(scheme: Scheme): Directory {
    let directory = this.#directories.get(scheme);
    if (directory === undefined) {
      directory = this.#openDirectory(scheme);
      this.#directories.set(scheme, directory);
    }
    return directory;
  }

  #openDirectory(scheme: Scheme): Directory {
    const { clock, consul, log, metrics, options, service } = this.#parts;
    switch (scheme) {
      case "consul":
        return discoverThroughConsul({
          http: consul,
          service,
          options: completeDiscoveryOptions(options.discovery, process.env),
          clock,
          log,
          observer: metrics.directory,
        });
      case "static":
        return staticDirectory();
      case "dns":
        return dnsDirectory({ clock });
      case "unix":
        return unixDirectory();
    }
  }
}

/** Who writes reports that cannot be read writes them with every answer. */
function logOnce(log: Logger, target: string): (endpoint: Endpoint) => void {
  let logged = false;
  return ({ address }) => {
    if (logged) return;
    logged = true;
    log.warn(
      { target, endpoint: formatAddress(address) },
      "load report of an endpoint is no OrcaLoadReport with figures of 0 or more: balancing goes without it",
    );
  };
}
