/** Where in the proto files a problem is: file, line and column, from the source info that buf and protoc send along. */
import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";
import { type ContractProblem, describeProblem } from "@meshwork/sdk/contract";

/** Field numbers of descriptor.proto, which paths in source info are made of. */
const FILE_SERVICE = 6;
const SERVICE_METHOD = 2;
const SERVICE_OPTIONS = 3;
const METHOD_OPTIONS = 4;
/** Numbers of our own options in meshwork/v1/policy.proto. */
const METHOD_POLICY_NUMBER = 50501;
const SERVICE_POLICY_NUMBER = 50502;

export interface PlacedProblem {
  readonly problem: ContractProblem;
  /** "greeter/v1/greeter.proto:12:3"; without line and column when they are not known. */
  readonly place: string;
}

export function placeProblem(problem: ContractProblem, desc: DescMethod | DescService): PlacedProblem {
  const file = desc.kind === "service" ? desc.file : desc.parent.file;
  return { problem, place: placeOf(file, [...descPath(desc), ...optionPath(problem, desc)]) };
}

/** One problem a line, as compilers print them; buf puts the plugin's name before the first. */
export function describeAll(problems: readonly PlacedProblem[]): string {
  const lines = problems.map(({ problem, place }) => `${place}: ${describeProblem(problem)}`);
  return lines.length === 1 ? lines.join() : `${lines.length} problems\n${lines.join("\n")}`;
}

/** The path of a service or method in source info. */
export function descPath(desc: DescMethod | DescService): readonly number[] {
  if (desc.kind === "service") return [FILE_SERVICE, desc.file.services.indexOf(desc)];
  return [...descPath(desc.parent), SERVICE_METHOD, desc.parent.methods.indexOf(desc)];
}

function optionPath(problem: ContractProblem, desc: DescMethod | DescService): readonly number[] {
  if (problem.field === "") return [];
  return desc.kind === "rpc" ? [METHOD_OPTIONS, METHOD_POLICY_NUMBER] : [SERVICE_OPTIONS, SERVICE_POLICY_NUMBER];
}

/** The location of the path or, where the compiler gave none, of the nearest thing around it. */
function placeOf(file: DescFile, path: readonly number[]): string {
  const locations = file.proto.sourceCodeInfo?.location ?? [];
  for (let length = path.length; length > 0; length--) {
    const found = locations.find((one) => startsWith(one.path, path.slice(0, length)));
    const [line, column] = found?.span ?? [];
    if (line !== undefined && column !== undefined) return `${file.proto.name}:${line + 1}:${column + 1}`;
  }
  return file.proto.name;
}

/** `option (x).deadline = ...` is located below the option itself, hence the prefix. */
function startsWith(path: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((number, index) => path[index] === number);
}
