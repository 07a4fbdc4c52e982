/**
 * Contracts without generated code: loadContract reads .proto files when the program starts and gives the definitions
 * that the code generator would have written, with the same policies and the same refusals. For plain JavaScript, for
 * command lines, for tools that meet a contract for the first time.
 *
 * Messages are what @grpc/proto-loader makes of them, set as close to generated code as it allows: fields in
 * camelCase, lists and maps never missing, scalars with their default, bytes as Buffer. Other than in generated code,
 * 64-bit integers are decimal strings, enums are their names, unset messages are null, maps are plain objects, and a
 * oneof is the field that is set plus the oneof's name holding that field's name.
 */
import { createRequire } from "node:module";
import { create, createFileRegistry, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type * as ProtoLoader from "@grpc/proto-loader";
import type * as Protobufjs from "protobufjs";
import type { CallContext } from "./call/call-context.ts";
import { MeshError } from "./call/mesh-error.ts";
import type { CallOptions } from "./client/call-options.ts";
import type { ServiceDefinition } from "./contract/definition.ts";
import { ProtoDescriber } from "./contract/describe-proto.ts";
import { type DynamicCodecs, readDynamicService } from "./contract/dynamic-service.ts";
import { type ContractProblem, describeProblem } from "./contract/problem.ts";
import { collectProtoFiles, type ProtoFile } from "./contract/proto-files.ts";
import { isWellKnown, wellKnownFiles } from "./contract/well-known-files.ts";
import { ProtoFolders } from "./proto-folders.ts";

/** A message of a contract that was loaded at run time. */
export type DynamicMessage = Record<string, unknown>;

/** What a call gives: await it when the response is one message, iterate it when it is a stream. */
export type DynamicResponse = Promise<DynamicMessage> & AsyncIterable<DynamicMessage>;

/** Calls a service by method name; requests are one message or, where the contract says stream, many. */
export type DynamicClient = Record<
  string,
  (
    request: DynamicMessage | AsyncIterable<DynamicMessage> | Iterable<DynamicMessage>,
    options?: CallOptions,
  ) => DynamicResponse
>;

/** Serves a service by method name; the request is one message or, where the contract says stream, iterable. */
export type DynamicHandlers = Record<
  string,
  (
    request: DynamicMessage & AsyncIterable<DynamicMessage>,
    context: CallContext,
  ) => Promise<DynamicMessage> | DynamicMessage | AsyncIterable<DynamicMessage>
>;

export interface Contract {
  /** Full names, in the order of the files: "greeter.v1.GreeterService". */
  readonly services: readonly string[];
  /**
   * A service by its full name or, when no other ends the same, by the end of it: "GreeterService".
   *
   * @throws MeshError INVALID_ARGUMENT when there is none or more than one.
   */
  service(name: string): ServiceDefinition<DynamicClient, DynamicHandlers>;
}

export interface LoadContractOptions {
  /** Folders that imports start from. Default: the folder of the importing file and those above it, nearest first. */
  readonly includeDirs?: readonly string[];
}

const CODEC_OPTIONS = { longs: String, enums: String, defaults: true, arrays: true, objects: true, oneofs: true };

/**
 * Reads contracts from .proto files. meshwork/v1/policy.proto and Google's own files are found without being there.
 *
 *     const greeter = loadContract("proto/greeter/v1/greeter.proto").service("GreeterService");
 *     const { message } = await mesh.client(greeter).sayHello({ name: "Ada" });
 *
 * @throws MeshError INVALID_ARGUMENT when a file is missing or malformed, or a policy is nonsense; its reason names
 *   every problem found.
 */
export function loadContract(paths: string | readonly string[], options: LoadContractOptions = {}): Contract {
  const { protoLoader, protobufjs } = libraries();
  const source = new ProtoFolders(options.includeDirs);
  const files = collectProtoFiles(typeof paths === "string" ? [paths] : paths, source, protobufjs);
  const names = files.map((file) => file.name).join(", ");
  return refusing(names, () => {
    const codecs = protoLoader.fromJSON(merge(files, protobufjs, "camelCase").toJSON(), CODEC_OPTIONS);
    return assemble(files, describe(files, protobufjs), codecs, names);
  });
}

/** Loaded when first needed: most programs have generated code. protobufjs is proto-loader's own. */
function libraries(): { protoLoader: typeof ProtoLoader; protobufjs: typeof Protobufjs } {
  const require = createRequire(import.meta.url);
  const protoLoader = require("@grpc/proto-loader") as typeof ProtoLoader;
  const protobufjs = createRequire(require.resolve("@grpc/proto-loader"))("protobufjs") as typeof Protobufjs;
  return { protoLoader, protobufjs };
}

/** What the libraries throw becomes ours. */
function refusing<T>(names: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof MeshError) throw error;
    const fault = error instanceof Error ? error.message : String(error);
    throw new MeshError("INVALID_ARGUMENT", `contract of ${names} cannot be loaded: ${fault}`, { cause: error });
  }
}

