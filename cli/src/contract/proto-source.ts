/** Contracts from .proto files, for servers without reflection. */
import { createFileRegistry, fromBinary, type Registry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { loadContract } from "@meshwork/sdk";
import { UsageError } from "../failures.ts";
import type { ContractSource, KnownService } from "./contract-source.ts";

/**
 * @param files as the user named them.
 * @param folders that imports start from; none: the folders around the files.
 * Throws UsageError or INVALID_ARGUMENT that name every problem of the files.
 */
export function protoSource(files: readonly string[], folders: readonly string[]): ContractSource {
  const contract = loadContract(files, folders.length === 0 ? {} : { includeDirs: folders });
  const place = files.join(", ");
  const [first] = contract.services;
  const schema = first === undefined ? undefined : contract.service(first).schema;
  if (schema === undefined) throw new UsageError(`${place} declares no service: name the file that does`);
  const types: Registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, schema.descriptorSet()));
  return {
    place,
    services: async () => contract.services,
    service: async (typeName): Promise<KnownService | undefined> => {
      const desc = types.getService(typeName);
      if (desc === undefined || !contract.services.includes(typeName)) return undefined;
      const { meshName, methods } = contract.service(typeName);
      return {
        desc,
        types,
        meshName,
        // The loader has read the options already.
        policyOf: ({ name }) =>
          Object.values(methods).find((method) => method.name === name)?.policy ?? {
            idempotency: "IDEMPOTENCY_UNKNOWN",
          },
      };
    },
    typesWith: async (typeName) => (types.getMessage(typeName) === undefined ? undefined : types),
    close: () => {},
  };
}
