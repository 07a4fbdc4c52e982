/** Finds the service and the method that somebody named in short. */
import type { DescMethod } from "@bufbuild/protobuf";
import { meshName, methodKey } from "@meshwork/sdk/contract";
import { closestFirst } from "../closest.ts";
import { UsageError } from "../failures.ts";
import type { ContractSource, KnownService } from "./contract-source.ts";

/** Services that servers have beside their own. */
const TOOLS = /^grpc\.(?:reflection|health|channelz|admin|binarylog)\./;

export function isToolService(typeName: string): boolean {
  return TOOLS.test(typeName);
}

/**
 * A service by its full name ("greeter.v1.GreeterService"), the end of it ("GreeterService") or its mesh name
 * ("greeter"). Throws UsageError that lists what there is.
 */
export async function findService(source: ContractSource, name: string): Promise<KnownService> {
  const exact = name.includes(".") ? await source.service(name) : undefined;
  if (exact !== undefined) return exact;
  const services = await source.services();
  const named = servicesNamed(name, services);
  if (named.length > 1) {
    throw new UsageError(`service "${name}" may be ${named.join(" or ")}: write the full name`);
  }
  const own = services.filter((one) => !isToolService(one));
  const found = (await firstKnown(source, named)) ?? (await calledInTheMesh(source, name, own));
  if (found !== undefined) return found;
  // Other tools register servers under names that no contract mentions; with one service there is no doubt.
  const [only] = own;
  const alone = own.length === 1 && !name.includes(".") && source.place.endsWith(`/${name}`) && only !== undefined;
  const single = alone ? await source.service(only) : undefined;
  if (single !== undefined) return single;
  const there = own.length === 0 ? "nothing that reflection tells of" : closestFirst(name, own).join(", ");
  throw new UsageError(`service "${name}" is unknown to ${source.place}, which has ${there}`);
}

/** Those of the services that a name means, by name alone. */
export function servicesNamed(name: string, services: readonly string[]): readonly string[] {
  if (services.includes(name)) return [name];
  const wanted = name.toLowerCase();
  const ends = services.filter((one) => `.${one.toLowerCase()}`.endsWith(`.${wanted}`));
  if (ends.length > 0) return ends;
  return services.filter((one) => !isToolService(one) && meshName(one).value === wanted);
}

/** A contract may choose the mesh name by an option: then its descriptor must be read to know. */
async function calledInTheMesh(
  source: ContractSource,
  name: string,
  services: readonly string[],
): Promise<KnownService | undefined> {
  const found: KnownService[] = [];
  for (const one of services) {
    const known = await source.service(one);
    if (known?.meshName === name) found.push(known);
  }
  if (found.length < 2) return found[0];
  const names = found.map(({ desc }) => desc.typeName).join(" or ");
  throw new UsageError(`service "${name}" may be ${names}: write the full name`);
}

async function firstKnown(source: ContractSource, names: readonly string[]): Promise<KnownService | undefined> {
  const [name] = names;
  return name === undefined ? undefined : source.service(name);
}

/** A method as the proto file spells it, or in lowerCamel. Throws UsageError that lists those there are. */
export function findMethod({ desc }: KnownService, name: string | undefined): DescMethod {
  const method =
    desc.methods.find((one) => one.name === name) ?? desc.methods.find((one) => methodKey(one.name) === name);
  if (method !== undefined) return method;
  const names = desc.methods.map((one) => one.name);
  if (name === undefined) {
    throw new UsageError(
      `no method is named: write for example ${desc.typeName}/${names[0] ?? "Method"}, one of ${names.join(", ")}`,
    );
  }
  const there = names.length === 0 ? "which has no methods" : `which has ${closestFirst(name, names).join(", ")}`;
  throw new UsageError(`method "${name}" is not one of ${desc.typeName}, ${there}`);
}
