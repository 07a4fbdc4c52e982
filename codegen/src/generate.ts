/**
 * From a CodeGeneratorRequest to a response, without I/O: one `x.mesh.ts` for each proto file that declares services,
 * beside the `x.ts` that ts-proto makes of its messages, and one file with the schema that reflection serves.
 */
import { create, createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  type CodeGeneratorResponse,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
  Edition,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { emitFile } from "./emit-file.ts";
import { emitSchema, schemaFileName } from "./emit-schema.ts";
import { OptionError, parseOptions } from "./options.ts";
import { describeAll } from "./problems.ts";
import { readContract } from "./read-contract.ts";

interface GeneratedFile {
  readonly name: string;
  readonly content: string;
}

/** Mistakes of the user come back in the response's `error`, as plugin.proto asks; only bugs throw. */
export function generate(request: CodeGeneratorRequest): CodeGeneratorResponse {
  const { files, error } = run(request);
  return create(CodeGeneratorResponseSchema, {
    supportedFeatures: BigInt(
      CodeGeneratorResponse_Feature.PROTO3_OPTIONAL | CodeGeneratorResponse_Feature.SUPPORTS_EDITIONS,
    ),
    minimumEdition: Edition.EDITION_PROTO2,
    maximumEdition: Edition.EDITION_2024,
    ...(error === undefined ? { file: [...files] } : { error }),
  });
}

function run(request: CodeGeneratorRequest): { files: readonly GeneratedFile[]; error?: string } {
  try {
    return generateFiles(request);
  } catch (error) {
    if (error instanceof OptionError) return { files: [], error: error.message };
    throw error;
  }
}

function generateFiles(request: CodeGeneratorRequest): { files: readonly GeneratedFile[]; error?: string } {
  const options = parseOptions(request.parameter);
  const registry: FileRegistry = createFileRegistry(create(FileDescriptorSetSchema, { file: request.protoFile }));
  const wanted = new Set(request.fileToGenerate);
  const contracts = [...registry.files]
    .filter((file) => wanted.has(file.proto.name) && file.services.length > 0)
    .map((file) => readContract(file, registry));
  const problems = contracts.flatMap((contract) => contract.problems);
  if (problems.length > 0) return { files: [], error: describeAll(problems) };
  if (contracts.length === 0) return { files: [] };

  const schema = schemaFileName(contracts.map(({ file }) => file));
  return {
    files: [
      ...contracts.map((contract) => emitFile(contract, schema, options)),
      emitSchema(
        schema,
        contracts.map(({ file }) => file),
        request.protoFile,
      ),
    ],
  };
}
