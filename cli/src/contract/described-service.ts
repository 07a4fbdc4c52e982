/** What the descriptor of a service says of its name and of its methods' policies: options that reflection carries. */
import { type DescMethod, type DescService, getOption, hasOption, type Registry, toJson } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import {
  describeProblem,
  type IdempotencyLevel,
  meshName,
  messageShape,
  METHOD_POLICY,
  type MethodPolicy,
  readPolicy,
  SERVICE_POLICY,
  type ServiceOption,
} from "@meshwork/sdk/contract";
import { CommandError } from "../failures.ts";
import type { KnownService } from "./contract-source.ts";

export function describedService(desc: DescService, types: Registry): KnownService {
  const option = optionOf(desc, SERVICE_POLICY, types) as ServiceOption | undefined;
  return {
    desc,
    types,
    meshName: meshName(desc.typeName, option?.name).value,
    policyOf: (method) => policyOf(method, option?.balancing, types),
  };
}

function policyOf(method: DescMethod, balancing: string | undefined, types: Registry): MethodPolicy {
  const { value, problems } = readPolicy({
    method: `${method.parent.typeName}.${method.name}`,
    idempotency: (MethodOptions_IdempotencyLevel[method.idempotency] ?? "IDEMPOTENCY_UNKNOWN") as IdempotencyLevel,
    option: optionOf(method, METHOD_POLICY, types),
    input: messageShape(method.input, { keyOf: (name) => localName(method, name), wrappers: "values" }),
    balancing,
  });
  if (problems.length === 0) return value;
  throw new CommandError(`contract cannot be followed: ${problems.map(describeProblem).join("; ")}`);
}

function localName({ input }: DescMethod, field: string): string {
  return input.fields.find(({ name }) => name === field)?.localName ?? field;
}

/** The JSON form of one of our options, or undefined when it is not used. */
function optionOf(desc: DescMethod | DescService, extension: string, types: Registry): unknown {
  const declared = types.getExtension(extension);
  if (declared?.message === undefined || !hasOption(desc, declared)) return undefined;
  return toJson(declared.message, getOption(desc, declared) as never);
}
