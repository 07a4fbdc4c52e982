/** What a registry holds, for mesh ls. */
import type { InstanceStatus, RegisteredInstance, RegistryReader } from "@meshwork/sdk/inspect";
import { closestFirst } from "../closest.ts";
import { CommandError } from "../failures.ts";
import { indent, table } from "../table.ts";
import type { Colors } from "../terminal.ts";

export interface ServiceCount extends Readonly<Record<InstanceStatus, number>> {
  readonly service: string;
  readonly instances: number;
}

/** Consul lists its own servers under this name. */
const CONSUL_ITSELF = "consul";
/** Questions at a time: an agent answers them one by one, more would only queue there. */
const CONCURRENT_QUESTIONS = 8;
const STATUSES = ["passing", "warning", "critical"] as const;

/** Every service but Consul's own, by name, with its instances. Rejects like services(). */
export async function instancesByService(
  registry: RegistryReader,
): Promise<ReadonlyMap<string, readonly RegisteredInstance[]>> {
  const names = (await registry.services()).filter((name) => name !== CONSUL_ITSELF);
  const found = new Map<string, readonly RegisteredInstance[]>();
  for (let from = 0; from < names.length; from += CONCURRENT_QUESTIONS) {
    const some = names.slice(from, from + CONCURRENT_QUESTIONS);
    await Promise.all(some.map(async (name) => found.set(name, await registry.instances(name))));
  }
  return found;
}

/** Every service but Consul's own, by name. */
export async function countServices(registry: RegistryReader): Promise<readonly ServiceCount[]> {
  const found = await instancesByService(registry);
  return [...found.keys()].sort().map((name) => count(name, found.get(name) ?? []));
}

function count(service: string, instances: readonly RegisteredInstance[]): ServiceCount {
  const of = (status: InstanceStatus): number => instances.filter((one) => one.status === status).length;
  return {
    service,
    instances: instances.length,
    passing: of("passing"),
    warning: of("warning"),
    critical: of("critical"),
  };
}

/** The instances of a service. Rejects with CommandError that lists what is registered when there are none. */
export async function instancesOf(registry: RegistryReader, service: string): Promise<readonly RegisteredInstance[]> {
  const instances = await registry.instances(service);
  if (instances.length > 0) return instances;
  throw new CommandError(
    `no instance of "${service}" is registered in consul at ${registry.place}: ${await whatThereIs(registry, service)}`,
  );
}

/** "it has greeter, translator", the closest to a name first. Rejects like services(). */
export async function whatThereIs(registry: RegistryReader, service: string): Promise<string> {
  const names = (await registry.services()).filter((name) => name !== CONSUL_ITSELF);
  if (names.length > 0) return `it has ${closestFirst(service, names).join(", ")}`;
  return "nothing is registered there; start a service, or set CONSUL_HTTP_ADDR to where it registers";
}

export function describeCounts(counts: readonly ServiceCount[], colors: Colors): string {
  const rows = counts.map((one) => [one.service, String(one.instances), describeHealth(one)]);
  return table([["SERVICE", "INSTANCES", "HEALTH"], ...rows], colors.dim);
}

/** "2 passing, 1 critical" */
function describeHealth(one: ServiceCount): string {
  return STATUSES.filter((status) => one[status] > 0)
    .map((status) => `${one[status]} ${status}`)
    .join(", ");
}

/** A table, and below it what the failing checks say. */
export function describeInstances(instances: readonly RegisteredInstance[], colors: Colors): string {
  const rows = instances.map((one) => [
    one.id,
    one.address,
    one.zone ?? "",
    one.version ?? "",
    one.status,
    one.metadata["admin"] ?? "",
  ]);
  const header = ["INSTANCE", "ADDRESS", "ZONE", "VERSION", "STATUS", "ADMIN"];
  const failures = instances.flatMap((one) => one.failures.map((failure) => `${one.id}: ${failure.trim()}`));
  const shown = table([header, ...rows], colors.dim);
  return failures.length === 0 ? shown : `${shown}\n${indent(failures.join("\n"))}`;
}
