/**
 * Definitions of services whose contract is read at run time: names and kinds from the descriptor, policies from the
 * options as protobufjs parsed them, codecs from @grpc/proto-loader.
 */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type * as Protobufjs from "protobufjs";
import type { CallKind } from "../call/method-info.ts";
import type { MethodDefinition, ServiceDefinition } from "./definition.ts";
import type { MessageCodec } from "./message-codec.ts";
import { messageShape } from "./message-shape.ts";
import { meshName, methodKey } from "./names.ts";
import type { IdempotencyLevel } from "./policy.ts";
import type { Checked, ContractProblem } from "./problem.ts";
import { METHOD_POLICY, readPolicy, SERVICE_POLICY } from "./read-policy.ts";

/** What proto-loader makes of a method. */
export interface DynamicMethod {
  readonly requestSerialize: (message: object) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => object;
  readonly responseSerialize: (message: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}

/** By the method's name in the proto file. */
export type DynamicCodecs = Readonly<Record<string, DynamicMethod>>;

const KINDS: Readonly<Record<DescMethod["methodKind"], CallKind>> = {
  unary: "unary",
  server_streaming: "serverStreaming",
  client_streaming: "clientStreaming",
  bidi_streaming: "bidiStreaming",
};

/**
 * @param desc the service's descriptor.
 * @param parsed the same service as protobufjs parsed it; custom options are only there.
 * @param codecs its methods as proto-loader made them.
 */
export function readDynamicService(
  desc: DescService,
  parsed: Protobufjs.Service,
  codecs: DynamicCodecs,
): Checked<ServiceDefinition> {
  const problems: ContractProblem[] = [];
  const { name, balancing } = readServiceOption(desc, customOption(parsed, SERVICE_POLICY), problems);
  const methods: Record<string, MethodDefinition> = {};
  for (const method of desc.methods) {
    const key = methodKey(method.name);
    const subject = `${desc.typeName}.${method.name}`;
    const twin = methods[key]?.name;
    if (twin !== undefined) {
      const message = `its name in JavaScript is "${key}", which is ${twin}'s already: rename one of them`;
      problems.push({ subject, field: "", message });
    }
    const codec = codecs[method.name];
    const origin = parsed.methods[method.name];
    if (codec === undefined || origin === undefined) throw new Error(`${subject} was lost while loading`);
    const policy = readPolicy({
      method: subject,
      idempotency: MethodOptions_IdempotencyLevel[method.idempotency] as IdempotencyLevel,
      option: customOption(origin, METHOD_POLICY),
      input: messageShape(method.input, { keyOf: camelKey, wrappers: "messages" }),
      balancing,
    });
    problems.push(...policy.problems);
    methods[key] = {
      service: desc.typeName,
      name: method.name,
      path: `/${desc.typeName}/${method.name}`,
      kind: KINDS[method.methodKind],
      input: codecOf(codec.requestSerialize, codec.requestDeserialize),
      output: codecOf(codec.responseSerialize, codec.responseDeserialize),
      policy: policy.value,
      ...(method.deprecated ? { deprecated: true } : {}),
    };
  }
  return { value: { typeName: desc.typeName, meshName: name, methods }, problems };
}

function readServiceOption(
  { typeName }: DescService,
  option: unknown,
  problems: ContractProblem[],
): { readonly name: string; readonly balancing: string | undefined } {
  const { name, balancing, ...unknown } = (option ?? {}) as Readonly<Record<string, unknown>>;
  const refuse = (field: string, fault: string): undefined => {
    problems.push({ subject: typeName, field, message: `${field} ${fault}` });
  };
  const text = (field: string, value: unknown): string | undefined =>
    value === undefined || typeof value === "string"
      ? value
      : refuse(field, `is ${JSON.stringify(value)}: write a text`);
  for (const field of Object.keys(unknown)) refuse(field, "is not a field of the option");
  const read = meshName(typeName, text("name", name));
  problems.push(...read.problems);
  return { name: read.value, balancing: text("balancing", balancing) || undefined };
}

/** The value of a custom option, which the text may name in full or as seen from its own package. */
function customOption(from: Protobufjs.ReflectionObject, name: string): unknown {
  const parsed = (from.parsedOptions ?? []) as unknown as readonly Record<string, unknown>[];
  const values = parsed.flatMap((one) => Object.entries(one)).filter(([key]) => names(key, from, name));
  if (values.length === 0) return undefined;
  const messages = values.map(([, value]) => value);
  return messages.length === 1 ? messages[0] : Object.assign({}, ...messages);
}

function names(key: string, from: Protobufjs.ReflectionObject, extension: string): boolean {
  if (!key.startsWith("(")) return false;
  const written = key.slice(1, -1);
  if (written.startsWith(".")) return written.slice(1) === extension;
  const scope = from.fullName.slice(1).split(".");
  return scope.some((_, depth) => [...scope.slice(0, depth), written].join(".") === extension);
}

/** The way protobufjs makes properties of field names. */
function camelKey(name: string): string {
  return name.charAt(0) + name.slice(1).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function codecOf(
  serialize: (message: object) => Buffer,
  deserialize: (bytes: Buffer) => object,
): MessageCodec<unknown> {
  return {
    encode: (message) => {
      const bytes = serialize(message as object);
      return { finish: () => bytes };
    },
    decode: (bytes) => deserialize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    // protobufjs fills what is missing while it writes.
    fromPartial: (partial) => partial,
  };
}
