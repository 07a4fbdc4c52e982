/** Services and methods for mesh ls: as data for programs, as tables for people. */
import type { DescMethod } from "@bufbuild/protobuf";
import type { MethodPolicy } from "@meshwork/sdk/contract";
import { KINDS } from "../call/dynamic-method.ts";
import type { ContractSource } from "../contract/contract-source.ts";
import { isToolService } from "../contract/find-service.ts";
import { indent, table } from "../table.ts";
import type { Colors } from "../terminal.ts";

export interface ListedService {
  readonly service: string;
  readonly methods: readonly ListedMethod[];
}

export interface ListedMethod {
  readonly name: string;
  readonly kind: (typeof KINDS)[keyof typeof KINDS];
  /** Full names of message types. */
  readonly request: string;
  readonly response: string;
  readonly policy: MethodPolicy;
}

/** Everything that a source tells of; those services that are only tools come without being asked for details. */
export async function listServices(source: ContractSource): Promise<readonly ListedService[]> {
  const listed: ListedService[] = [];
  for (const name of (await source.services()).filter((one) => !isToolService(one))) {
    const known = await source.service(name);
    const methods = known?.desc.methods.map((method) => listedMethod(method, known.policyOf(method))) ?? [];
    listed.push({ service: name, methods });
  }
  return listed;
}

function listedMethod(method: DescMethod, policy: MethodPolicy): ListedMethod {
  return {
    name: method.name,
    kind: KINDS[method.methodKind],
    request: method.input.typeName,
    response: method.output.typeName,
    policy,
  };
}

export function describeServices(services: readonly ListedService[], colors: Colors): string {
  return services.map((service) => describeService(service, colors)).join("\n\n");
}

function describeService({ service, methods }: ListedService, colors: Colors): string {
  const scope = service.slice(0, service.lastIndexOf(".") + 1);
  const rows = methods.map((method) => {
    const streams = { request: /^(?:client|bidi)/.test(method.kind), response: /^(?:server|bidi)/.test(method.kind) };
    const type = (name: string, isStream: boolean): string => `${isStream ? "stream " : ""}${shortType(name, scope)}`;
    return [
      method.name,
      type(method.request, streams.request),
      type(method.response, streams.response),
      describePolicy(method.policy),
    ];
  });
  return `${colors.bold(service)}\n${indent(table([["METHOD", "REQUEST", "RESPONSE", "POLICY"], ...rows], colors.dim))}`;
}

/** Types of the service's own package go without it. */
function shortType(name: string, scope: string): string {
  return scope !== "" && name.startsWith(scope) ? name.slice(scope.length) : name;
}

/** What a caller can count on: "deadline 1 s, 3 attempts, no side effects". */
export function describePolicy({ deadlineMs, retry, hedging, idempotency, balancing }: MethodPolicy): string {
  return [
    deadlineMs === undefined ? "" : `deadline ${deadlineMs < 1_000 ? `${deadlineMs} ms` : `${deadlineMs / 1_000} s`}`,
    retry === undefined ? "" : `${retry.maxAttempts} attempts`,
    hedging === undefined ? "" : `hedged after ${hedging.delayMs} ms`,
    balancing === undefined ? "" : `balanced by ${balancing}`,
    idempotency === "IDEMPOTENCY_UNKNOWN" ? "" : idempotency.toLowerCase().replaceAll("_", " "),
  ]
    .filter((part) => part !== "")
    .join(", ");
}
