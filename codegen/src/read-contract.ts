/** Reads what a proto file says of its services: names and policies, with every problem in its place. */
import {
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
  getOption,
  hasOption,
  type JsonValue,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import {
  type IdempotencyLevel,
  METHOD_POLICY,
  meshName,
  messageShape,
  methodKey,
  type MethodPolicy,
  readPolicy,
  SERVICE_POLICY,
  type ServiceOption,
} from "@meshwork/sdk/contract";
import { isIdentifier } from "./identifiers.ts";
import { fieldKey, messageExport } from "./message-names.ts";
import { type PlacedProblem, placeProblem } from "./problems.ts";

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
  const option = optionOf(service, SERVICE_POLICY, registry) as ServiceOption | undefined;
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
    problems.push(...[method.input, method.output].flatMap((message) => nameProblems(message, method)));
    return { desc: method, key, policy: readMethod(method, option?.balancing, registry, problems) };
  });
  return { desc: service, meshName: name.value, methods };
}

function readMethod(
  method: DescMethod,
  balancing: string | undefined,
  registry: Registry,
  problems: PlacedProblem[],
): MethodPolicy {
  const idempotency = (MethodOptions_IdempotencyLevel[method.idempotency] ?? "IDEMPOTENCY_UNKNOWN") as IdempotencyLevel;
  const policy = readPolicy({
    method: subjectOf(method),
    idempotency,
    option: optionOf(method, METHOD_POLICY, registry),
    input: messageShape(method.input, { keyOf: fieldKey, wrappers: "values" }),
    balancing,
  });
  problems.push(...policy.problems.map((problem) => placeProblem(problem, method)));
  return policy.value;
}

/** ts-proto drops underscores, and some messages have nothing else for a name, or begin with a digit then. */
function nameProblems(message: DescMessage, method: DescMethod): readonly PlacedProblem[] {
  const name = messageExport(message);
  if (isIdentifier(name)) return [];
  const text = `its message ${message.typeName} is "${name}" in TypeScript, which is no name: rename it`;
  return [placeProblem({ subject: subjectOf(method), field: "", message: text }, method)];
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
