/** Reads what a proto file says of its services: names and policies, with every problem in its place. */
import {
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescOneof,
  type DescService,
  getOption,
  hasOption,
  type JsonValue,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { isWrapperDesc, MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import {
  type FieldShape,
  type IdempotencyLevel,
  meshName,
  type MessageShape,
  methodKey,
  type MethodPolicy,
  readPolicy,
} from "@meshwork/sdk/contract";
import { fieldKey } from "./message-names.ts";
import { METHOD_POLICY, type PlacedProblem, placeProblem, SERVICE_POLICY } from "./problems.ts";

export interface MethodContract {
  readonly desc: DescMethod;
  /** Its name in clients and handlers. */
  readonly key: string;
  readonly policy: MethodPolicy;
}

export interface ServiceContract {
  readonly desc: DescService;
  readonly meshName: string;
  readonly methods: readonly MethodContract[];
}

export interface FileContract {
  readonly file: DescFile;
  readonly services: readonly ServiceContract[];
  /** Every one found; with any, nothing may be generated. */
  readonly problems: readonly PlacedProblem[];
}

export function readContract(file: DescFile, registry: Registry): FileContract {
  const problems: PlacedProblem[] = [];
  const services = file.services.map((service) => readService(service, registry, problems));
  return { file, services, problems };
}

function readService(service: DescService, registry: Registry, problems: PlacedProblem[]): ServiceContract {
  const option = optionOf(service, SERVICE_POLICY, registry) as { readonly name?: string } | undefined;
  const name = meshName(service.typeName, option?.name);
  problems.push(...name.problems.map((problem) => placeProblem(problem, service)));
  const keys = new Map<string, string>();
  const methods = service.methods.map((method) => {
    const key = methodKey(method.name);
    const twin = keys.get(key);
    if (twin !== undefined) {
      const message = `its name in TypeScript is "${key}", which is ${twin}'s already: rename one of them`;
      problems.push(placeProblem({ subject: subjectOf(method), field: "", message }, method));
    }
    keys.set(key, method.name);
    return { desc: method, key, policy: readMethod(method, registry, problems) };
  });
  return { desc: service, meshName: name.value, methods };
}

function readMethod(method: DescMethod, registry: Registry, problems: PlacedProblem[]): MethodPolicy {
  const idempotency = (MethodOptions_IdempotencyLevel[method.idempotency] ?? "IDEMPOTENCY_UNKNOWN") as IdempotencyLevel;
  const policy = readPolicy({
    method: subjectOf(method),
    idempotency,
    option: optionOf(method, METHOD_POLICY, registry),
    input: shapeOf(method.input),
  });
  problems.push(...policy.problems.map((problem) => placeProblem(problem, method)));
  return policy.value;
}

function subjectOf(method: DescMethod): string {
  return `${method.parent.typeName}.${method.name}`;
}

/** The JSON form of one of our options; the file that declares it is in the request whenever it is used. */
function optionOf(desc: DescMethod | DescService, extension: string, registry: Registry): JsonValue | undefined {
  const declared = registry.getExtension(extension);
  if (declared?.message === undefined || !hasOption(desc, declared)) return undefined;
  return toJson(declared.message, getOption(desc, declared) as never);
}

function shapeOf(message: DescMessage): MessageShape {
  return {
    typeName: message.typeName,
    fields: new Map(message.fields.map((field) => [field.name, fieldShape(field)])),
  };
}

function fieldShape(field: DescField): FieldShape {
  const key = fieldKey(field.name);
  if (field.fieldKind === "list" || field.fieldKind === "map") return { key, kind: "repeated" };
  if (isInOneof(field.oneof)) return { key, kind: "oneof" };
  // ts-proto turns google.protobuf.StringValue and its like into plain optional values.
  if (field.message === undefined || isWrapperDesc(field.message)) return { key, kind: "scalar" };
  const { message } = field;
  return { key, kind: "message", message: () => shapeOf(message) };
}

/** The compiler wraps proto3's `optional` in a oneof of its own, which users never see. */
function isInOneof(oneof: DescOneof | undefined): boolean {
  return oneof !== undefined && !(oneof.fields.length === 1 && oneof.fields[0]?.proto.proto3Optional);
}
