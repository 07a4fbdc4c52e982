/** Our agent in a process of its own, so that nobody waits for what it computes and it is weighed alone. */
import { Helper } from "../helper.ts";
import type { Usage } from "./usage.ts";

export class AgentProcess {
  readonly url: string;
  readonly #helper: Helper;

  private constructor(helper: Helper, url: string) {
    this.#helper = helper;
    this.url = url;
  }

  static async start(): Promise<AgentProcess> {
    const helper = new Helper("discovery/agent.ts", []);
    return new AgentProcess(helper, await helper.hear<string>());
  }

  /** Throws the agent's own words when it refuses. */
  async put(path: string, body?: unknown): Promise<unknown> {
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const reply = await fetch(`${this.url}${path}`, { method: "PUT", ...init });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`agent answered PUT ${path} with ${reply.status}: ${text}`);
    return text;
  }

  usage(): Promise<Usage> {
    return this.#helper.usage();
  }

  close(): Promise<void> {
    return this.#helper.end();
  }
}
