/**
 * mesh call: finds the method's contract, turns JSON into messages, makes the call through the SDK as any service of the
 * mesh would, and prints what comes back as it comes.
 */
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { type CallOptions, type Mesh, MeshError, type Metadata } from "@meshwork/sdk";
import { meshName } from "@meshwork/sdk/contract";
import { type MethodName, parseTargetOption } from "../arguments.ts";
import type { ContractSource, KnownService } from "../contract/contract-source.ts";
import { findMethod, findService } from "../contract/find-service.ts";
import { protoSource } from "../contract/proto-source.ts";
import { ReflectionSource } from "../contract/reflection-source.ts";
import { UsageError } from "../failures.ts";
import { readRequest, readRequests } from "../json/request-reader.ts";
import { type JsonStyle, writeMessage } from "../json/response-writer.ts";
import type { Terminal } from "../terminal.ts";
import { type DynamicClient, dynamicMethod, type Responses } from "./dynamic-method.ts";
import { type RequestInput, wholeText } from "./request-input.ts";

export interface CallCommand {
  readonly name: MethodName;
  readonly input: RequestInput;
  /** Undefined: where the registry has the service. */
  readonly target: string | undefined;
  /** Contracts to use in place of reflection; empty: reflection. */
  readonly protoFiles: readonly string[];
  readonly includeFolders: readonly string[];
  readonly metadata: Metadata;
  /** Milliseconds, in place of the contract's deadline. */
  readonly timeoutMs: number | undefined;
  readonly showHeaders: boolean;
  readonly style: JsonStyle;
  /** Takes what is worth telling under --verbose. */
  readonly verbose: (line: string) => void;
}

/** Reflection takes at most as long as the call, but is given this much of a chance, and no more than that. */
const REFLECTION_MS = { least: 1_000, most: 10_000 } as const;

/** Makes the call. Rejects with UsageError when nothing could be called, with MeshError when the call failed. */
export async function runCall(
  mesh: Mesh,
  command: CallCommand,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const source = openSource(mesh, command, signal);
  try {
    const service = await findService(source, command.name.service);
    const method = findMethod(service, command.name.method);
    const target = command.target ?? `consul:///${service.meshName}`;
    command.verbose(`calling ${service.desc.typeName}/${method.name} (${method.methodKind}) at ${target}`);
    await call({ mesh, command, terminal, signal, source, service, method, target });
  } finally {
    source.close();
    // An open standard input that nobody reads any more would hold the process.
    if (command.input.kind === "stream") command.input.close();
  }
}

function openSource(mesh: Mesh, command: CallCommand, signal: AbortSignal): ContractSource {
  if (command.protoFiles.length > 0) return protoSource(command.protoFiles, command.includeFolders);
  const { timeoutMs = REFLECTION_MS.most, metadata } = command;
  const deadlineMs = Math.min(REFLECTION_MS.most, Math.max(REFLECTION_MS.least, timeoutMs));
  const target = command.target ?? defaultTarget(command.name.service);
  return new ReflectionSource(mesh, target, { policy: { deadlineMs }, metadata, signal });
}

/** Where the registry has a service of which only the name is known yet. */
export function defaultTarget(service: string): string {
  const { value, problems } = meshName(service);
  if (problems.length === 0) return parseTargetOption(`consul:///${value}`);
  throw new UsageError(`service ${JSON.stringify(service)} cannot be looked up: name its address with --target`);
}

interface Call {
  readonly mesh: Mesh;
  readonly command: CallCommand;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly source: ContractSource;
  readonly service: KnownService;
  readonly method: DescMethod;
  readonly target: string;
}

async function call(one: Call): Promise<void> {
  const { mesh, command, source, service, method, target } = one;
  const input = new MistakeKeeper();
  const requests = await input.open(one);
  const client = mesh.client<DynamicClient>(dynamicMethod(service, method), { target });
  const context = {
    desc: method.output,
    types: service.types,
    source,
    onUnknown: (name: string) =>
      one.terminal.note(`type ${name} is unknown to ${source.place}: its fields are left out`),
  };
  try {
    for await (const response of each(client.call(requests, callOptions(one)))) {
      await one.terminal.print(await writeMessage(context, response, command.style));
    }
  } catch (error) {
    throw input.mistake ?? error;
  }
}

/** Requests that turn out wrong when the call is under way fail it as CANCELLED; what the user must hear is the mistake. */
class MistakeKeeper {
  mistake: unknown;

  async open({ command, source, service, method }: Call): Promise<Message | Message[] | AsyncIterable<Message>> {
    const { input } = command;
    const context = { desc: method.input, types: service.types, source };
    if (method.methodKind === "unary" || method.methodKind === "server_streaming") {
      return readRequest(context, await wholeText(input));
    }
    if (input.kind === "stream") return this.#keep(readRequests(context, input.pieces));
    const messages: Message[] = [];
    for await (const message of readRequests(context, [input.text])) messages.push(message);
    return messages;
  }

  async *#keep(requests: AsyncIterable<Message>): AsyncGenerator<Message> {
    try {
      yield* requests;
    } catch (error) {
      this.mistake = error;
      throw error;
    }
  }
}

function callOptions({ command, terminal, signal }: Call): CallOptions {
  const { timeoutMs, metadata } = command;
  const show = (title: string) => (headers: Metadata) => {
    for (const [key, value] of headers) {
      const text = typeof value === "string" ? value : Buffer.from(value).toString("base64");
      terminal.note(`${title} ${key}: ${text}`);
    }
  };
  return {
    signal,
    metadata,
    ...(timeoutMs === undefined ? {} : { policy: { deadlineMs: timeoutMs } }),
    ...(command.showHeaders ? { onHeaders: show("header"), onTrailers: show("trailer") } : {}),
  };
}

async function* each(responses: Responses): AsyncGenerator<Message> {
  if (Symbol.asyncIterator in responses) yield* responses;
  else yield await responses;
}

/** Whether a failure says that nobody was there to ask. */
export function foundNobody(error: unknown): error is MeshError {
  return error instanceof MeshError && error.code === "UNAVAILABLE" && error.attempts === 0;
}
