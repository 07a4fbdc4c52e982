/** Runs one command line to its exit code. Every failure ends here, as a message for people. */
import type { Mesh, MeshError } from "@meshwork/sdk";
import { CommanderError } from "commander";
import { EXIT } from "./failures.ts";
import { type Actions, type CallArguments, createProgram, type LsArguments } from "./program.ts";
import type { Terminal } from "./terminal.ts";

export interface Invocation {
  /** Without the interpreter and the script. */
  readonly words: readonly string[];
  readonly terminal: Terminal;
  /** Aborts when the user wants to leave. */
  readonly signal: AbortSignal;
}

/** Resolves to the exit code; never rejects. */
export async function run({ words, terminal, signal }: Invocation): Promise<number> {
  const actions: Actions = {
    call: async (options) => {
      const { callCommand, callOrExplain } = await import("./call/call-action.ts");
      const command = callCommand(options, terminal);
      await withMesh(options, terminal, (mesh) => callOrExplain(mesh, command, terminal, signal));
    },
    ls: async (options) => {
      const { runLs } = await import("./ls/ls-command.ts");
      const { parseTargetOption } = await import("./arguments.ts");
      const target = options.target === undefined ? undefined : parseTargetOption(options.target);
      const command = { service: options.service, target, json: options.json === true };
      await withMesh(options, terminal, (mesh) => runLs(mesh, command, terminal, signal));
    },
    agent: async ({ port, ...options }) => {
      const { parsePort } = await import("./arguments.ts");
      const { runAgent } = await import("./agent-command.ts");
      await runAgent({ port: parsePort(port), ...options }, terminal, signal);
    },
  };
  try {
    await createProgram(actions).parseAsync(words, { from: "user" });
    return EXIT.ok;
  } catch (error) {
    return report(error, words, terminal, signal);
  }
}

async function withMesh(
  { verbose }: CallArguments | LsArguments,
  terminal: Terminal,
  work: (mesh: Mesh) => Promise<void>,
): Promise<void> {
  const { quietMesh } = await import("./quiet-mesh.ts");
  const mesh = quietMesh(verbose === true ? (line) => terminal.note(terminal.noteColors.dim(line)) : undefined);
  try {
    await work(mesh);
  } finally {
    await mesh.close();
  }
}

async function report(
  error: unknown,
  words: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  // commander has written its message already; help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const colors = terminal.noteColors;
  const sdk = await import("@meshwork/sdk");
  if (signal.aborted) {
    terminal.note("cancelled");
    return EXIT.interrupted;
  }
  const wantsStack = words.some((word) => word === "-v" || word === "--verbose") || (process.env["DEBUG"] ?? "") !== "";
  if (error instanceof sdk.MeshError) {
    const { describeFailure } = await import("./call/describe-failure.ts");
    terminal.note(describeFailure(error, colors));
  } else {
    terminal.note(`${colors.red("error:")} ${error instanceof Error ? error.message : String(error)}`);
  }
  if (wantsStack && error instanceof Error) terminal.note(colors.dim(stackOf(error)));
  return exitCode(error, sdk.MeshError);
}

/** A MeshError without a call complains of what the user gave it: a target, an address of Consul, a contract. */
function exitCode(error: unknown, MeshErrorType: typeof MeshError): number {
  if (error instanceof MeshErrorType) {
    return error.call === undefined && error.code === "INVALID_ARGUMENT" ? EXIT.usage : EXIT.failed;
  }
  return error instanceof Error && "exitCode" in error ? Number(error.exitCode) : EXIT.failed;
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
