/**
 * Whether the chains still hold together once an entry is written or removed, checked as far as Consul 1.8 checks: the
 * chain of the entry's own service and those one step before it, or every chain when the defaults of all change. A chain
 * further up may break unnoticed; whoever asks for it is told.
 */
import type { ConfigEntry, ConfigEntryKind, EntryOfKind } from "../config-entries/config-entry.ts";
import { relatedServices } from "../config-entries/config-entry.ts";
import { type FindEntry, gatherEntries } from "./chain-entries.ts";
import { compileChain } from "./compile.ts";
import { noOverrides } from "./customization.ts";

export interface EntryChange {
  readonly kind: ConfigEntryKind;
  readonly name: string;
  /** `undefined` to remove the entry. */
  readonly next: ConfigEntry | undefined;
}

/** Consul checks with these instead of its own; errors may show the datacenter. */
const anyDatacenter = "dc1";
const anyTrustDomain = "any.consul";

/** @throws ChainError when a chain would not compile. */
export function checkGraph(stored: readonly ConfigEntry[], find: FindEntry, change: EntryChange): void {
  // The change is known by its exact name, though entries are found without regard to case.
  const findChanged: FindEntry = <K extends ConfigEntryKind>(kind: K, name: string) =>
    kind === change.kind && name === change.name ? (change.next as EntryOfKind<K> | undefined) : find<K>(kind, name);
  for (const service of affectedChains(stored, change)) {
    compileChain({
      service,
      datacenter: anyDatacenter,
      localDatacenter: anyDatacenter,
      trustDomain: anyTrustDomain,
      entries: gatherEntries(service, findChanged),
      overrides: noOverrides,
    });
  }
}

function affectedChains(stored: readonly ConfigEntry[], { kind, name }: EntryChange): Set<string> {
  if (kind === "proxy-defaults") return new Set(stored.filter(startsChain).map((entry) => entry.name));
  const before = stored.filter((entry) => relatedServices(entry).includes(name));
  return new Set([name, ...before.map((entry) => entry.name)]);
}

function startsChain({ kind }: ConfigEntry): boolean {
  return kind === "service-router" || kind === "service-splitter" || kind === "service-resolver";
}
