/** Contracts for tests, from the text of .proto files. */
import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { ContractSource } from "../../../../cli/src/contract/contract-source.ts";
import { describedService } from "../../../../cli/src/contract/described-service.ts";
import { GreeterService } from "../../../../services/gen/greeter/v1/greeter.mesh.ts";

/** The samples': greeter.v1 and translator.v1. */
export function sampleTypes(): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, GreeterService.schema!.descriptorSet()));
}

export function sampleFiles(): ReadonlyMap<string, FileDescriptorProto> {
  const { file } = fromBinary(FileDescriptorSetSchema, GreeterService.schema!.descriptorSet());
  return new Map(file.map((one) => [one.name, one]));
}

/** A source of services by full name. */
export function sourceOf(types: FileRegistry, names: readonly string[], place = "a test"): ContractSource {
  return {
    place,
    services: async () => names,
    service: async (name) => {
      const desc = names.includes(name) ? types.getService(name) : undefined;
      return desc && describedService(desc, types);
    },
    typesWith: async (name) => (types.get(name) === undefined ? undefined : types),
    close: () => {},
  };
}
