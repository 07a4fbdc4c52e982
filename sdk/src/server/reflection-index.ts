/** What reflection looks things up in: the files, symbols and extensions behind a server's contracts. */
import { createFileRegistry, type DescFile, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, type FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import type { ServiceDefinition } from "../contract/definition.ts";

/** Files come encoded, with all that they import. */
export interface ReflectionIndex {
  /** Full names of the services that can be described. */
  readonly services: readonly string[];
  file(name: string): readonly Uint8Array[] | undefined;
  /** A message, enum, extension, service, or "service.Method". */
  symbol(name: string): readonly Uint8Array[] | undefined;
  extension(containingType: string, number: number): readonly Uint8Array[] | undefined;
  extensionNumbers(containingType: string): readonly number[] | undefined;
}

export function reflectionIndex(services: readonly ServiceDefinition[]): ReflectionIndex {
  const described = services.filter((service) => service.schema !== undefined);
  const registries = distinct(described).map((set) => createFileRegistry(set));
  const files = registries.flatMap((registry) => [...registry.files]);
  const find = <T>(look: (registry: (typeof registries)[number]) => T | undefined): T | undefined => {
    for (const registry of registries) {
      const found = look(registry);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const fileOf = (name: string): DescFile | undefined => {
    const dot = Math.max(0, name.lastIndexOf("."));
    const [parent, member] = [name.slice(0, dot), name.slice(dot + 1)];
    return find((registry) => {
      const owner = registry.getService(parent);
      const method = owner?.methods.find((one) => one.name === member);
      return registry.get(name)?.file ?? (method && owner?.file);
    });
  };
  return {
    services: described.map((service) => service.typeName),
    file: (name) => withImports(files.find((file) => file.proto.name === name)),
    symbol: (name) => withImports(fileOf(name)),
    extension: (type, number) =>
      withImports(
        find((registry) => {
          const message = registry.getMessage(type);
          return message && registry.getExtensionFor(message, number);
        })?.file,
      ),
    extensionNumbers: (type) => {
      if (find((registry) => registry.getMessage(type)) === undefined) return undefined;
      const numbers = registries.flatMap((registry) =>
        [...registry].flatMap((one) =>
          one.kind === "extension" && one.extendee.typeName === type ? [one.number] : [],
        ),
      );
      return [...new Set(numbers)];
    },
  };
}

/** Services of one generated folder share one descriptor set. */
function distinct(services: readonly ServiceDefinition[]): FileDescriptorSet[] {
  const sets = new Set(services.map((service) => service.schema?.descriptorSet()));
  return [...sets].flatMap((bytes) => (bytes === undefined ? [] : [fromBinary(FileDescriptorSetSchema, bytes)]));
}

function withImports(file: DescFile | undefined): Uint8Array[] | undefined {
  if (file === undefined) return undefined;
  const all = new Set([file]);
  for (const one of all) for (const imported of one.dependencies) all.add(imported);
  return [...all].map((one) => toBinary(FileDescriptorProtoSchema, one.proto));
}
