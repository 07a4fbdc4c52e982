/**
 * Compiles config entries into a discovery chain, the way of Consul 1.8: what is said about a service in several places
 * becomes one graph that a client walks without looking anything up. Pure: entries in, chain or ChainError out.
 * https://developer.hashicorp.com/consul/docs/connect/l7-traffic/discovery-chain
 */
import type { MeshGateway, ServiceDefaults, ServiceResolver } from "../config-entries/config-entry.ts";
import {
  type Chain,
  ChainError,
  type ChainNode,
  type ChainRoute,
  type ChainSplit,
  defaultNamespace,
  nodeKey,
  type ResolverNode,
  type SplitterNode,
} from "./chain.ts";
import type { ChainEntries } from "./chain-entries.ts";
import { customizationHash, type Customization, type Overrides } from "./customization.ts";
import { catchAll, defaultConnectTimeoutNs, defaultResolver, isDefault } from "./defaults.ts";
import { flattenSplitters, reachable, refuseCircles } from "./graph.ts";
import { protocolOf, routesRequests } from "./protocol.ts";
import { Targets, type WorkingTarget } from "./targets.ts";

export interface CompileRequest {
  readonly service: string;
  /** Whose point of view the chain has. */
  readonly datacenter: string;
  /** Where it is going to be used: targets elsewhere may need a mesh gateway. */
  readonly localDatacenter: string;
  readonly trustDomain: string;
  readonly entries: ChainEntries;
  readonly overrides: Overrides;
}

/** @throws ChainError when the entries contradict each other. */
export function compileChain(request: CompileRequest): Chain {
  if (request.service === "") throw new ChainError("serviceName is required");
  return new Compilation(request).run();
}

/** The state of one compilation. */
class Compilation {
  readonly #request: CompileRequest;
  readonly #targets: Targets;
  readonly #nodes = new Map<string, ChainNode>();
  readonly #customization: Customization = { meshGateway: undefined, protocol: undefined, connectTimeoutNs: undefined };
  /** Overriding the protocol with one that cannot be routed leaves routers and splitters out. */
  readonly #unrouted: boolean;
  /** What all services of a chain must agree on; empty until the first is met. */
  #protocol = "";
  #routed = false;

  constructor(request: CompileRequest) {
    this.#request = request;
    this.#targets = new Targets(request.datacenter, request.trustDomain);
    const { protocol } = request.overrides;
    this.#unrouted = protocol !== "" && !routesRequests(protocol);
  }

  run(): Chain {
    const { service, datacenter } = this.#request;
    const startNode = nodeKey(this.#start());
    refuseCircles(this.#nodes, startNode);
    const nodes = reachable(flattenSplitters(this.#nodes), startNode);
    if (this.#routed && !routesRequests(this.#protocol)) {
      const what = "that does not permit advanced routing or splitting behavior";
      throw new ChainError(`discovery chain ${quoted(service)} uses a protocol ${quoted(this.#protocol)} ${what}`);
    }
    const protocol = this.#overriddenProtocol();
    return {
      serviceName: service,
      namespace: defaultNamespace,
      datacenter,
      customizationHash: customizationHash(this.#customization),
      protocol,
      startNode,
      nodes,
      targets: this.#targets.retained(),
    };
  }

  #overriddenProtocol(): string {
    const { protocol } = this.#request.overrides;
    if (protocol === "" || protocol === this.#protocol) return this.#protocol;
    this.#customization.protocol = protocol;
    return protocol;
  }

  #start(): ChainNode {
    const { service, entries } = this.#request;
    const { router } = entries;
    if (router === undefined || this.#leavesOut()) {
      return this.#splitterOrResolver(this.#targets.of(service, "", ""));
    }
    this.#routed = true;
    this.#agreeOnProtocol(router.name);
    const routes = (router.routes ?? []).map((definition): ChainRoute => {
      const { service: named = "", serviceSubset = "", namespace = "" } = definition.destination ?? {};
      const target = this.#targets.of(named === "" ? service : named, serviceSubset, namespace);
      const next = serviceSubset === "" ? this.#splitterOrResolver(target) : this.#resolver(target);
      return { definition, nextNode: nodeKey(next) };
    });
    const rest = this.#splitterOrResolver(this.#targets.of(router.name, "", ""));
    routes.push({ definition: catchAll(router.name), nextNode: nodeKey(rest) });
    return this.#record({ type: "router", name: `${router.name}.${defaultNamespace}`, routes });
  }

  /** Asked where there is a router or splitter: leaving it out is the override's doing. */
  #leavesOut(): boolean {
    if (this.#unrouted) this.#customization.protocol = this.#request.overrides.protocol;
    return this.#unrouted;
  }

  #splitterOrResolver(target: WorkingTarget): ChainNode {
    return this.#splitter(target.service) ?? this.#resolver(target);
  }

  #splitter(service: string): SplitterNode | undefined {
    const name = `${service}.${defaultNamespace}`;
    const known = this.#nodes.get(nodeKey({ type: "splitter", name }));
    if (known?.type === "splitter") return known;
    const entry = this.#request.entries.splitters.get(service);
    if (entry === undefined || this.#leavesOut()) return undefined;

    const splits: ChainSplit[] = [];
    const node: SplitterNode = { type: "splitter", name, splits };
    // Known before its parts are: two splitters that lead to each other must end here and be found by the check for circles.
    this.#record(node);
    for (const { weight, service: named, serviceSubset } of entry.splits) {
      const part = named === "" ? service : named;
      const nested = part !== service && serviceSubset === "" ? this.#splitter(part) : undefined;
      const next = nested ?? this.#resolver(this.#targets.of(part, serviceSubset, ""));
      splits.push({ weight, nextNode: nodeKey(next) });
    }
    this.#routed = true;
    return node;
  }

  /** Two ways to the same target make the same node twice: there is nothing to remember in between. */
  #resolver(start: WorkingTarget): ResolverNode {
    const { target, resolver } = this.#settle(start);
    const node = this.#resolve(target, resolver);
    const failover = this.#failoverTargets(target, resolver).map((other) => this.#failover(other));
    return this.#record({ ...node, failover });
  }

  /** Failing over goes through redirects and default subsets, but not on to the failover of where it arrives. */
  #failover(start: WorkingTarget): string {
    const { target, resolver } = this.#settle(start);
    return this.#resolve(target, resolver).target;
  }

  /** Follows redirects and default subsets to the end. */
  #settle(start: WorkingTarget): { readonly target: WorkingTarget; readonly resolver: ServiceResolver } {
    const passed: string[] = [];
    let target = start;
    for (;;) {
      this.#agreeOnProtocol(target.service);
      const resolver = this.#request.entries.resolvers.get(target.service) ?? defaultResolver(target.service);
      passed.push(target.id);
      if (passed.indexOf(target.id) < passed.length - 1) {
        throw new ChainError(`detected circular resolver redirect: [${passed.join(" -> ")}]`);
      }
      const next = this.#onward(target, resolver);
      if (next === undefined) return { target, resolver };
      target = next;
    }
  }

