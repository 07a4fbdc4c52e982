/** From the words of a command line to a call, and from "nobody is there" to what is. */
import type { Mesh } from "@meshwork/sdk";
import { meshName } from "@meshwork/sdk/contract";
import { type MethodName, parseDuration, parseMetadata, parseMethodName, parseTargetOption } from "../arguments.ts";
import { CommandError, UsageError } from "../failures.ts";
import { askRegistry } from "../ls/ask-registry.ts";
import { whatThereIs } from "../ls/list-registry.ts";
import type { CallArguments } from "../program.ts";
import type { Terminal } from "../terminal.ts";
import { type CallCommand, foundNobody, runCall } from "./call-command.ts";
import { requestInput } from "./request-input.ts";

/** Throws UsageError for arguments that make no sense. */
export function callCommand(options: CallArguments, terminal: Terminal): CallCommand {
  const { name, request } = splitWords(options.words);
  const { proto = [], include = [], metadata = [] } = options;
  if (include.length > 0 && proto.length === 0) {
    throw new UsageError("--include says where imports of --proto start from: name a .proto file with --proto too");
  }
  return {
    name,
    target: options.target === undefined ? undefined : parseTargetOption(options.target),
    protoFiles: proto,
    includeFolders: include,
    metadata: parseMetadata(metadata),
    timeoutMs: options.timeout === undefined ? undefined : parseDuration(options.timeout),
    showHeaders: options.headers === true,
    style: { layout: layoutOf(options, terminal), fields: options.emitDefaults === true ? "all" : "set" },
    verbose: (line) => {
      if (options.verbose === true) terminal.note(line);
    },
    input: requestInput(request, process.stdin),
  };
}

/** "service/Method request", or "service Method request". */
export function splitWords(words: readonly string[]): { name: MethodName; request: string | undefined } {
  const [first = "", second, third] = words;
  const apart = !first.includes("/") && second !== undefined && /^\w+$/.test(second);
  const name = parseMethodName(first, apart ? second : undefined);
  const used = apart ? 3 : 2;
  if (words.length > used) {
    throw new UsageError(
      `${JSON.stringify(words[used])} is one word too many: quote the request, such as '{"name": "Ada"}'`,
    );
  }
  return { name, request: apart ? third : second };
}

function layoutOf({ json, output }: CallArguments, terminal: Terminal): "line" | "pretty" {
  if (json === true || output === "json") return "line";
  return output === "pretty" || terminal.interactive ? "pretty" : "line";
}

/** Makes the call; when the registry has nobody to ask, says whom it has. */
export async function callOrExplain(
  mesh: Mesh,
  command: CallCommand,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  try {
    await runCall(mesh, command, terminal, signal);
  } catch (error) {
    if (!foundNobody(error) || command.target !== undefined) throw error;
    throw await explanation(command.name.service, error, signal);
  }
}

/** What to say in place of "nobody is there". */
function explanation(service: string, cause: Error, signal: AbortSignal): Promise<CommandError> {
  return askRegistry(signal, async (registry) => {
    const name = meshName(service).value;
    const known = await registry.instances(name);
    if (known.length === 0) {
      const there = await whatThereIs(registry, name);
      return new CommandError(`no instance of "${name}" is registered in consul at ${registry.place}: ${there}`, {
        cause,
      });
    }
    const sick = known.map(({ id, status }) => `${id} is ${status}`).join(", ");
    return new CommandError(`no instance of "${name}" is healthy in consul at ${registry.place}: ${sick}`, { cause });
  });
}
