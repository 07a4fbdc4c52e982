/** mesh agent: a registry for a laptop, in memory, until Ctrl-C. */
import { once } from "node:events";
import { type AgentOptions, startAgent } from "@meshwork/agent";
import { CommandError } from "./failures.ts";
import type { Terminal } from "./terminal.ts";

/** Where Consul's own tools look when nothing else is said. */
const DEFAULT_PORT = 8500;

/** Resolves when the signal aborts. @param options of startAgent(): port 0 takes any free one. */
export async function runAgent(options: AgentOptions, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const agent = await startAgent(options).catch((cause: unknown) => {
    throw new CommandError(`agent could not start: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  });
  await terminal.print(
    `agent listens on ${agent.url}; it is for development, keeps everything in memory and ends with Ctrl-C`,
  );
  await terminal.print(
    agent.port === DEFAULT_PORT
      ? "services find it by themselves: it is where they look when CONSUL_HTTP_ADDR is not set"
      : `let services find it: export CONSUL_HTTP_ADDR=${agent.url}`,
  );
  if (options.token !== undefined) {
    await terminal.print("it answers who shows its token: let services have it in CONSUL_HTTP_TOKEN");
  }
  if (!signal.aborted) await once(signal, "abort");
  await agent.close();
}
