/** Chains from entries written as JSON, without an agent. */
import type { ConfigEntry, ConfigEntryKind, EntryOfKind } from "../../../../agent/src/config-entries/config-entry.ts";
import { decodeConfigEntry } from "../../../../agent/src/config-entries/decode-entry.ts";
import type { Chain } from "../../../../agent/src/discovery-chain/chain.ts";
import { type FindEntry, gatherEntries } from "../../../../agent/src/discovery-chain/chain-entries.ts";
import { compileChain } from "../../../../agent/src/discovery-chain/compile.ts";
import { noOverrides, type Overrides } from "../../../../agent/src/discovery-chain/customization.ts";

export type EntryJson = Readonly<Record<string, unknown>> & { readonly Kind: string; readonly Name: string };

export function decoded(json: EntryJson): ConfigEntry {
  return decodeConfigEntry(Buffer.from(JSON.stringify(json)));
}

export function finder(entries: readonly ConfigEntry[]): FindEntry {
  return <K extends ConfigEntryKind>(kind: K, name: string) =>
    entries.find((entry) => entry.kind === kind && entry.name === name) as EntryOfKind<K> | undefined;
}

export function compiled(service: string, entries: readonly EntryJson[], overrides: Partial<Overrides> = {}): Chain {
  return compileChain({
    service,
    datacenter: "dc1",
    localDatacenter: "dc1",
    trustDomain: "mesh.consul",
    entries: gatherEntries(service, finder(entries.map(decoded))),
    overrides: { ...noOverrides, ...overrides },
  });
}

export const http = (Name: string): EntryJson => ({ Kind: "service-defaults", Name, Protocol: "http" });
export const resolver = (Name: string, more: object): EntryJson => ({ Kind: "service-resolver", Name, ...more });
export const router = (Name: string, ...Routes: readonly object[]): EntryJson => ({
  Kind: "service-router",
  Name,
  Routes,
});
export const splitter = (Name: string, ...Splits: readonly object[]): EntryJson => ({
  Kind: "service-splitter",
  Name,
  Splits,
});
