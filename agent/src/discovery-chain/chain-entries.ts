/**
 * The config entries that one chain is made of. What is not gathered does not exist for the compiler, so gathering
 * follows Consul's steps: the router, then splitters from service to service, then resolvers.
 */
import {
  type ConfigEntryKind,
  type EntryOfKind,
  globalName,
  type ProxyDefaults,
  relatedServices,
  type ServiceDefaults,
  type ServiceResolver,
  type ServiceRouter,
  type ServiceSplitter,
} from "../config-entries/config-entry.ts";

export interface ChainEntries {
  readonly proxyDefaults: ProxyDefaults | undefined;
  readonly router: ServiceRouter | undefined;
  readonly splitters: ReadonlyMap<string, ServiceSplitter>;
  readonly resolvers: ReadonlyMap<string, ServiceResolver>;
  readonly defaults: ReadonlyMap<string, ServiceDefaults>;
}

/** Where entries are found by kind and name. */
export type FindEntry = <K extends ConfigEntryKind>(kind: K, name: string) => EntryOfKind<K> | undefined;

export function gatherEntries(service: string, find: FindEntry): ChainEntries {
  const router = find("service-router", service);
  const splitters = new Map<string, ServiceSplitter>();
  const seen = follow(router === undefined ? [service] : relatedServices(router), (name) => {
    const splitter = find("service-splitter", name);
    if (splitter !== undefined) splitters.set(name, splitter);
    return splitter;
  });
  const resolvers = new Map<string, ServiceResolver>();
  const resolved = follow(seen, (name) => {
    const resolver = find("service-resolver", name);
    if (resolver !== undefined) resolvers.set(name, resolver);
    return resolver;
  });
  const defaults = new Map<string, ServiceDefaults>();
  for (const name of new Set([service, ...seen, ...resolved])) {
    const entry = find("service-defaults", name);
    if (entry !== undefined) defaults.set(name, entry);
  }
  return { proxyDefaults: find("proxy-defaults", globalName), router, splitters, resolvers, defaults };
}

/** Visits services once each, and those that their entries lead to. */
function follow(
  start: readonly string[],
  visit: (name: string) => ServiceSplitter | ServiceResolver | undefined,
): string[] {
  const seen = new Set<string>(start);
  for (const name of seen) {
    const entry = visit(name);
    if (entry === undefined) continue;
    for (const related of relatedServices(entry)) seen.add(related);
  }
  return [...seen];
}