  #onward(target: WorkingTarget, { redirect, defaultSubset }: ServiceResolver): WorkingTarget | undefined {
    const redirected = redirect === undefined ? target : this.#targets.rewritten(target, redirect);
    if (redirected.id !== target.id) return redirected;
    if (target.serviceSubset !== "" || defaultSubset === "") return undefined;
    return this.#targets.rewritten(target, { serviceSubset: defaultSubset });
  }

  /** Completes the target, retains it, and makes its node, which is not yet recorded. */
  #resolve(target: WorkingTarget, resolver: ServiceResolver): ResolverNode {
    const { serviceSubset, service } = target;
    const subset = resolver.subsets.get(serviceSubset);
    if (serviceSubset !== "" && subset === undefined) {
      throw new ChainError(`service ${quoted(service)} does not have a subset named ${quoted(serviceSubset)}`);
    }
    const connectTimeoutNs = this.#connectTimeout(resolver);
    if (subset !== undefined) target.subset = subset;
    const defaults = this.#request.entries.defaults.get(service);
    if (defaults !== undefined && defaults.externalSni !== "") {
      target.sni = defaults.externalSni;
      target.external = true;
    }
    if (target.external) refuseExternal(target.service, resolver);
    target.meshGateway = this.#meshGateway(target, defaults);
    this.#targets.retain(target);
    return {
      type: "resolver",
      name: target.id,
      isDefault: isDefault(resolver),
      connectTimeoutNs,
      target: target.id,
      failover: [],
    };
  }

  #connectTimeout(resolver: ServiceResolver): bigint {
    const own = resolver.connectTimeoutNs < 1n ? defaultConnectTimeoutNs : resolver.connectTimeoutNs;
    const override = this.#request.overrides.connectTimeoutNs;
    if (override <= 0n || override === own) return own;
    this.#customization.connectTimeoutNs = override;
    return override;
  }

  /** Only other datacenters are reached through gateways, and nothing outside of the mesh is. */
  #meshGateway(target: WorkingTarget, defaults: ServiceDefaults | undefined): MeshGateway {
    const { localDatacenter, entries, overrides } = this.#request;
    if (target.datacenter === localDatacenter || target.external) return { mode: "" };
    const own = defaults?.meshGateway.mode ?? "";
    const mode = own === "" ? (entries.proxyDefaults?.meshGateway.mode ?? "") : own;
    const override = overrides.meshGateway.mode;
    if (override === "" || override === mode) return { mode };
    this.#customization.meshGateway = overrides.meshGateway;
    return { mode: override };
  }

  #failoverTargets(target: WorkingTarget, { failover }: ServiceResolver): WorkingTarget[] {
    const policy = failover.get(target.serviceSubset) ?? failover.get("*");
    if (policy === undefined) return [];
    const datacenters = policy.datacenters.length === 0 ? [""] : policy.datacenters;
    const others = datacenters.map((datacenter) => this.#targets.rewritten(target, { ...policy, datacenter }));
    return others.filter(({ id }) => id !== target.id);
  }

  #agreeOnProtocol(service: string): void {
    const { entries, service: chain } = this.#request;
    const protocol = protocolOf(entries.defaults.get(service), entries.proxyDefaults);
    if (this.#protocol === "") this.#protocol = protocol;
    if (this.#protocol === protocol) return;
    const contradiction = `service ${quoted(service)} has ${quoted(protocol)} which is not ${quoted(this.#protocol)}`;
    throw new ChainError(`discovery chain ${quoted(chain)} uses inconsistent protocols; ${contradiction}`);
  }

  #record<N extends ChainNode>(node: N): N {
    this.#nodes.set(nodeKey(node), node);
    return node;
  }
}

/** What is outside of the mesh has one address and nothing to choose from. */
function refuseExternal(service: string, { redirect, subsets, failover }: ServiceResolver): void {
  const what =
    redirect !== undefined ? "redirects" : subsets.size > 0 ? "subsets" : failover.size > 0 ? "failover" : "";
  if (what === "") return;
  const why = `cannot define ${what} for external services`;
  throw new ChainError(`service ${quoted(service)} has an external SNI set; ${why}`);
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
