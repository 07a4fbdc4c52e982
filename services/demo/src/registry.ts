/** The registry of a run: the Consul that is there, else an agent of our own in this process. */
import { startAgent } from "@meshwork/agent";
import { type ConsulOptions, consulOptionsFromEnv } from "@meshwork/sdk";
import { ask } from "./registry-http.ts";

export interface Registry {
  readonly kind: "consul" | "agent";
  readonly consul: ConsulOptions;
  /** What it is and where: "Consul at http://127.0.0.1:8500". */
  readonly name: string;
  /** Why it is this one, when it is not the one that was looked for. */
  readonly because: string | undefined;
  /** The environment in which instances find it too. */
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

/** Nobody waits longer for a Consul that does not answer. */
const ANSWER_WITHIN_MS = 1_000;

/** Rejects with a MeshError when the environment's CONSUL_* variables are wrong. */
export async function findRegistry(env: NodeJS.ProcessEnv): Promise<Registry> {
  const consul = consulOptionsFromEnv(env);
  const place = consul.socketPath ?? consul.url;
  const obstacle = await obstacleOf(consul);
  if (obstacle === undefined) {
    const ours = await isAgent(consul);
    const name = `${ours ? "the meshwork agent" : "Consul"} at ${place}`;
    return { kind: ours ? "agent" : "consul", consul, name, because: undefined, env, close: async () => {} };
  }
  const agent = await startAgent();
  return {
    kind: "agent",
    consul: { url: agent.url },
    name: `our own agent at ${agent.url}`,
    because: `Consul at ${place} ${obstacle}`,
    env: { ...withoutConsul(env), CONSUL_HTTP_ADDR: agent.url },
    close: () => agent.close(),
  };
}

/** Why nothing can be registered there; undefined when it can. */
async function obstacleOf(consul: ConsulOptions): Promise<string | undefined> {
  try {
    const { status, text } = await ask(consul, { path: "/v1/status/leader", timeoutMs: ANSWER_WITHIN_MS });
    if (status !== 200) return `answers ${status}`;
    return /^"[^"]+"\s*$/.test(text) ? undefined : "has no leader";
  } catch (error) {
    return `does not answer (${reasonOf(error)})`;
  }
}

/** Our agent says so where Consul gives figures of its own. */
async function isAgent(consul: ConsulOptions): Promise<boolean> {
  const { status, text } = await ask(consul, { path: "/v1/agent/self", timeoutMs: ANSWER_WITHIN_MS });
  return status === 200 && /"meshwork":\s*"true"/.test(text);
}

function withoutConsul(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("CONSUL_")));
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError" || error.name === "AbortError") return `within ${ANSWER_WITHIN_MS} ms`;
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