/** One root with all files, as protobufjs wants it for resolving names and for codecs. */
function merge(
  files: readonly ProtoFile[],
  protobufjs: typeof Protobufjs,
  style: "camelCase" | "asWritten",
): Protobufjs.Root {
  const root = new protobufjs.Root();
  const common = new Set(files.flatMap((file) => file.imports).filter(isWellKnown));
  for (const name of common) addWellKnown(name, root, protobufjs);
  for (const file of files) protobufjs.parse(file.text, root, { keepCase: style === "asWritten" });
  root.resolveAll();
  return root;
}

function addWellKnown(name: string, root: Protobufjs.Root, protobufjs: typeof Protobufjs): void {
  const bundled = protobufjs.common.get(name);
  if (bundled?.nested === undefined) throw new Error(`"${name}" is not one of the files that come with protobuf`);
  root.addJSON(bundled.nested);
}

/** Descriptors of all files, imported ones first. */
function describe(files: readonly ProtoFile[], protobufjs: typeof Protobufjs): readonly FileDescriptorProto[] {
  const describer = new ProtoDescriber(protobufjs, merge(files, protobufjs, "asWritten"));
  const described = files.map((file) => describer.file(file));
  return [...wellKnownFiles(files.flatMap((file) => file.imports)), ...described];
}

function assemble(
  files: readonly ProtoFile[],
  descriptors: readonly FileDescriptorProto[],
  codecs: ProtoLoader.PackageDefinition,
  names: string,
): Contract {
  const set = create(FileDescriptorSetSchema, { file: [...descriptors] });
  const registry = createFileRegistry(set);
  let bytes: Uint8Array | undefined;
  const descriptorSet = (): Uint8Array => (bytes ??= toBinary(FileDescriptorSetSchema, set));

  const problems: ContractProblem[] = [];
  const services = new Map<string, ServiceDefinition<DynamicClient, DynamicHandlers>>();
  for (const file of files) {
    for (const desc of registry.getFile(file.name)?.services ?? []) {
      const parsed = file.root.lookupService(desc.typeName);
      const { value, problems: found } = readDynamicService(desc, parsed, codecs[desc.typeName] as DynamicCodecs);
      problems.push(...found);
      const { typeName, meshName, methods } = value;
      services.set(typeName, { typeName, meshName, methods, schema: { file: file.name, descriptorSet } });
    }
  }
  if (problems.length > 0) {
    const lines = problems.map((problem) => `\n  ${describeProblem(problem)}`).join("");
    throw new MeshError("INVALID_ARGUMENT", `contract of ${names} cannot be followed:${lines}`);
  }
  return { services: [...services.keys()], service: (name) => findService(services, name, names) };
}

function findService(
  services: ReadonlyMap<string, ServiceDefinition<DynamicClient, DynamicHandlers>>,
  name: string,
  files: string,
): ServiceDefinition<DynamicClient, DynamicHandlers> {
  const all = [...services.values()];
  const exact = services.get(name);
  const matches = exact === undefined ? all.filter(({ typeName }) => typeName.endsWith(`.${name}`)) : [exact];
  const [only, ...others] = matches;
  if (only !== undefined && others.length === 0) return only;
  const full = (found: readonly ServiceDefinition[]) => found.map(({ typeName }) => typeName).join(", ");
  const fault =
    only === undefined
      ? `is not declared by ${files}, which ${all.length === 0 ? "declare no service" : `declare ${full(all)}`}`
      : `may be ${full(matches)}: write the full name`;
  throw new MeshError("INVALID_ARGUMENT", `service "${name}" ${fault}`);
}
